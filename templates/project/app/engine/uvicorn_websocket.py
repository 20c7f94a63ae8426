"""uvicorn's WebSockets, for clients that do not do their part.

What is overridden, and why:

- `data_received`: the library neither answers nor closes when it cannot read the request.
- `handle_cont`: the library keeps each frame of a message, also the empty ones, which have no limit.
- `handle_ping`: the library answers a client that does not read the answers.
- `pause_writing`, `resume_writing`, `shutdown`: the library waits for ever for a client that does not read.
- `run_asgi`: the library cannot end such a WebSocket at once; its `close` waits for the client.
"""

from asyncio import BaseTransport

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from .uvicorn_patience import Peer, WriteWatch
from .websocket import ABORT

BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class WebSocketProtocol(WebSocketsSansIOProtocol):
    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        # It has entered as an HTTP connection.
        self._peer = Peer(transport, self.config, self.app_state)
        self._writing = WriteWatch(self.transport, self._peer)

    def connection_lost(self, exc: Exception | None) -> None:
        self._writing.end()
        self._peer.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Its whole head comes at once, from HttpProtocol.
        if not self.handshake_initiated:
            self.transport.write(BAD_REQUEST)
            self.transport.close()

    def handle_cont(self, event: Frame) -> None:
        if event.data or event.fin:
            super().handle_cont(event)

    def handle_ping(self) -> None:
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # Dropped: it is the answer.

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._writing.end()

    def shutdown(self) -> None:
        super().shutdown()
        self._writing.hurry()

    async def run_asgi(self) -> None:
        self.scope.setdefault("extensions", {})[ABORT] = {"abort": self.transport.abort}
        await super().run_asgi()
