"""`bench loop --viewers`: so many browsers in one process of their own. Each takes the page, hears the car's state, and
watches both live pictures, until the process is ended.

python -m car.bench_viewers LINK COUNT
"""

import asyncio
import sys
from urllib.parse import urlsplit

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

from car.bench_elsewhere import stand_aside

AT_ONCE = 100  # connections that tornado's client opens at most
STREAMS = ("/video", "/policy")


async def watch(link: str, count: int) -> None:
    """Raises where the server ends, or refuses one of them."""
    client = AsyncHTTPClient(max_clients=AT_ONCE, force_instance=True)
    at = urlsplit(link)

    async def stream(path: str) -> None:
        address = f"{at.scheme}://{at.netloc}{path}?{at.query}"
        await client.fetch(HTTPRequest(address, streaming_callback=lambda _: None, request_timeout=0))

    async def hear() -> None:
        socket = await websocket_connect(f"ws://{at.netloc}/wsDrive?{at.query}")
        while await socket.read_message() is not None:
            pass

    await asyncio.gather(*(what for _ in range(count) for what in (hear(), *map(stream, STREAMS))))


if __name__ == "__main__":
    stand_aside()
    asyncio.run(watch(sys.argv[1], int(sys.argv[2])))
