"""uvicorn's WebSockets, which the application can also end at once.

What is overridden, and why:

- `run_asgi`: the library has no way to end a WebSocket whose client does not read; `close` waits for it.
"""

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .websocket import ABORT


class WebSocketProtocol(WebSocketsSansIOProtocol):
    async def run_asgi(self) -> None:
        self.scope["extensions"][ABORT] = {"abort": self.transport.abort}
        await super().run_asgi()
