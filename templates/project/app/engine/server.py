"""The Socket.IO server: python-socketio with its dispatch replaced by one that keeps transport.py's promises.

The one module that knows python-socketio, which has no type hints. What is overridden, and why:

- `_handle_connect`: the library shows a client that is still being checked to broadcasts and to forged
  events, leaks it when its check raises anything unexpected, and accepts it when its check is cancelled.
- `_handle_event`: the library runs a client's events side by side, so that answers come back out of order,
  and it lets a client send an event named `connect` or `disconnect`, and so call those handlers.
- `_handle_disconnect`, `disconnect`: exactly one farewell for each accepted client, after its last event.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import socketio
from engineio import packet as eio_packet
from engineio import payload as eio_payload
from socketio import packet
from starlette.types import ASGIApp, Scope

from ..core.transport import Attachable, DisconnectReason, Handler, Handshake, Refusal
from .session import Session

log = logging.getLogger(__name__)

MAX_MESSAGE_BYTES = 1_000_000

# In one polling request, whose size is limited anyway. The library would drop 17 or more, and answer 200.
eio_payload.Payload.max_decode_packets = 10_000

# The library's own words, but for what it says of each packet; a logger that it makes has its own handler.
library_log: Any = logging.getLogger(f"{__name__}.library")
library_log.setLevel(logging.ERROR)


class SocketServer:
    """Serves namespaces: attaches each to a transport of its own.

    Args:
        allowed_origins: The sites whose pages may connect, such as `https://example.com`; none: only pages
            from where the server itself is reached.

    Raises:
        ValueError: Two wrappers have the same namespace.
    """

    def __init__(self, wrappers: Iterable[Attachable], *, allowed_origins: Sequence[str] = ()) -> None:
        self._server = _Server(allowed_origins)
        for wrapper in wrappers:
            self._server.add(wrapper.attach(_NamespaceTransport(self._server, wrapper.namespace)))

    def asgi_app(self, http: ASGIApp) -> ASGIApp:
        """An application that answers `/socket.io/` itself, and lets `http` answer everything else."""
        app: ASGIApp = socketio.ASGIApp(self._server, other_asgi_app=http)
        return app

    async def stop(self, *, grace_s: float = 2.0) -> None:
        """Close every connection, in the way that lets clients reconnect to the next server.

        Every disconnect hook has run when this returns. What takes longer than `grace_s` is cancelled.
        """
        await self._server.stop(grace_s)


class _NamespaceTransport:
    """Implements `core.transport.Transport`."""

    def __init__(self, server: "_Server", namespace: str) -> None:
        self._server = server
        self._namespace = namespace

    async def emit(
        self, event: str, args: Sequence[Any], *, rooms: Collection[str], except_rooms: Collection[str] = ()
    ) -> None:
        if not rooms:
            return  # The library would take it for everybody.
        members = self._server.manager.get_participants
        skip = [sid for room in except_rooms for sid, _ in members(self._namespace, room)]
        await self._server.emit(event, tuple(args), to=list(rooms), skip_sid=skip, namespace=self._namespace)

    async def enter(self, sid: str, room: str) -> None:
        if sid in self._server.sessions:
            await self._server.manager.enter_room(sid, self._namespace, room)

    async def leave(self, sid: str, room: str) -> None:
        await self._server.manager.leave_room(sid, self._namespace, room)

    async def disconnect(self, sid: str) -> None:
        await self._server.disconnect(sid, self._namespace)


class _Server(socketio.AsyncServer):
    # The library's own; it does not say of what type.
    eio: Any
    manager: Any
    packet_class: Any

    def __init__(self, allowed_origins: Sequence[str]) -> None:
        super().__init__(
            async_mode="asgi",
            # An empty list would allow every origin; None allows the server's own.
            cors_allowed_origins=list(allowed_origins) or None,
            max_http_buffer_size=MAX_MESSAGE_BYTES,
            logger=library_log,
            engineio_logger=library_log,
        )
        self.sessions: dict[str, Session] = {}
        self.busy: set[Session] = set()
        self.stopping = False
        self._by_namespace: dict[str, Handler] = {}

    def add(self, handler: Handler) -> None:
        if handler.namespace in self._by_namespace:
            raise ValueError(f"two wrappers have the namespace {handler.namespace}")
        self._by_namespace[handler.namespace] = handler

    # mypy compares with a declaration further up, which has no arguments.
    async def _handle_eio_connect(self, eio_sid: str, environ: Any) -> Any:  # type: ignore[override]
        if self.stopping:
            return False
        return await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: Any) -> None:  # type: ignore[override]
        await super()._handle_eio_disconnect(eio_sid, reason)
        socket = self.eio.sockets.get(eio_sid)
        if socket is not None:
            # Ends the WebSocket's writer, and with it the WebSocket; or ends a pending poll.
            await socket.queue.put(None if socket.upgraded else eio_packet.Packet(eio_packet.NOOP))

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        namespace = namespace or "/"
        if eio_sid not in self.environ:
            return  # It has said goodbye or timed out already, and would stay here for ever.
        handler = self._by_namespace.get(namespace)
        if handler is None:
            refusal = Refusal("There is no such namespace", {"code": "unknown_namespace"})
            await self._send(packet.CONNECT_ERROR, eio_sid, namespace, refusal_body(refusal))
            return
        sid = await self.manager.pre_connect(eio_sid, namespace)
        if sid is None:
            log.info("%s: a client asked to connect twice", namespace)
            return
        session = self.sessions[sid] = Session(sid, eio_sid, handler, self.busy)
        session.post(self._accept_or_refuse(session, read_request(sid, self.environ[eio_sid], data)))

    async def _accept_or_refuse(self, session: Session, handshake: Handshake) -> None:
        handler = session.handler
        refusal = await handler.handshake(handshake)
        if refusal is None and not session.closed:
            # May find that the client has timed out, and close the session.
            await self._send(packet.CONNECT, session.eio_sid, handler.namespace, {"sid": session.sid})
        if refusal is None and not session.closed:
            await self.manager.connect(session.sid, handler.namespace)
            session.accepted = True
            await handler.connected(session.sid)
        elif refusal is None:
            # It left while it was being checked: nobody heard of it, and nobody will.
            handler.closed(session.sid)
        elif not session.closed:
            await self._forget(session)
            await self._send(packet.CONNECT_ERROR, session.eio_sid, handler.namespace, refusal_body(refusal))

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        session = self._session_of(eio_sid, namespace)
        if session is None or not session.accepted:
            log.info("%.80r: an event came from a client that is not connected", namespace)
        elif isinstance(data, list):
            session.post(self._answer(session, data[0] if data else None, data[1:], id))

    async def _answer(self, session: Session, event: Any, args: list[Any], id: int | None) -> None:
        ack = await session.handler.event(session.sid, event, args, wants_ack=id is not None)
        if id is not None and not session.closed:
            await self._send(packet.ACK, session.eio_sid, session.handler.namespace, [ack], id=id)

    async def _handle_disconnect(
        self, eio_sid: str, namespace: str | None, reason: DisconnectReason | None = None
    ) -> None:
        session = self._session_of(eio_sid, namespace)
        if session is not None:
            await self._close(session, reason or "client disconnect")

    async def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:
        session = self.sessions.get(sid)
        if session is not None:
            await self._send(packet.DISCONNECT, session.eio_sid, session.handler.namespace)
        if session is not None and not session.closed:  # Sending may have found that it has timed out.
            session.discard()
            await self._close(session, "server disconnect")

    async def _close(self, session: Session, reason: DisconnectReason) -> None:
        session.closed = True
        if session.accepted:
            session.handler.closed(session.sid)
            session.post(session.handler.disconnected(session.sid, reason))
        await self._forget(session)

    async def _forget(self, session: Session) -> None:
        """Leave every room."""
        del self.sessions[session.sid]
        half = self._binary_packet.get(session.eio_sid)
        if half is not None and (half.namespace or "/") == session.handler.namespace:
            del self._binary_packet[session.eio_sid]
        await self.manager.disconnect(session.sid, session.handler.namespace, ignore_queue=True)

    async def stop(self, grace_s: float) -> None:
        if self.stopping:
            return
        self.stopping = True
        for socket in list(self.eio.sockets.values()):
            # Without a packet that says goodbye: clients see a lost connection, and reconnect by themselves.
            await socket.close(wait=False, abort=True, reason="server shutting down")
        await self._wait_until_idle(grace_s)
        for session in list(self.busy):
            session.hurry()
        await self._wait_until_idle(1.0)
        await self.shutdown()

    async def _wait_until_idle(self, limit_s: float) -> None:
        if workers := [session.worker for session in self.busy if session.worker]:
            await asyncio.wait(workers, timeout=limit_s)

    def _session_of(self, eio_sid: str, namespace: str | None) -> Session | None:
        return self.sessions.get(self.manager.sid_from_eio_sid(eio_sid, namespace or "/"))

    async def _send_eio_packet(self, eio_sid: str, eio_pkt: Any) -> None:
        # A copy for each receiver: a packet is encoded once, but for a WebSocket and for polling differently.
        await super()._send_eio_packet(eio_sid, eio_packet.Packet(eio_pkt.packet_type, eio_pkt.data))

    async def _send(
        self, kind: int, eio_sid: str, namespace: str, data: Any = None, *, id: int | None = None
    ) -> None:
        await self._send_packet(eio_sid, self.packet_class(kind, data=data, namespace=namespace, id=id))


def refusal_body(refusal: Refusal) -> dict[str, Any]:
    return {"message": refusal.message, "data": dict(refusal.data)}


def read_request(sid: str, environ: Mapping[str, Any], auth: object) -> Handshake:
    """What the client sent, from the ASGI scope: the WSGI names beside it have the wrong address."""
    scope: Scope = environ["asgi.scope"]
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    address = scope.get("client")
    return Handshake(sid, address[0] if address else None, auth, dict(query), headers)
