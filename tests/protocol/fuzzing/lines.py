"""TCP connections on which anything can be said, and cut at any moment."""

import asyncio
import re
import socket
import struct
from typing import Final, Literal

Manner = Literal["patient", "hurried", "half", "reset"]

# What is worth remembering of what a server sends.
MOST_BYTES: Final = 100_000
SID = re.compile(rb'"sid":"([\w-]+)"')


class Line(asyncio.Protocol):
    """Reads all that comes, and keeps the beginning. No task is needed for that: none can be left over."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.received = bytearray()
        self._changed = asyncio.Event()
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data[: MOST_BYTES - len(self.received)]
        self._changed.set()

    def eof_received(self) -> None:
        pass

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._changed.set()

    async def until(self, pattern: bytes | None, *, within_s: float) -> None:
        """Wait until this has come, the server has closed the connection, or there is no time left."""
        try:
            async with asyncio.timeout(within_s):
                while not self.lost and (pattern is None or pattern not in self.received):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            pass

    def write(self, content: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(content)

    def stop_reading(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def end(self) -> None:
        self.transport.close()

    def reset(self) -> None:
        """The server finds the connection gone, even for what it has not read yet."""
        connection = self.transport.get_extra_info("socket")
        if not self.transport.is_closing() and connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def say(self, content: bytes, manner: Manner) -> None:
        if manner == "half":
            self.write(content[: len(content) // 2])
            self.end()
        else:
            self.write(content)
        if manner == "reset":
            self.reset()

    @property
    def sid(self) -> str | None:
        """The first one that the server has told: Engine.IO's."""
        found = SID.search(self.received)
        return found[1].decode() if found else None


async def open_line(port: int) -> Line:
    _, line = await asyncio.get_running_loop().create_connection(Line, "127.0.0.1", port)
    return line


def request(
    method: str, query: bytes, *, headers: tuple[tuple[bytes, bytes], ...] = (), body: bytes = b""
) -> bytes:
    """A request, with its true length unless the headers have another one."""
    names = {name for name, _ in headers}
    own = [(b"Host", b"test")]
    if b"Connection" not in names:
        own.append((b"Connection", b"close"))
    if body and not names & {b"Content-Length", b"Transfer-Encoding"}:
        own.append((b"Content-Length", str(len(body)).encode()))
    lines = [b"%s: %s\r\n" % header for header in (*own, *headers)]
    return b"%s /socket.io/?%s HTTP/1.1\r\n%s\r\n%s" % (method.encode(), query, b"".join(lines), body)


def websocket_request(query: bytes) -> bytes:
    asked = (
        (b"Connection", b"Upgrade"),
        (b"Upgrade", b"websocket"),
        (b"Sec-WebSocket-Version", b"13"),
        (b"Sec-WebSocket-Key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
    )
    return request("GET", query, headers=asked)


def websocket_frame(payload: bytes, opcode: int, *, fin: bool = True, masked: bool = True) -> bytes:
    """Source: RFC 6455, section 5.2."""
    size = len(payload)
    if size < 126:
        length = bytes([size])
    else:
        length = struct.pack("!BH", 126, size) if size <= 0xFFFF else struct.pack("!BQ", 127, size)
    head = bytes([fin << 7 | opcode, masked << 7 | length[0]]) + length[1:]
    # A mask of zeros leaves everything as it is.
    return head + (bytes(4) if masked else b"") + payload
