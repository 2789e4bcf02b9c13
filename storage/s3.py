"""A place in an S3 bucket, Amazon's or anybody's: AWS, SeaweedFS at home, MinIO, R2."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from settings import S3Settings
from storage.files import StorageError
from storage.place import ABSENT, ConflictError, Entry, NotFoundError, Place, TooLargeError, check_name, is_name

_PIECE_BYTES = 1 << 13  # small: a piece is waited for whole, and the deadline is looked at after each
_PAGE = 1000  # entries; no server gives more at once
_CONNECT_S, _READ_S = 5, 20  # how long a server may be silent
_ATTEMPTS = 5  # of each request; boto3 waits 1, 2, 4 and 8 s in between, at most
_RESUMES = 3  # of a download that broke off
_GRACE_S, _SLOWEST_BYTES_PER_S = 60, 8192  # a server that drips is given up


class S3Place(Place):
    """Objects in a bucket, below a prefix. The tag of a file is its ETag."""

    def __init__(self, bucket: str, prefix: str, settings: S3Settings) -> None:
        """Opens no connection. Raises StorageError where boto3 is missing, finds no credentials or dislikes what it
        finds in the environment or in ~/.aws."""
        try:
            import boto3  # noqa: PLC0415, it takes a tenth of a second, and a car may do without
            from botocore.config import Config  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise StorageError(f"s3://{bucket} needs boto3, which is not installed; type `make install`") from error
        self.where = f"s3://{bucket}" + (f"/{prefix}" if prefix else "")
        self._bucket, self._prefix = bucket, f"{prefix}/" if prefix else ""
        # The address of a bucket is a path, not a host name of its own: that works with every server.
        config = Config(
            connect_timeout=_CONNECT_S,
            read_timeout=_READ_S,
            retries={"mode": "standard", "max_attempts": _ATTEMPTS},
            s3={"addressing_style": "path"},
            request_checksum_calculation="when_supported",
            response_checksum_validation="when_supported",
        )
        with self._faults():
            session = boto3.Session(profile_name=settings.profile, region_name=settings.region)
            self._client = session.client("s3", endpoint_url=settings.endpoint, config=config)
            self._client.meta.events.register("before-call.s3.HeadBucket", _no_region)
            if session.get_credentials() is None:
                raise StorageError(f"{self.where}: no keys are known; {_NO_KEYS}")

    def stream(self, name: str, most_bytes: int) -> Iterator[bytes]:
        return self._stream(self._get(name), name, most_bytes)

    def read_tagged(self, name: str, most_bytes: int) -> tuple[bytes, str]:
        answer = self._get(name)
        return b"".join(self._stream(answer, name, most_bytes)), answer.get("ETag", "")

    def write(self, name: str, content: bytes, *, only_if: str | None = None) -> None:
        condition = {} if only_if is None else {"IfNoneMatch": "*"} if only_if == ABSENT else {"IfMatch": only_if}
        key = self._key(name)
        try:
            with self._faults(name):
                self._client.put_object(Bucket=self._bucket, Key=key, Body=content, **condition)
        except NotFoundError as error:  # there was a version with that tag, and it is gone
            raise ConflictError(f"{self.where}/{name} was deleted in the meantime; nothing was written") from error
        except ConflictError as error:
            # An answer that got lost makes boto3 ask again, and then the one in the way is this very write.
            retried = error.__cause__.response["ResponseMetadata"].get("RetryAttempts", 0) > 0  # type: ignore[union-attr]
            if not (retried and self._is_there(name, content)):
                raise

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        with self._faults():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix, PaginationConfig={"PageSize": _PAGE}
            )
            for page in pages:
                for one in page.get("Contents", ()):
                    name = one["Key"].removeprefix(self._prefix)
                    if is_name(name):
                        yield Entry(name, one["Size"], one["LastModified"].astimezone(UTC))

    def delete(self, name: str) -> None:
        key = self._key(name)
        with self._faults(name):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def _key(self, name: str) -> str:
        return self._prefix + check_name(name)

    def _is_there(self, name: str, content: bytes) -> bool:
        try:
            return self.read(name, len(content)) == content
        except StorageError:
            return False

    def _get(self, name: str, **more: str) -> dict[str, Any]:
        key = self._key(name)
        with self._faults(name):
            answer: dict[str, Any] = self._client.get_object(Bucket=self._bucket, Key=key, **more)
        return answer

    def _stream(self, answer: dict[str, Any], name: str, most_bytes: int) -> Iterator[bytes]:
        """The body of that answer; where it breaks off, the rest of the same version is asked for."""
        length = answer.get("ContentLength", 0)  # 0 where the server does not tell
        if length > most_bytes:
            answer["Body"].close()
            raise TooLargeError(f"{self.where}/{name} has {length} bytes, and at most {most_bytes} are taken")
        deadline_s = time.monotonic() + _GRACE_S + length / _SLOWEST_BYTES_PER_S
        done = resumes = 0
        while True:
            try:
                with self._faults(name), closing(answer["Body"]) as body:
                    while piece := body.read(_PIECE_BYTES):
                        done += len(piece)
                        if done > most_bytes:  # whatever the length was said to be
                            raise TooLargeError(f"{self.where}/{name} has more than the {most_bytes} bytes taken")
                        if time.monotonic() > deadline_s:
                            raise StorageError(f"{self.where} sends {name} too slowly; look at the network")
                        yield piece
                return
            except _BrokenOffError:
                resumes += 1
                if resumes > _RESUMES:
                    raise
                answer = self._get(name, Range=f"bytes={done}-", IfMatch=answer.get("ETag", ""))
                if not answer.get("ContentRange", "").startswith(f"bytes {done}-"):
                    raise

    @contextmanager
    def _faults(self, name: str = "") -> Iterator[None]:
        """What boto3 raises, as one line."""
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError  # noqa: PLC0415

        what = f"{self.where}/{name}" if name else self.where
        try:
            yield
        except ClientError as error:
            raise _refused(error.response, what, self._bucket) from error
        except (HTTPClientError, IncompleteReadError) as error:
            raise _BrokenOffError(f"{what}: {_unreached(error)}") from error
        except (BotoCoreError, ValueError, KeyError) as error:  # the last two are of odd answers
            raise StorageError(f"{what}: {_unreached(error)}") from error


def _no_region(**_: object) -> tuple[Any, dict[str, Any]]:
    """In place of boto3's question where a bucket is, which it asks of a server that redirects it without saying where
    to: one that redirects that question too would be asked without end. The answer is that nobody knows."""
    return SimpleNamespace(status_code=404), {"ResponseMetadata": {"HTTPHeaders": {}, "HTTPStatusCode": 404}}


class _BrokenOffError(StorageError):
    """The connection ended in the middle of an answer."""


_KEYS = "look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or at ~/.aws/credentials"
_NO_KEYS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or write them in ~/.aws/credentials"
_REGION = 'the bucket is in another region; name it: region = "..." below [s3] in settings.toml, or AWS_REGION'
_NO_S3 = "what answers there is no S3 server; look at the endpoint below [s3] in settings.toml"
_REFUSALS = {  # the S3 error code -> what it means, and what to do
    "AccessDenied": "the server does not allow that to this key; use another key, or give this one more rights",
    "AllAccessDisabled": "the bucket is closed; open it, or name another",
    "InvalidAccessKeyId": f"the server does not know this key; {_KEYS}",
    "SignatureDoesNotMatch": f"the secret does not fit the key; {_KEYS}",
    "ExpiredToken": "the keys have expired; get new ones",
    "InvalidToken": f"the server does not accept the session token; {_KEYS}",
    "RequestTimeTooSkewed": "this computer's clock is wrong; set it (timedatectl), then try again",
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "InvalidBucketName": "the server does not take this name for a bucket; name another",
    "EntityTooLarge": "the file is larger than the server takes",
    "QuotaExceeded": "the server has no room for more; free some, or name another place",
    "InsufficientStorage": "the server has no room for more; free some, or name another place",
    "XMinioStorageFull": "the server has no room for more; free some, or name another place",
    "BadDigest": "the content was changed on its way; try again, and look at the network if it stays so",
    "XAmzContentChecksumMismatch": "the content was changed on its way; try again, and look at the network",
    "SlowDown": "the server has too much to do; try again later",
    "NotImplemented": "the server cannot do what is asked of it; use another (docs/models.md names one for home)",
}


def _refused(answer: dict[str, Any], what: str, bucket: str) -> StorageError:
    """The server answered, with an error."""
    code = str(answer.get("Error", {}).get("Code", ""))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
    if code == "NoSuchBucket":
        return StorageError(f"{what}: there is no bucket {bucket!r} there; make it, or mend its name")
    if code == "NoSuchKey":
        return NotFoundError(f"{what} does not exist")
    if code in ("PreconditionFailed", "ConditionalRequestConflict"):
        return ConflictError(f"{what} was written by somebody else in the meantime; nothing was changed")
    if code in _REFUSALS:
        return StorageError(f"{what}: {_REFUSALS[code]}")
    if code in ("", str(status)):  # S3 names the error in the body of its answer
        return StorageError(f"{what}: {_NO_S3}")
    said = "".join(filter(str.isprintable, str(answer.get("Error", {}).get("Message", ""))))[:120]
    return StorageError(f"{what}: the server answers {status}, {code[:40]} ({said}); look at its log, or try later")


def _unreached(error: Exception) -> str:
    """No answer came, or none that boto3 understands, or it did not even ask."""
    from botocore import exceptions as boto  # noqa: PLC0415
    from botocore.parsers import ResponseParserError  # noqa: PLC0415

    address = urlsplit(getattr(error, "kwargs", {}).get("endpoint_url", ""))
    at = f"the server at {address.scheme}://{address.netloc}" if address.netloc else "the server"
    meanings = {  # the first that fits
        (boto.NoCredentialsError, boto.PartialCredentialsError): f"no keys are known; {_NO_KEYS}",
        boto.ProfileNotFound: f"{error}; mend the profile below [s3] in settings.toml, or AWS_PROFILE",
        boto.SSLError: f"{at} has no certificate that holds; look at the endpoint (http or https?) and at the clock",
        (boto.ConnectTimeoutError, boto.EndpointConnectionError, boto.ProxyConnectionError): (
            f"{at} cannot be reached; look at the network, and at the endpoint below [s3] in settings.toml"
        ),
        boto.FlexibleChecksumError: "the content is not what its checksum says: broken there, or on its way; try again",
        (
            boto.HTTPClientError,
            boto.IncompleteReadError,
        ): f"{at} broke off, or was silent for {_READ_S} s; look at the network, and try again",
        (ResponseParserError, KeyError): _NO_S3,
    }
    for kind, meaning in meanings.items():
        if isinstance(error, kind):
            return meaning
    return f"{' '.join(str(error).split())}; look at [s3] in settings.toml, at AWS_... in the environment and at ~/.aws"
