# The trainer in a container, for a computer that has no simulator: those run elsewhere, and a launcher hands them out.
# docs/launcher.md says how to build and run it. `make check-container` runs these very lines without Docker.
FROM debian:bookworm-slim
WORKDIR /patate
COPY requirements/trainer.lock requirements/
COPY scripts/find-python scripts/install-container scripts/make-venv scripts/
RUN scripts/install-container
COPY . .
ENV HOME=/tmp
ENTRYPOINT [".venv/bin/python", "manage.py"]
CMD ["train"]
