"""The Engine.IO server: engineio's, which answers as the protocol says.

What is overridden, and why:

- `handle_request`: the library takes a missing transport for polling, answers other methods with 405, reads
  nothing from a POST without a Content-Length, and handles a second POST beside the first.
- `_handle_connect`: the library announces whole seconds between pings, and makes sockets of its own class.
- `generate_id`: where several processes share a port, an id says which of them has the session.
- `_ok`: a POST is to be answered with `ok`; the library says `OK`.
"""

from typing import Any

import engineio
from engineio.packet import OPEN, Packet
from starlette.types import Receive, Scope, Send

from . import session_ids
from .addresses import origin_of
from .admission import Admission
from .engineio_socket import EngineSocket
from .environ import environ_of
from .gate import BAD_REQUEST, FAILED, TOO_LARGE, UNKNOWN_SESSION, Problem, problem_with, query_of
from .packets import BadPacket
from .request import receive_again, receive_without_body, turn_away, whole_body


class EngineServer(engineio.AsyncServer):
    # The library's own; it does not say of what type.
    sockets: dict[str, EngineSocket]
    ping_interval: Any
    ping_timeout: Any
    _async: dict[str, Any]

    def __init__(self, *, admission: Admission, **options: Any) -> None:
        limits = admission.limits
        options["ping_interval"] = limits.ping_interval_s
        options["ping_timeout"] = limits.ping_timeout_s
        super().__init__(max_http_buffer_size=limits.max_message_bytes, **options)
        # A copy: the library has one for all servers.
        self._async = self._async | {"translate_request": environ_of}
        self.admission = admission
        self.max_queue_bytes = limits.max_queue_bytes

    # What the Socket.IO server is to do.

    def receive(self, socket: EngineSocket, message: str | bytes) -> None:
        """A client sent a message. Raises BadPacket, for which its connection is closed."""

    def say_why(self, sid: str, problem: BadPacket) -> None:
        """A connection is going to be closed for what its client sent."""

    def gone(self, sid: str, reason: str) -> None:
        """A connection is over."""

    def generate_id(self) -> str:
        return session_ids.marked(super().generate_id())

    async def handle_request(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = problem_with(scope, self.sockets)
        if problem is not None:
            await self._refuse(problem, scope, receive, send)
            return
        socket = self.sockets.get(query_of(scope).get("sid", [""])[0])
        if socket is not None and scope["type"] == "websocket" and (socket.upgrading or socket.upgraded):
            await turn_away(receive, send)
        elif socket is not None and scope.get("method") == "POST":
            await self._handle_post(socket, scope, receive, send)
        elif scope["type"] == "websocket":
            await super().handle_request(scope, receive, send)
        else:
            # The library fails when a client announces a body, and leaves before it has sent any of it.
            await super().handle_request(scope, receive_without_body(receive), send)

    async def _handle_post(self, socket: EngineSocket, scope: Scope, receive: Receive, send: Send) -> None:
        if socket.posting:
            await socket.close(reason=self.reason.TRANSPORT_ERROR)
            await self._refuse(BAD_REQUEST, scope, receive, send)
            return
        socket.posting = True
        try:
            body = await whole_body(receive, max_bytes=self.max_http_buffer_size)
            if body is None:
                await socket.close(reason=self.reason.TRANSPORT_ERROR)
            elif socket.closing:
                await self._refuse(UNKNOWN_SESSION, scope, receive, send)
            else:
                await super().handle_request(scope, receive_again(body), send)
        except BadPacket as problem:
            socket.refuse(problem)
            await self._refuse(TOO_LARGE, scope, receive, send)
        finally:
            socket.posting = False

    async def _refuse(self, problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
        # What is left of a body is not waited for.
        first = receive if scope["type"] == "websocket" else receive_again(b"")
        await self._make_response(problem.response(), await environ_of(scope, first, send))

    async def _handle_connect(self, environ: Any, transport: str, jsonp_index: int | None = None) -> Any:
        address = environ["asgi.scope"].get("client")
        origin = origin_of(address[0] if address else None)
        sid = self.generate_id()
        socket = self.sockets[sid] = EngineSocket(self, sid, origin)
        greeting = {
            "sid": sid,
            "upgrades": [] if transport == "websocket" else ["websocket"],
            "pingTimeout": round(self.ping_timeout * 1000),
            "pingInterval": round(self.ping_interval * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        socket.queue.put_nowait(Packet(OPEN, greeting))
        problem: Any = await self._trigger_event("connect", sid, environ)
        if problem is not None:
            del self.sockets[sid]
            # The library makes False of an exception.
            return (problem or FAILED).response()
        socket.schedule_ping()
        if transport == "websocket":
            return await socket.handle_get_request(environ)
        socket.connected = True
        return self._ok(await socket.poll())

    def _ok(self, packets: Any = None, headers: Any = None, jsonp_index: int | None = None) -> Any:
        response = super()._ok(packets, headers, jsonp_index)
        if packets is None:
            response["response"] = b"ok"
        return response
