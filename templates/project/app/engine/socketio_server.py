"""The Socket.IO server: python-socketio with its dispatch replaced by one that keeps transport.py's promises.

The one module that knows how python-socketio works inside; it has no type hints. What is overridden, and why:

- `_handle_connect`: the library shows a client that is still being checked to broadcasts and to forged
  events, leaks it when its check raises anything unexpected, and accepts it when its check is cancelled.
- `_handle_event`: the library runs a client's events side by side, so that answers come back out of order,
  and it lets a client send an event named `connect` or `disconnect`, and so call those handlers.
- `_handle_eio_message`: the library passes over malformed packets, and over events that come before CONNECT.
- `_handle_disconnect`, `disconnect`: exactly one farewell for each accepted client, after its last event.
"""

import logging
import time
from typing import Any

import socketio
from engineio import packet as eio_packet
from socketio import packet

from ..core.transport import CLOSING, DisconnectReason, Handler, Refusal
from . import gate, log_context
from .admission import Admission
from .connection import Connection
from .engineio_server import EngineServer
from .limits import MAX_CONNECT_BYTES, Limits
from .metrics import OTHER, Metrics
from .packets import BadPacket
from .request import read_request
from .session import Session

log = logging.getLogger(__name__)

# The library's own words, but for what it says of each packet; a logger that it makes has its own handler.
library_log: Any = logging.getLogger(f"{__name__}.library")
library_log.setLevel(logging.ERROR)

TOO_OFTEN = Refusal("Too many attempts: try again later", {"code": "rate_limited"})
TOO_MANY_CONNECTIONS = Refusal("Too many connections", {"code": "too_many_connections"})
UNKNOWN_NAMESPACE = Refusal("There is no such namespace", {"code": "unknown_namespace"})


