"""uvicorn's HTTP, for clients that do not do their part.

The library takes a head of any size, and any number of requests at once; it waits without limit for the rest
of one, and for a client that does not read its answer. Its callbacks are overridden: those for the transport
and those for the parser.
"""

import asyncio
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .limits import LAST_TIMEOUT_S, MAX_HEAD_BYTES, MAX_HEADERS, MAX_PIPELINED
from .metrics import Limit
from .timer import Timer
from .uvicorn_patience import Peer, WriteWatch, refusal, tune
from .uvicorn_upgrade import Upgrade, accept_key

STATUS: Final[Mapping[Limit, bytes]] = {
    "slow_request": b"408 Request Timeout",
    "too_large": b"431 Request Header Fields Too Large",
}


class Part(Enum):
    """What has yet to come of a request."""

    HEAD = auto()
    BODY = auto()
    NOTHING = auto()


class HttpProtocol(HttpToolsProtocol):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._timer = Timer()
        self._waiting_for = Part.NOTHING
        self._parts = 0
        self._begun = False
        self._head_bytes = 0

    # Called by the transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tune(transport)
        self._peer = Peer(transport, self.config, self.app_state)
        self._writing = WriteWatch(transport, self._peer)
        self._wait_for(Part.HEAD)
        self._set_timer()
        self._has_entered = self._peer.enter()
        if not self._has_entered:
            why = "more TCP connections than sessions need; is that a proxy? See TRUSTED_PROXIES"
            self._peer.is_over("too_many_connections", why)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._writing.cancel()
        if self._has_entered:
            self._peer.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        parts = self._parts
        if self._waiting_for is Part.NOTHING:
            # Also for a mere line break, which begins no request: the library takes it for a sign of life.
            self._wait_for(Part.HEAD)
        self._head_bytes += len(data)
        super().data_received(data)
        if self._parts != parts:  # Most requests come at once: they need no timer.
            self._set_timer()
        if self._waiting_for is not Part.NOTHING and self._head_bytes > MAX_HEAD_BYTES:
            self._refuse("too_large")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._writing.cancel()

    # Called by the parser

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        # Not those behind a body, which nobody reads: the library would put them to the others.
        if self._waiting_for is not Part.BODY:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        # The application may put those of one name together, one by one.
        if size > MAX_HEAD_BYTES or len(self.headers) > MAX_HEADERS:
            self._refuse("too_large")
            raise ValueError("the head of a request is too large")  # Ends the parsing.
        if len(self.pipeline) >= MAX_PIPELINED:
            self._peer.is_over("rate_limited", f"{MAX_PIPELINED} requests of one connection wait")
            self.transport.close()
            raise ValueError("too many requests at once")
        super().on_headers_complete()
        if self.cycle is not None and not self._peer.config.keeps_connections:
            self.cycle.keep_alive = False
        self._wait_for(Part.BODY)

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0  # The body itself is for the application to limit.
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._wait_for(Part.NOTHING)

    # Called by the library

    def handle_websocket_upgrade(self) -> None:
        if self.flow.write_paused or not (self.cycle is None or self.cycle.response_complete):
            # The answers to the requests before it would come between its frames.
            self.transport.close()
        else:
            scope = cast("dict[str, Any]", self.scope)
            key = accept_key(self.url, scope) if self._peer.config.direct_websockets else None
            if key is None:
                super().handle_websocket_upgrade()
            else:
                self.connections.discard(self)
                self._writing.cancel()
                Upgrade(self.transport, self._peer, self.server_state, self.url, scope, key)
            self.parser = None  # type: ignore[assignment] # As when a connection is lost: it has this object, too.

    def shutdown(self) -> None:
        super().shutdown()
        self._writing.hurry()
        if self._waiting_for is Part.BODY:
            self._timer.set(LAST_TIMEOUT_S, lambda: self._refuse("slow_request"))

    def _wait_for(self, part: Part) -> None:
        self._waiting_for = part
        self._parts += 1
        self._head_bytes = 0
        if part is Part.HEAD:
            self._begun = False

    def _set_timer(self) -> None:
        if self._waiting_for is Part.HEAD:
            self._timer.set(self._peer.limits.head_timeout_s, self._give_up)
        elif self._waiting_for is Part.BODY:
            self._timer.set(self._peer.limits.body_timeout_s, self._give_up)
        else:
            self._timer.cancel()

    def _give_up(self) -> None:
        if self._waiting_for is Part.BODY and self.flow.read_paused:
            self._set_timer()  # It is the application that is slow.
        else:
            self._refuse("slow_request")

    def _refuse(self, limit: Limit) -> None:
        """Close the connection, with an answer if one is expected."""
        if self._waiting_for is Part.BODY or self._begun:
            self._peer.is_over(limit, "the head or the body of a request")
        if self._waiting_for is Part.BODY:
            expected = not self.cycle.response_started
        else:
            # A browser that connects ahead of its first request would take an answer for the one to that.
            expected = self._begun and (self.cycle is None or self.cycle.response_complete)
        if expected:
            self.transport.write(refusal(STATUS[limit]))
        self.transport.close()
