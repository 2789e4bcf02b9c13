"""An S3 server of one's own: SeaweedFS as a process, for the cars in the room and for the tests.

It is bound to loopback, all of it: its inner parts ask nobody for a key. What cars reach is one port, that of S3,
passed on by `forward`.
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.request import urlopen

from settings import S3Settings
from storage.files import StorageError, remedy

LOOPBACK = "127.0.0.1"
_START_S, _STOP_S = 60, 10
_PORTS = ("master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "admin", "admin.grpc", "s3.grpc")


@dataclass(frozen=True)
class Identity:
    """Who may do what. rights: SeaweedFS's words, for one bucket like Read:models, or for all like Admin."""

    name: str
    access_key: str
    secret_key: str
    rights: tuple[str, ...]

    @property
    def environment(self) -> dict[str, str]:
        """Where boto3 finds the key."""
        return {"AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key}


def find_seaweed() -> Path | None:
    """SeaweedFS's program, in this Python's environment or on the PATH; None where there is none."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    return Path(found) if found else None


class SeaweedServer:
    """The running server; the first of the identities is its administrator. It can be stopped, or killed, and started
    again on the same ports. A context manager."""

    def __init__(
        self, folder: Path, identities: Sequence[Identity], buckets: Sequence[str], port: int | None = None
    ) -> None:
        """folder: of its files, and of the keys (mode 0600). port: None for any that is free.

        Returns when it serves. Raises StorageError where there is no SeaweedFS, or it does not come up.
        """
        self._folder, self._admin, self._buckets = folder, identities[0], tuple(buckets)
        ports = _free_ports(len(_PORTS) + 1)
        self.port = port or ports.pop()
        self._inner_ports = dict(zip(_PORTS, ports, strict=False))
        self._process: subprocess.Popen[bytes] | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with open(os.open(self._config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump({"identities": [_in_seaweeds_words(identity) for identity in identities]}, file)
        except OSError as error:
            raise StorageError(f"cannot write {folder}: {error.strerror}; {remedy(error)}") from error
        self.start()

    @property
    def settings(self) -> S3Settings:
        return S3Settings(endpoint=f"http://{LOOPBACK}:{self.port}", region="us-east-1")

    def start(self) -> None:
        """Returns when it serves. Raises StorageError."""
        program = find_seaweed()
        if program is None:
            raise StorageError("there is no S3 server, SeaweedFS, on this machine; type `make install-dev`")
        if self._is_taken():
            raise StorageError(f"port {self.port} of {LOOPBACK} is taken by another program; name another port")
        options = {
            "dir": self._folder,
            "ip": LOOPBACK,
            "ip.bind": LOOPBACK,
            **{f"{part}.port.grpc" if grpc else f"{part}.port": port for (part, grpc), port in self._parts()},
            "s3.port": self.port,
            "s3.config": self._config,
            "bucket": ",".join(self._buckets),
            "s3.autoCreateBucket": "false",  # a bucket that is not there is a fault to be told
            "s3.allowDeleteBucketNotEmpty": "false",
            "master.telemetry": "false",  # else it tells its makers about itself
            "webdav": "false",
            "admin.ui": "false",
            "s3.port.iceberg": 0,
            "s3.port.lance": 0,
        }
        command = [str(program), "mini", *(f"-{name}={value}" for name, value in options.items())]
        with open(self._folder / "seaweed.log", "ab") as log:
            self._process = _start(command, log, os.environ | self._admin.environment)
        deadline_s = time.monotonic() + _START_S
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.kill()
                raise StorageError(f"SeaweedFS did not come up; {self._folder / 'seaweed.log'} says why")
            time.sleep(0.05)

    def stop(self) -> None:
        """End it as it likes to be ended; kill it where it does not."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_STOP_S)
        self.kill()

    def kill(self) -> None:
        """End it like a power cut."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for port in (self.port, *self._inner_ports.values()):
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108, where it puts them, whatever TMPDIR
                left.unlink(missing_ok=True)

    def __enter__(self) -> "SeaweedServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def _config(self) -> Path:
        return self._folder / "identities.json"

    def _parts(self) -> list[tuple[tuple[str, bool], int]]:
        return [
            ((name.removesuffix(".grpc"), name.endswith(".grpc")), port) for name, port in self._inner_ports.items()
        ]

    def _is_taken(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, self.port)) == 0

    def _serves(self) -> bool:
        """Whether a bucket of each name is there, which is the last that happens when it starts anew, and whether its
        master knows where the files lie, which is the last when it starts again: until then it answers 500."""
        import boto3  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        client = boto3.client(
            "s3",
            endpoint_url=self.settings.endpoint,
            region_name="us-east-1",
            aws_access_key_id=self._admin.access_key,
            aws_secret_access_key=self._admin.secret_key,
            config=Config(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1}),
        )
        try:
            buckets = {bucket["Name"] for bucket in client.list_buckets()["Buckets"]}
            with urlopen(f"http://{LOOPBACK}:{self._inner_ports['master']}/dir/status", timeout=2) as status:
                topology = json.load(status)["Topology"]
        except (BotoCoreError, ClientError, OSError, ValueError, KeyError):
            return False
        return set(self._buckets) <= buckets and bool(topology["DataCenters"])


async def forward(host: str, port: int, to_port: int) -> None:
    """Pass connections to host:port on to to_port of loopback, until cancelled. Raises StorageError."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(1 << 16):
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(LOOPBACK, to_port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    try:
        server = await asyncio.start_server(pass_on, host, port)
    except OSError as error:
        raise StorageError(
            f"cannot listen at {host}:{port}: {os.strerror(error.errno or 0)}; `hostname -I` tells this computer's "
            "addresses, and S3_PORT=... names another port"
        ) from error
    try:
        await asyncio.Event().wait()
    finally:
        server.close()  # without waiting for clients to leave, as `async with` and serve_forever do since Python 3.12


def _in_seaweeds_words(identity: Identity) -> dict[str, object]:
    return {
        "name": identity.name,
        "credentials": [{"accessKey": identity.access_key, "secretKey": identity.secret_key}],
        "actions": list(identity.rights),
    }


def _free_ports(count: int) -> list[int]:
    """So many ports of loopback that nobody has at this moment."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def _start(command: list[str], log: IO[bytes], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """In a session of its own, so that Ctrl-C reaches it from here, not from the terminal."""
    return subprocess.Popen(  # noqa: S603, no shell
        command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
    )
