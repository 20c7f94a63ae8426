"""A WebSocket as ASGI has it, reduced to what Engine.IO needs: frames, in both directions."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from starlette.types import Message, Receive, Scope, Send

from .direct_websocket import DirectWebSocket
from .metrics import Limit
from .packets import BadPacket

# What ASGI servers raise for a WebSocket that is closed. They do not agree on one.
CLOSED = (OSError, RuntimeError)
# Source: RFC 6455, section 7.4.1.
BROKEN_RULES: Final[Mapping[int, Limit]] = {1002: "malformed", 1007: "malformed", 1009: "too_large"}
# Extensions of ASGI, of uvicorn_websocket.py: scope["extensions"][ABORT]["abort"]() cuts the connection;
# scope["extensions"][DIRECT]["take_over"]() takes it away from ASGI.
ABORT: Final = "socket_server.abort"
DIRECT: Final = "socket_server.direct"


def frame_of(message: Message) -> str | bytes:
    """What the client sent, of ASGI's `websocket.receive`."""
    text: str | None = message.get("text")
    if text is not None:
        return text
    data: bytes = message["bytes"]
    return data


class WebSocket:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._extensions = scope.get("extensions", {})
        self._receive = receive
        self._send = send

    async def accept(self) -> None:
        await self._send({"type": "websocket.accept"})

    async def receive(self) -> str | bytes | None:
        """The next frame; None: the WebSocket is closed.

        Raises:
            BadPacket: It is closed because of what the client sent.
        """
        message = await self._receive()
        if message["type"] != "websocket.receive":
            limit = BROKEN_RULES.get(message.get("code", 0))
            if limit is not None:
                raise BadPacket(f"the WebSocket was closed with code {message['code']}", limit)
            return None
        return frame_of(message)

    async def send(self, frame: str | bytes) -> None:
        """Raises one of `CLOSED`."""
        name = "text" if isinstance(frame, str) else "bytes"
        await self._send({"type": "websocket.send", name: frame})

    async def close(self) -> None:
        """Close it, if it is open."""
        with suppress(*CLOSED):
            await self._send({"type": "websocket.close"})

    def abort(self) -> None:
        """Cut the connection at once, and drop what its client has not read.

        Closing it would wait for a client that does not read. A pending `send` raises one of `CLOSED` now.
        Servers that do not know the extension keep the connection.
        """
        if ABORT in self._extensions:
            self._extensions[ABORT]["abort"]()

    def take_over(self) -> tuple[DirectWebSocket, list[str | bytes]] | None:
        """The connection itself, and the messages that came already; this object is of no use then.

        None: the server cannot let go of it now, or at all.
        """
        if DIRECT not in self._extensions:
            return None
        taken: tuple[DirectWebSocket, list[str | bytes]] | None = self._extensions[DIRECT]["take_over"]()
        return taken
