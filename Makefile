# `make drive` is all a newcomer types. Each target brings what it needs; none calls apt.
#   make drive ARGS="--laps 2 --no-realtime --seed 7"    arguments are passed on, here and to train

SHELL := /bin/bash
ARGS ?=
HOST ?= 127.0.0.1
S3_PORT ?= 8333
export PYTHON
# The lock files are whole: pip resolves nothing, or it takes a newer release of what is asked for by its extra (coverage[toml]).
PIP_INSTALL = .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r

.PHONY: help drive train evaluate test test-slow check check-trixie check-arm64 check-container s3 service install \
	install-trainer install-dev locks peers peers-gym clean

help: ## this page
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | column -t -s "$$(printf '\t')"

drive: install ## a policy drives: the real car on a Raspberry Pi, the simulated one elsewhere
	@.venv/bin/python manage.py drive $(ARGS)

train: install-trainer ## learn to drive, from nothing, in 10 minutes
	@.venv/bin/python manage.py train $(ARGS)

evaluate: install ## measure a policy on unseen tracks
	@.venv/bin/python manage.py evaluate $(ARGS)

test: install-dev ## the test suite, and which lines it ran
	@.venv/bin/python -m pytest -m "not slow" --cov $(ARGS)
	@echo "Not counted: the processes that the tests start (the program as typed, trainings, all that needs TensorFlow)."

test-slow: install-dev ## the tests that take minutes
	@.venv/bin/python -m pytest -m slow $(ARGS)

check: install-dev ## lint, format, types, who may import whom
	@.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports

check-trixie: ## the suite on Debian Trixie, Python 3.13, in a root of its own (needs root and debootstrap)
	@scripts/check-trixie

check-arm64: install ## the car on arm64 Bookworm, under qemu, int8 outputs compared (needs root, debootstrap and qemu-user-static)
	@scripts/check-arm64

check-container: install ## the Dockerfile's lines in a bare Debian, then training in it (needs root and debootstrap)
	@scripts/check-container

s3: install-dev ## an S3 server at home, for this computer; HOST=ADDRESS: for the cars in the room too
	@.venv/bin/python -m scripts.s3_server --host $(HOST) --port $(S3_PORT)

service: install ## on a Raspberry Pi: the car starts with the Pi, as systemd services
	@scripts/install-service

# A stamp per lock file: installed once, and again when the lock file changes.
install: .venv/car.installed ## the car's packages, in .venv
install-trainer: .venv/trainer.installed ## the workstation's too: TensorFlow
install-dev: .venv/dev.installed ## and the workshop's: pytest, ruff, mypy

.venv/bin/pip:
	@scripts/make-venv

.venv/%.installed: requirements/%.lock .venv/bin/pip
	@echo "installing requirements/$*.lock ..."
	@$(PIP_INSTALL) $<
	@touch $@

# torch by its version, without hashes; requirements/peers.lock says why. Where PyPI's would come with gigabytes for
# graphics cards: make peers PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
peers: ## what `manage.py bench` compares with, in a venv of its own
	@python=$$(scripts/find-python) && { [ -e .peers/bin/pip ] || "$$python" -m venv .peers; }
	@echo "installing requirements/peers.lock and torch ..."
	@.peers/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/peers.lock
	@.peers/bin/pip install --quiet --disable-pip-version-check torch==2.13.0

peers-gym: ## gym-donkeycar 1.0, which the tests let drive `sim serve`, in a venv of its own (needs python3.11)
	@[ -e .peers-gym/bin/pip ] || python3.11 -m venv .peers-gym
	@echo "installing requirements/peers-gym.lock ..."
	@.peers-gym/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/peers-gym.lock

locks: ## write the lock files anew from pyproject.toml (needs uv)
	@scripts/make-locks

clean: ## remove .venv, .peers, .peers-gym and caches
	@rm -rf .venv .peers .peers-gym .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache .coverage
