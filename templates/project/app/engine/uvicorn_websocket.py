"""uvicorn's WebSockets, for clients that do not do their part.

What is overridden, and why:

- `data_received`: the library neither answers nor closes when it cannot read the request; and it reads as
  many frames as come at once, though each takes its time, and they can be empty.
- `handle_events`: the library does not count frames. Those that are no messages do not get any further.
- `handle_cont`: the library keeps each frame of a message, and so up to a hundred times the message's size.
- `send_receive_event_to_app`: the library logs a traceback for a text that is not UTF-8, and fails where the
  client has said goodbye meanwhile.
- `handle_ping`: the library answers a client that does not read the answers.
- `pause_writing`, `resume_writing`, `shutdown`: the library waits for ever for a client that does not read.
- `run_asgi`: the library cannot end such a WebSocket at once, since its `close` waits for the client; nor
  can it let go of one, so that its messages need not go through ASGI.
"""

import asyncio
import logging
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.protocol import State

from .direct_websocket import DirectWebSocket
from .frames import INVALID_TEXT
from .libraries import waits_for_a_frame
from .limits import FRAMES_AT_ONCE, FRAMES_PER_S, READ_BYTES, SMALL_FRAME_BYTES
from .rates import TokenBucket
from .uvicorn_patience import WEBSOCKETS_LOG, Peer, WriteWatch, refusal
from .websocket import ABORT, DIRECT, frame_of

# The library tells of each WebSocket as it does of errors.
log = logging.getLogger(WEBSOCKETS_LOG)

BAD_REQUEST = refusal(b"400 Bad Request")


class Gone(asyncio.Transport):
    """The transport of a connection that is somebody else's now."""

    def is_closing(self) -> bool:
        return True

    def close(self) -> None: ...


class WebSocketProtocol(WebSocketsSansIOProtocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.logger = self.conn.logger = log
        # It has entered as an HTTP connection.
        self._peer = Peer(transport, self.config, self.app_state)
        self._writing = WriteWatch(self.transport, self._peer)
        self._small_frames = TokenBucket(FRAMES_PER_S, FRAMES_AT_ONCE)

    def connection_lost(self, exc: Exception | None) -> None:
        self._writing.cancel()
        self._peer.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), READ_BYTES):
            super().data_received(data[start : start + READ_BYTES])
            if self.transport.is_closing():
                return
        # Its whole head comes at once, from HttpProtocol.
        if not self.handshake_initiated:
            self.transport.write(BAD_REQUEST)
            self.transport.close()

    def handle_events(self) -> None:
        for event in self.conn.events:
            if (
                isinstance(event, Frame)
                and len(event.data) < SMALL_FRAME_BYTES
                and not self._small_frames.take()
            ):
                self._peer.is_over("rate_limited", f"over {FRAMES_PER_S} small frames per second")
                self.transport.abort()
                return
        super().handle_events()

    def handle_cont(self, event: Frame) -> None:
        whole: Any = self.frames[0]
        if not isinstance(whole, bytearray):
            whole = bytearray(whole)
        whole += event.data
        self.frames = [bytes(whole) if event.fin else whole]
        if event.fin:
            self.send_receive_event_to_app()

    def send_receive_event_to_app(self) -> None:
        try:
            if self.curr_msg_data_type == "text":
                str(self.frames[0], "utf-8")
        except UnicodeDecodeError:
            self.frames = []
            if self.conn.state is State.OPEN:
                self.conn.send_close(INVALID_TEXT)
                self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()

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
        self._writing.cancel()

    def shutdown(self) -> None:
        super().shutdown()
        self._writing.hurry()

    async def run_asgi(self) -> None:
        extensions = self.scope.setdefault("extensions", {})
        extensions[ABORT] = {"abort": self.transport.abort}
        if self._peer.config.direct_websockets:
            extensions[DIRECT] = {"take_over": self._take_over}
        await super().run_asgi()

    def _take_over(self) -> tuple[DirectWebSocket, list[str | bytes]] | None:
        """Let the application have the connection; None: a frame has begun, or it is going to be closed."""
        is_open = self.handshake_complete and not self.close_sent and not self.transport.is_closing()
        if not is_open or not waits_for_a_frame(self.conn) or self.frames or not self.writable.is_set():
            return None
        received: list[Any] = [self.queue.get_nowait() for _ in range(self.queue.qsize())]
        if any(message["type"] != "websocket.receive" for message in received):
            for message in received:
                self.queue.put_nowait(message)
            return None
        direct = DirectWebSocket(self.transport, self._peer, self.connections)
        self._let_go()
        return direct, [frame_of(message) for message in received]

    def _let_go(self) -> None:
        self._writing.cancel()
        self.connections.discard(self)
        # When the application returns, the library would close the connection.
        self.transport = Gone()
        # Objects that refer to each other would take memory until the garbage collector finds them.
        self.conn.parser.close()
        del self.conn
        self.scope.setdefault("extensions", {}).clear()
