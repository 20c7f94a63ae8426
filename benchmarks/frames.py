"""What reading a WebSocket text costs; docs/decisions/008 weighs it: `python benchmarks/frames.py`.

Each gets one masked frame at a time, as a TCP segment brings it, and makes a `str` of it. wsproto, aiohttp
and picows are no dependencies of this project: what is not installed is left out.
"""

import asyncio
import logging
import socket
import sys
import timeit
import tracemalloc
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = map(str, (CHECKOUT, CHECKOUT / "templates" / "project"))

from app.engine import frames  # noqa: E402
from tests.protocol.fuzzing.frames import TEXT, frame  # noqa: E402

# Takes a segment, and returns the last text in it.
Way = Callable[[bytes], str | None]
Make = Callable[[asyncio.Transport], Way]
PACKAGES = ("websockets", "picows", "wsproto", "aiohttp")
MAX_BYTES = 1_000_000
SILENT = logging.Logger("silent", logging.CRITICAL)
SIZES = (90, 1_500, 60_000)
# The ways take turns, so that all of them meet the same disturbances.
ROUNDS = 40
READERS = 1_000


def own_reader(_: asyncio.Transport) -> Way:
    reader = frames.FrameReader(MAX_BYTES, lambda: True)

    def read(segment: bytes) -> str | None:
        text = None
        reader.feed(segment)
        while (message := reader.read()) is not None:
            if isinstance(message, str):
                text = message
        return text

    return read


def own_reader_without_compiled_code(transport: asyncio.Transport) -> Way:
    from websockets.utils import apply_mask

    read, names, compiled = own_reader(transport), vars(frames), vars(frames)["apply_mask"]

    def read_slowly(segment: bytes) -> str | None:
        names["apply_mask"] = apply_mask
        text = read(segment)
        names["apply_mask"] = compiled
        return text

    return read_slowly


def websockets_sans_io(_: asyncio.Transport) -> Way:
    """As uvicorn's `websockets-sansio` uses it."""
    from websockets.frames import Frame, Opcode
    from websockets.protocol import State
    from websockets.server import ServerProtocol

    connection = ServerProtocol(state=State.OPEN, max_size=MAX_BYTES, logger=SILENT)

    def read(segment: bytes) -> str | None:
        text = None
        connection.receive_data(segment)
        if connection.parser_exc is not None:
            raise connection.parser_exc
        for event in connection.events_received():
            if isinstance(event, Frame) and event.opcode == Opcode.TEXT:
                text = bytes(event.data).decode()
        return text

    return read


def wsproto(_: asyncio.Transport) -> Way:
    from wsproto.connection import Connection, ConnectionType
    from wsproto.events import TextMessage

    connection = Connection(ConnectionType.SERVER)

    def read(segment: bytes) -> str | None:
        text = None
        connection.receive_data(segment)
        for event in connection.events():
            if isinstance(event, TextMessage):
                text = event.data
        return text

    return read


def aiohttp_reader(_: asyncio.Transport) -> Way:
    """The compiled one, with a queue that keeps only the last message."""
    from aiohttp._websocket.reader import WebSocketDataQueue, WebSocketReader

    queue: Any = _class_of_aiohttp(WebSocketDataQueue)(None, MAX_BYTES, loop=asyncio.get_running_loop())
    reader = WebSocketReader(queue, MAX_BYTES, False, True)

    def read(segment: bytes) -> str | None:
        reader.feed_data(segment)
        text: str | None = queue.text
        return text

    return read


@cache
def _class_of_aiohttp(base: Any) -> Any:
    class Last(base):  # type: ignore[misc]
        text: str | None = None

        def feed_data(self, message: Any, size: int) -> None:
            self.text = message.data

    return Last


def picows_protocol(transport: asyncio.Transport) -> Way:
    """As a class for uvicorn would use it: made after the upgrade, it is given the request once more."""
    from picows import WSAutoPingStrategy
    from picows.picows import WSProtocol

    listener = _class_of_picows()()
    protocol = WSProtocol(
        host_port=None,
        ws_path=None,
        is_client_side=False,
        ws_listener_factory=lambda request: listener,
        logger=SILENT,
        disconnect_on_exception=True,
        websocket_handshake_timeout=None,
        enable_auto_ping=False,
        auto_ping_idle_timeout=20,
        auto_ping_reply_timeout=20,
        auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
        enable_auto_pong=False,
        max_frame_size=MAX_BYTES,
        extra_headers=None,
        read_buffer_init_size=2_048,
    )
    protocol.connection_made(transport)

    def read(segment: bytes) -> str | None:
        while segment:
            buffer = protocol.get_buffer(-1)
            size = min(len(segment), len(buffer))
            buffer[:size] = segment[:size]
            protocol.buffer_updated(size)
            segment = segment[size:]
        text: str | None = listener.text
        return text

    read(
        b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    return read


@cache
def _class_of_picows() -> Any:
    from picows import WSFrame, WSListener, WSMsgType, WSTransport

    class Listener(WSListener):
        text: str | None = None

        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type is WSMsgType.TEXT:
                self.text = frame.get_payload_as_utf8_text()

    return Listener


WAYS = (
    websockets_sans_io,
    picows_protocol,
    wsproto,
    aiohttp_reader,
    own_reader,
    own_reader_without_compiled_code,
)


async def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        made = asyncio.get_running_loop().create_connection(asyncio.Protocol, *server.getsockname())
        transport, _ = await made
        ways: dict[Make, Way] = {}
        for way in WAYS:
            try:
                ways[way] = way(transport)
            except ImportError as error:
                print(f"{way.__name__} is left out: {error}")
        here = [package for package in PACKAGES if package in sys.modules]
        print("Python", sys.version.split()[0], *(f"{package} {version(package)}" for package in here))
        columns = [_times(ways, size) for size in SIZES]
        print(
            f"{'µs for a text of, least (median)':34}",
            *(f"{f'{size:,} bytes':>16}" for size in SIZES),
            "    memory",
        )
        for way in ways:
            print(
                f"{way.__name__:34}", *(column[way] for column in columns), f"{_memory(way, transport):8,} B"
            )
        transport.close()


def _times(ways: dict[Make, Way], size: int) -> dict[Make, str]:
    text, count = "x" * size, 5_000 if size < 10_000 else 500
    segment = frame(TEXT, text.encode())
    took: dict[Make, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, read in ways.items():
            if read(segment) != text:
                raise RuntimeError(f"{way.__name__} reads something else")
            took[way].append(timeit.timeit(partial(read, segment), number=count) / count * 1e6)
    return {way: f"{f'{min(times):.2f} ({median(times):.2f})':>16}" for way, times in took.items()}


def _memory(way: Make, transport: asyncio.Transport) -> int:
    """Of one that has read a message, without what all of them share."""
    segment = frame(TEXT, b"x" * 90)
    way(transport)(segment)
    tracemalloc.start()
    kept = [way(transport) for _ in range(READERS)]
    for read in kept:
        read(segment)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size // len(kept)


if __name__ == "__main__":
    asyncio.run(main())
