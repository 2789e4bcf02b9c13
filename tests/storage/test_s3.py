"""Every fault of a bucket is one line: with the real server where it has that fault, else with one that lies."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from settings import PROJECT, S3Settings
from storage.files import StorageError
from storage.place import ConflictError, NotFoundError, TooLargeError, open_place
from tests.conftest import CAR, assert_one_line

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


def complaint(call: Callable[[], object], *words: str) -> None:
    """The call fails with one line that has these words."""
    with pytest.raises(StorageError) as caught:
        call()
    line = str(caught.value)
    assert "\n" not in line
    for word in words:
        assert word in line, line


def calls(where: str, s3: S3Settings = S3Settings()) -> list[Callable[[], object]]:  # noqa: B008
    place = open_place(where, s3)
    return [
        lambda: place.read("x", 9),
        lambda: place.write("x", b""),
        lambda: list(place.entries()),
        lambda: place.delete("x"),
    ]


def test_a_bucket_that_is_not_there(s3) -> None:
    read, write, entries, _ = calls("s3://nowhere/x")
    for call in (read, write, entries):
        complaint(call, "s3://nowhere/x", "there is no bucket 'nowhere' there; make it, or mend its name")


def test_a_wrong_secret_and_an_unknown_key(s3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    for call in calls("s3://models"):
        complaint(call, "the secret does not fit the key; look at AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    for call in calls("s3://models"):
        complaint(call, "the server does not know this key; look at AWS_ACCESS_KEY_ID")


def test_no_keys_and_no_profile(s3, monkeypatch: pytest.MonkeyPatch) -> None:
    complaint(lambda: open_place("s3://models", S3Settings(profile="nobody")), "profile (nobody) could not be found")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    complaint(lambda: open_place("s3://models"), "no keys are known; set AWS_ACCESS_KEY_ID")


def test_the_cars_key_reads_models_and_writes_recordings_and_no_more(s3, monkeypatch: pytest.MonkeyPatch) -> None:
    open_place("s3://models/rights").write("x", b"model")
    for name, value in CAR.environment.items():
        monkeypatch.setenv(name, value)
    models, recordings = open_place("s3://models/rights"), open_place("s3://recordings/rights")
    assert models.read("x", 9) == b"model"
    assert [entry.name for entry in models.entries()] == ["x"]
    recordings.write("x", b"recording")
    refused = "the server does not allow that to this key"
    complaint(lambda: models.write("x", b""), refused)
    complaint(lambda: models.delete("x"), refused)
    complaint(lambda: recordings.read("x", 9), refused)
    assert models.read("x", 9) == b"model"


def test_no_network(s3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.s3._ATTEMPTS", 2)
    for call in calls("s3://models", S3Settings(endpoint="http://127.0.0.1:1")):
        complaint(call, "the server at http://127.0.0.1:1 cannot be reached", "[s3] in settings.toml")


def test_a_host_that_is_not_there(s3, manage, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('[s3]\nendpoint = "http://no-such-host.invalid"\n')
    refused = manage("models", "list", "--place", "s3://models", "--car", tmp_path)
    assert_one_line(refused, "the server at http://no-such-host.invalid cannot be reached")


def test_an_endpoint_that_is_no_address(s3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "127.0.0.1:8333")
    complaint(lambda: open_place("s3://models"), "Invalid endpoint: 127.0.0.1:8333")


def test_https_where_http_is_spoken(s3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.s3._ATTEMPTS", 1)
    settings = S3Settings(endpoint=f"https://127.0.0.1:{s3.port}")
    complaint(
        lambda: open_place("s3://models", settings).read("x", 9), "has no certificate that holds", "http or https?"
    )


@pytest.mark.skipif(FAKETIME is None, reason="there is no libfaketime; .ci/install-system-packages brings it")
def test_a_clock_that_is_wrong(s3) -> None:
    program = (
        "from storage.place import open_place\n"
        "from storage.files import StorageError\n"
        "try:\n    open_place('s3://models').read('x', 9)\n"
        "except StorageError as error:\n    print(error)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", program],
        cwd=PROJECT,
        env=os.environ | {"LD_PRELOAD": str(FAKETIME), "FAKETIME": "-2h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.stdout.splitlines() == [
        "s3://models/x: this computer's clock is wrong; set it (timedatectl), then try again"
    ], process.stderr


def test_a_server_that_is_killed_and_comes_back(s3, monkeypatch: pytest.MonkeyPatch) -> None:
    place = open_place("s3://models/killed")
    place.write("x", b"before")
    s3.kill()
    try:
        with monkeypatch.context() as impatient:
            impatient.setattr("storage.s3._ATTEMPTS", 2)
            complaint(lambda: open_place("s3://models/killed").read("x", 9), "cannot be reached")
    finally:
        s3.start()
    assert place.read("x", 9) == b"before"
    place.write("x", b"after")
    assert place.read("x", 9) == b"after"


# A server of HTTP that answers as it is told, for the faults that a real one does not have.


class Liar:
    """Answers each request on loopback with the next of these: bytes, or what sends them by itself."""

    def __init__(self, *answers: bytes | Callable[[socket.socket], None]) -> None:
        self._answers = list(answers)
        self.requests: list[bytes] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.settings = S3Settings(endpoint=f"http://127.0.0.1:{self._socket.getsockname()[1]}", region="us-east-1")
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(1 << 16)
                if b"100-continue" in request.lower():
                    connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
                self.requests.append(request)
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                with contextlib.suppress(OSError):
                    connection.sendall(answer) if isinstance(answer, bytes) else answer(connection)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def lie(s3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Liar]]:
    monkeypatch.setattr("storage.s3._ATTEMPTS", 2)
    liars = []

    def start(*answers: bytes | Callable[[socket.socket], None]) -> Liar:
        liars.append(Liar(*answers))
        return liars[-1]

    yield start
    for liar in liars:
        liar.close()


def answer(status: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Connection: close", 'ETag: "tag"', *headers]
    lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def error(status: str, code: str, message: str = "m") -> bytes:
    return answer(status, f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (error("301 Moved", "PermanentRedirect"), "the bucket is in another region; name it: region = "),
        (error("400 Bad Request", "ExpiredToken"), "the keys have expired"),
        (error("503 Slow", "SlowDown"), "the server has too much to do"),
        (error("507 Full", "InsufficientStorage"), "the server has no room for more"),
        (error("500 No", "Odd", "a\x7fb\nc"), "the server answers 500, Odd (ab"),
        (answer("404 Not Found", b"<html>Not here</html>"), "what answers there is no S3 server"),
        (answer("200 OK", b"<html>", "Content-Type: text/html"), None),
        (b"nonsense", "broke off, or was silent"),
        (lambda connection: None, "broke off, or was silent"),
    ],
)
def test_what_a_server_may_answer_is_one_line(lie, said, words: str | None) -> None:
    read, write, entries, _ = calls("s3://models", lie(said).settings)
    if words is None:
        complaint(entries, "what answers there is no S3 server")
    else:
        for call in (read, write, entries):
            complaint(call, words)


def test_a_server_that_redirects_everything_is_not_asked_without_end(lie) -> None:
    liar = lie(error("301 Moved", "PermanentRedirect"))
    complaint(lambda: open_place("s3://models", liar.settings).read("x", 9), "another region")
    elsewhere = lie(answer("307 Moved", b"", "x-amz-bucket-region: eu-north-1"))
    complaint(lambda: open_place("s3://models", elsewhere.settings).read("x", 9), "s3://models")
    assert len(liar.requests) == 1
    assert len(elsewhere.requests) == 2  # where it is said to be, once


def test_what_its_checksum_does_not_fit(lie) -> None:
    place = open_place("s3://models", lie(answer("200 OK", b"changed", "x-amz-checksum-crc32: AAAAAA==")).settings)
    complaint(lambda: place.read("x", 9), "the content is not what its checksum says")


def test_a_download_that_breaks_off_goes_on_where_it_stopped(lie) -> None:
    content = os.urandom(1000)
    rest = answer("206 Partial Content", content[400:], "Content-Range: bytes 400-999/1000")
    liar = lie(answer("200 OK", content[:400], length=1000), rest)
    assert open_place("s3://models", liar.settings).read("x", 1000) == content
    assert b"Range: bytes=400-" in liar.requests[1]
    assert b'If-Match: "tag"' in liar.requests[1]


def test_a_download_does_not_go_on_in_another_version(lie) -> None:
    liar = lie(answer("200 OK", bytes(400), length=1000), error("412 Precondition Failed", "PreconditionFailed"))
    with pytest.raises(ConflictError):
        open_place("s3://models", liar.settings).read("x", 1000)


def test_a_server_that_ignores_where_to_go_on_is_not_believed(lie) -> None:
    liar = lie(answer("200 OK", bytes(400), length=1000))
    complaint(lambda: open_place("s3://models", liar.settings).read("x", 1000), "broke off")
    assert len(liar.requests) == 2


def test_a_download_that_always_breaks_off_ends(lie) -> None:
    liar = lie(
        answer("200 OK", b"", length=1000),
        answer("206 Partial Content", b"", "Content-Range: bytes 0-999/1000", length=1000),
    )
    complaint(lambda: open_place("s3://models", liar.settings).read("x", 1000), "broke off")
    assert len(liar.requests) == 4


def test_a_length_that_is_a_lie_fills_no_memory(lie) -> None:
    sent = 0

    def endless(connection: socket.socket) -> None:
        nonlocal sent
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nETag: tag\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
            sent += 1 << 16

    place = open_place("s3://models", lie(endless).settings)
    with pytest.raises(TooLargeError, match="more than the 1000000 bytes"):
        place.read("x", 1_000_000)
    assert sent < 32 << 20


def test_a_server_that_drips_is_given_up(lie, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.s3._GRACE_S", 0.2)
    monkeypatch.setattr("storage.s3._PIECE_BYTES", 1)

    def drip(connection: socket.socket) -> None:
        connection.sendall(b'HTTP/1.1 200 OK\r\nETag: "tag"\r\nContent-Length: 1000\r\n\r\n')
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    complaint(lambda: open_place("s3://models", lie(drip).settings).read("x", 1000), "sends x too slowly")


def test_a_silent_server_is_given_up(lie, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.s3._READ_S", 0.2)
    read, write, *_ = calls("s3://models", lie(lambda connection: time.sleep(2)).settings)
    complaint(read, "was silent")
    complaint(write, "was silent")


def test_a_write_whose_answer_got_lost_is_not_taken_for_somebody_elses(lie) -> None:
    """boto3 asks again, and is told that the file is there: it is its own."""
    lost = lambda connection: None  # noqa: E731
    conflict = error("412 Precondition Failed", "PreconditionFailed")
    open_place("s3://models", lie(lost, conflict, answer("200 OK", b"mine")).settings).write(
        "x", b"mine", only_if="tag"
    )
    with pytest.raises(ConflictError):
        open_place("s3://models", lie(lost, conflict, answer("200 OK", b"your")).settings).write(
            "x", b"mine", only_if="t"
        )
    with pytest.raises(ConflictError):
        open_place("s3://models", lie(conflict, answer("200 OK", b"mine")).settings).write("x", b"mine", only_if="tag")


def test_a_place_without_boto3_says_what_to_type() -> None:
    program = (
        "import sys; sys.modules['boto3'] = None\n"
        "from storage.files import StorageError; from storage.place import open_place\n"
        "try: open_place('s3://models')\n"
        "except StorageError as error: print(error)\n"
    )
    process = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "s3://models needs boto3, which is not installed; type `make install`"


def test_a_folder_needs_no_boto3() -> None:
    program = "import sys\nfrom storage.place import open_place\nopen_place('/tmp')\nprint('boto3' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "False"


def test_what_is_not_there_is_not_found(s3) -> None:
    with pytest.raises(NotFoundError):
        open_place("s3://models/nothing").read("x", 9)
