"""An S3 server at home, for this computer and for the cars in the room, until Ctrl-C: `make s3`.

Two buckets: models, which cars read, and recordings, which they write. The keys are made at its first start, and stay
with its files in .s3/.
"""

import argparse
import asyncio
import secrets
import signal
import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from errors import UserError
from settings import PROJECT
from storage.files import StorageError, write_file
from storage.seaweed import LOOPBACK, Identity, SeaweedServer, forward

FOLDER = PROJECT / ".s3"
BUCKETS = ("models", "recordings")
OWNER = ("Admin", "Read", "Write", "List")
CAR = ("Read:models", "List:models", "Write:recordings")


class _Keys(BaseModel):
    """The keys as they are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    owner: tuple[str, str]  # access key, secret
    car: tuple[str, str]


def main() -> None:
    """Parse, start, print what to write where, and serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default=LOOPBACK, help="an address of this computer; default: loopback, for it alone")
    parser.add_argument("--port", type=int, default=8333)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that started it in the background ignores it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # so that the server is ended too
    try:
        serve(arguments.host, arguments.port)
    except UserError as error:
        sys.exit(f"make s3: {error}")
    except KeyboardInterrupt:
        print("ended")


def serve(host: str, port: int) -> None:
    """Until Ctrl-C. Raises StorageError where it cannot start."""
    keys = _keys(FOLDER)
    owner, car = Identity("owner", *keys.owner, OWNER), Identity("car", *keys.car, CAR)
    alone = host == LOOPBACK
    with SeaweedServer(FOLDER, (owner, car), BUCKETS, port if alone else None) as server:
        endpoint = f"http://{host}:{port}"
        print(_lines("this computer", endpoint, owner), flush=True)
        if alone:
            print("# cars in the room reach it where it is started with  make s3 HOST=ADDRESS  (hostname -I tells it)")
        else:
            print(_lines("a car", endpoint, car))
        print("serving; Ctrl-C ends it, its files and keys stay in .s3/", flush=True)
        asyncio.run(_until_ctrl_c() if alone else forward(host, port, server.port))


def _lines(who: str, endpoint: str, identity: Identity) -> str:
    return f"""
# on {who}, in mycar/settings.toml:
[s3]
endpoint = "{endpoint}"
region = "us-east-1"
profile = "patate"

[models]
place = "s3://models"

# on {who}, in ~/.aws/credentials:
[patate]
aws_access_key_id = {identity.access_key}
aws_secret_access_key = {identity.secret_key}
"""


def _keys(folder: Path) -> _Keys:
    path = folder / "keys.json"
    try:
        return _Keys.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        pair = [(f"{who}{secrets.token_hex(4)}", secrets.token_urlsafe(30)) for who in ("owner", "car")]
        keys = _Keys(owner=pair[0], car=pair[1])
        write_file(path, keys.model_dump_json(indent=2).encode(), mode=0o600)
        return keys
    except (OSError, ValidationError) as error:
        raise StorageError(f"{path} cannot be read; remove it, and new keys are made") from error


async def _until_ctrl_c() -> None:
    await asyncio.Event().wait()


if __name__ == "__main__":
    main()
