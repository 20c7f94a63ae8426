"""A WebSocket as ASGI has it, reduced to what Engine.IO needs: frames, in both directions."""

from contextlib import suppress

from starlette.types import Receive, Send

# What ASGI servers raise for a WebSocket that is closed. They do not agree on one.
CLOSED = (OSError, RuntimeError)


class WebSocket:
    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send

    async def accept(self) -> None:
        await self._send({"type": "websocket.accept"})

    async def receive(self) -> str | bytes | None:
        """The next frame; None: the WebSocket is closed."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return None
        text: str | None = message.get("text")
        if text is not None:
            return text
        data: bytes = message["bytes"]
        return data

    async def send(self, frame: str | bytes) -> None:
        """Raises one of `CLOSED`."""
        name = "text" if isinstance(frame, str) else "bytes"
        await self._send({"type": "websocket.send", name: frame})

    async def close(self) -> None:
        """Close it, if it is open."""
        with suppress(*CLOSED):
            await self._send({"type": "websocket.close"})
