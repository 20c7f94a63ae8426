"""Clients that speak HTTP byte by byte, or not at all, and any ASGI application on the project's uvicorn."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvloop
from starlette.types import ASGIApp, Receive, Scope, Send

from app.engine import STATE_KEY, SocketServer
from app.engine.uvicorn_server import UvicornServer, uvicorn_config

# The project runs on uvloop; where there is none, such as on Windows, on asyncio's own.
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]

OPEN_WEBSOCKET = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def text_frame(text: str) -> bytes:
    """A message of a WebSocket client. Source: RFC 6455, section 5.2."""
    payload = text.encode()
    # Masked, as clients must, with zeros, which change nothing.
    return b"\x81\xff" + len(payload).to_bytes(8) + bytes(4) + payload


@asynccontextmanager
async def stalled(url: str, name: str) -> AsyncIterator[None]:
    """Somebody in /people who has asked for more than fits into any buffer, and reads none of it."""
    port = int(url.rpartition(":")[2])
    async with tcp(port) as client:
        await client.send(OPEN_WEBSOCKET.replace(b"/", b"/socket.io/?EIO=4&transport=websocket", 1))
        # uvicorn drops what comes before it has answered.
        assert (await client.receive()).startswith(b"HTTP/1.1 101 ")
        await client.send(text_frame(f'40/people,{{"token":"{name}"}}'))
        echo = text_frame(f'42/people,1["echo","{"x" * 500_000}"]')
        for _ in range(6):  # Less than what may wait for a connection.
            await client.send(echo)
        yield


@dataclass(frozen=True)
class Served:
    port: int
    # Those that the server has, whatever the clients think.
    connections: set[Any]
    sockets: SocketServer

    @property
    def refused(self) -> Mapping[str, int]:
        """What the metrics say, by limit."""
        return {limit: count for limit, count in self.sockets.metrics._refused.items() if count}

    @property
    def waiting_bytes(self) -> int:
        """What it has sent and the system does not take, because clients do not read."""
        return sum(each.transport.get_write_buffer_size() for each in self.connections)


@asynccontextmanager
async def serving_app(app: ASGIApp, **config: Any) -> AsyncIterator[Served]:
    """A server in this process, for as long as the block lasts."""
    sockets = SocketServer([])

    async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        scope["state"][STATE_KEY] = sockets
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})

    server = UvicornServer(uvicorn_config(lambda: with_state, **config))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield Served(listening.getsockname()[1], server.server_state.connections, sockets)
        finally:
            server.should_exit = True
            await running


class Tcp:
    """A TCP connection that does nothing by itself: what it does not read stays in the buffers."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        # Small buffers: whoever sends to somebody who does not read notices soon.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect(("127.0.0.1", port))
        self._socket.setblocking(False)

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self._socket, data)

    async def receive(self, *, within_s: float = 5) -> bytes:
        """What comes next; nothing: the server has closed."""
        async with asyncio.timeout(within_s):
            return await asyncio.get_running_loop().sock_recv(self._socket, 65536)

    async def until_closed(self, *, within_s: float = 5) -> bytes:
        """What comes before the server closes; a connection that is cut has nothing more to say."""
        received = bytearray()
        async with asyncio.timeout(within_s):
            try:
                while data := await self.receive(within_s=within_s):
                    received += data
            except ConnectionError:
                pass
        return bytes(received)

    def close(self) -> None:
        self._socket.close()


@asynccontextmanager
async def tcp(port: int) -> AsyncIterator[Tcp]:
    client = Tcp(port)
    try:
        yield client
    finally:
        client.close()