class Server(socketio.AsyncServer):
    # The library's own; it does not say of what type.
    eio: Any
    manager: Any
    packet_class: Any

    def __init__(self, allowed_origins: str | list[str] | None, limits: Limits) -> None:
        self.metrics = Metrics()
        self.admission = Admission(limits, self.metrics)
        super().__init__(
            async_mode="asgi",
            admission=self.admission,
            cors_allowed_origins=allowed_origins,
            logger=library_log,
            engineio_logger=library_log,
        )
        self.eio.say_why = self._say_why
        self.connections: dict[str, Connection] = {}
        self.sessions: dict[str, Session] = {}
        self.busy: set[Session] = set()
        self.stopping = False
        self._by_namespace: dict[str, Handler] = {}

    def add(self, handler: Handler) -> None:
        if handler.namespace in self._by_namespace:
            raise ValueError(f"two wrappers have the namespace {handler.namespace}")
        self._by_namespace[handler.namespace] = handler
        self.metrics.add_namespace(handler.namespace)

    def _engineio_server_class(self) -> type[EngineServer]:
        return EngineServer

    # mypy compares with a declaration further up, which has no arguments.
    async def _handle_eio_connect(self, eio_sid: str, environ: Any) -> Any:  # type: ignore[override]
        """Refuse (a `Problem`) or accept (None) a connection."""
        if self.stopping:
            return gate.STOPPING
        socket = self.eio.sockets[eio_sid]
        if not self.admission.enter(socket.origin):
            return gate.TOO_MANY_CONNECTIONS
        self.connections[eio_sid] = Connection(socket.origin, self.admission, socket.give_up)
        return await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:  # type: ignore[override]
        """Raises BadPacket, for which the connection is closed."""
        self.metrics.received(data)
        received = self.connections[eio_sid].read(data)
        if received is None:
            return
        if received.kind == packet.CONNECT:
            if received.size > MAX_CONNECT_BYTES:
                raise BadPacket(f"CONNECT has at most {MAX_CONNECT_BYTES} bytes", "too_large")
            await self._handle_connect(eio_sid, received.namespace, received.data)
        elif received.kind == packet.DISCONNECT:
            await self._handle_disconnect(eio_sid, received.namespace)
        elif received.kind in (packet.EVENT, packet.BINARY_EVENT):
            await self._handle_event(eio_sid, received.namespace, received.id, received.data, received.size)
        else:
            await self._handle_ack(eio_sid, received.namespace, received.id, received.data)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: Any) -> None:  # type: ignore[override]
        await super()._handle_eio_disconnect(eio_sid, reason)
        self.connections.pop(eio_sid).closed()

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        namespace = namespace or "/"
        handler = self._by_namespace.get(namespace)
        connection = self.connections[eio_sid]
        if connection.is_too_fast() or self.admission.failed_too_often(connection.origin):
            await self._refuse(eio_sid, namespace, TOO_OFTEN)
        elif handler is None:
            await self._refuse(eio_sid, namespace, UNKNOWN_NAMESPACE)
        elif (sid := await self.manager.pre_connect(eio_sid, namespace)) is None:
            log.info("%s: a client asked to connect twice", namespace)
        else:
            session = self.sessions[sid] = Session(sid, eio_sid, handler, connection, self.busy)
            session.post(self._accept_or_refuse(session, data))

    async def _accept_or_refuse(self, session: Session, auth: Any) -> None:
        handler, connection = session.handler, session.connection
        async with connection.handshakes[handler.namespace]:
            if session.closed:
                return  # It did not wait for its turn.
            if self.admission.failed_too_often(connection.origin):
                refusal: Refusal | None = TOO_OFTEN
            else:
                request = read_request(session.sid, self.environ[session.eio_sid], auth)
                refusal = await handler.handshake(request)
        if refusal is None and not session.closed:
            refusal = self._enter(session)
        if refusal is None:
            self.metrics.handshake(handler.namespace, "ok")
        if refusal is None and not session.closed:
            # May find that the client has timed out, and close the session.
            await self._send(packet.CONNECT, session.eio_sid, handler.namespace, {"sid": session.sid})
        if refusal is None and not session.closed:
            await self.manager.connect(session.sid, handler.namespace)
            session.accepted = True
            self.metrics.connected(handler.namespace)
            await handler.connected(session.sid)
        elif refusal is None:
            # It left while it was being checked: nobody heard of it, and nobody will.
            handler.closed(session.sid)
        elif session.closed:
            self._count_refusal(connection, handler.namespace, refusal)
        else:
            await self._forget(session)
            await self._refuse(session.eio_sid, handler.namespace, refusal)

    def _enter(self, session: Session) -> Refusal | None:
        """Count the client, now that it is known who it is."""
        client_key = session.handler.client_key(session.sid)
        if not self.admission.enter_as(client_key, session.handler.namespace):
            session.handler.closed(session.sid)
            return TOO_MANY_CONNECTIONS
        session.client_key = client_key
        log_context.add(client=client_key)
        return None

    async def _refuse(self, eio_sid: str, namespace: str, refusal: Refusal) -> None:
        self._count_refusal(self.connections[eio_sid], namespace, refusal)
        body = {"message": refusal.message, "data": dict(refusal.data)}
        await self._send(packet.CONNECT_ERROR, eio_sid, namespace, body)

    def _count_refusal(self, connection: Connection, namespace: str, refusal: Refusal) -> None:
        code = refusal.data["code"]
        self.metrics.handshake(namespace, code)
        self.admission.failed(connection.origin, code)

    async def _handle_event(
        self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any], size: int = 0
    ) -> None:
        session = self._session_of(eio_sid, namespace)
        connection = self.connections[eio_sid]
        is_too_fast = connection.is_too_fast()
        if session is None or not session.accepted:
            log.info("%.80r: an event came from a client that is not connected", namespace)
        elif not is_too_fast and connection.has_room_for(size):
            session.post(self._answer(session, data[0] if data else None, data[1:], id), size)
        elif id is not None:
            ack = session.handler.refuse("rate_limited", "Too many events")
            await self._send(packet.ACK, eio_sid, session.handler.namespace, [ack], id=id)

    async def _answer(self, session: Session, event: Any, args: list[Any], id: int | None) -> None:
        handler = session.handler
        known = event if event in handler.events else None
        log_context.add(event=known or OTHER)
        began_s = time.perf_counter()
        ack = await handler.event(session.sid, event, args, wants_ack=id is not None)
        outcome = "ok" if ack["ok"] else ack["error"]["code"]
        self.metrics.event(handler.namespace, known, outcome, time.perf_counter() - began_s)
        if id is not None and not session.closed:
            await self._send(packet.ACK, session.eio_sid, handler.namespace, [ack], id=id)

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
            self.metrics.closed(session.handler.namespace, reason)
            session.handler.closed(session.sid)
            session.post(session.handler.disconnected(session.sid, reason))
        await self._forget(session)

    async def _forget(self, session: Session) -> None:
        """Leave every room."""
        del self.sessions[session.sid]
        if session.client_key is not None:
            self.admission.leave_as(session.client_key, session.handler.namespace)
        session.connection.left()
        await self.manager.disconnect(session.sid, session.handler.namespace, ignore_queue=True)

    async def _say_why(self, eio_sid: str, problem: BadPacket) -> None:
        """Tell a client why its connection is going to be closed."""
        why = {"code": problem.limit, "message": str(problem)}
        for namespace in self._by_namespace:
            session = self._session_of(eio_sid, namespace)
            if session is not None and session.accepted:
                await self._send(packet.EVENT, eio_sid, namespace, [CLOSING, why])

    def _session_of(self, eio_sid: str, namespace: str | None) -> Session | None:
        return self.sessions.get(self.manager.sid_from_eio_sid(eio_sid, namespace or "/"))

    async def _send_packet(self, eio_sid: str, pkt: Any) -> None:
        encoded = pkt.encode()
        for part in encoded if isinstance(encoded, list) else [encoded]:
            await self._send_eio_packet(eio_sid, eio_packet.Packet(eio_packet.MESSAGE, part))

    async def _send_eio_packet(self, eio_sid: str, eio_pkt: Any) -> None:
        self.metrics.sent(eio_pkt.data)
        # A copy for each receiver: a packet is encoded once, but for a WebSocket and for polling differently.
        await super()._send_eio_packet(eio_sid, eio_packet.Packet(eio_pkt.packet_type, eio_pkt.data))

    async def _send(
        self, kind: int, eio_sid: str, namespace: str, data: Any = None, *, id: int | None = None
    ) -> None:
        await self._send_packet(eio_sid, self.packet_class(kind, data=data, namespace=namespace, id=id))
