"""The Socket.IO server: python-socketio with its dispatch replaced by one that keeps transport.py's promises.

The one module that knows how python-socketio works inside; it has no type hints. What is overridden, and why:

- `_handle_connect`: the library shows a client that is still being checked to broadcasts and to forged
  events, leaks it when its check raises anything unexpected, and accepts it when its check is cancelled.
- `_handle_event`: the library runs a client's events side by side, so that answers come back out of order,
  and it lets a client send an event named `connect` or `disconnect`, and so call those handlers.
- `_handle_eio_message`: the library passes over malformed packets, and over events that come before CONNECT.
- `_handle_disconnect`, `disconnect`: exactly one farewell for each accepted client, after its last event.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

import socketio
from engineio import packet as eio_packet
from socketio import packet

from ..core.transport import DisconnectReason, Handler, Handshake, Refusal
from . import log_context
from .connection import Connection
from .engineio_server import EngineServer
from .limits import MAX_MESSAGE_BYTES, Limits
from .metrics import OTHER, Metrics
from .request import read_request
from .session import Session

log = logging.getLogger(__name__)

# The library's own words, but for what it says of each packet; a logger that it makes has its own handler.
library_log: Any = logging.getLogger(f"{__name__}.library")
library_log.setLevel(logging.ERROR)


class Server(socketio.AsyncServer):
    # The library's own; it does not say of what type.
    eio: Any
    manager: Any
    packet_class: Any

    def __init__(self, allowed_origins: Sequence[str], limits: Limits) -> None:
        super().__init__(
            async_mode="asgi",
            ping_interval=limits.ping_interval_s,
            ping_timeout=limits.ping_timeout_s,
            # An empty list would allow every origin; None allows the server's own.
            cors_allowed_origins=list(allowed_origins) or None,
            max_http_buffer_size=MAX_MESSAGE_BYTES,
            logger=library_log,
            engineio_logger=library_log,
        )
        self.limits = limits
        self.metrics = Metrics()
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
        if self.stopping:
            return False
        socket = self.eio.sockets[eio_sid]
        self.connections[eio_sid] = Connection(self.limits.connect_timeout_s, socket.give_up)
        return await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_message(self, eio_sid: str, data: str | bytes) -> None:  # type: ignore[override]
        """Raises BadPacket, for which the connection is closed."""
        self.metrics.received(data)
        received = self.connections[eio_sid].read(data)
        if received is None:
            return
        if received.kind == packet.CONNECT:
            await self._handle_connect(eio_sid, received.namespace, received.data)
        elif received.kind == packet.DISCONNECT:
            await self._handle_disconnect(eio_sid, received.namespace)
        elif received.kind in (packet.EVENT, packet.BINARY_EVENT):
            await self._handle_event(eio_sid, received.namespace, received.id, received.data)
        else:
            await self._handle_ack(eio_sid, received.namespace, received.id, received.data)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: Any) -> None:  # type: ignore[override]
        await super()._handle_eio_disconnect(eio_sid, reason)
        self.connections.pop(eio_sid).closed()

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        namespace = namespace or "/"
        handler = self._by_namespace.get(namespace)
        if handler is None:
            refusal = Refusal("There is no such namespace", {"code": "unknown_namespace"})
            self.metrics.handshake(namespace, "unknown_namespace")
            await self._send(packet.CONNECT_ERROR, eio_sid, namespace, refusal_body(refusal))
            return
        sid = await self.manager.pre_connect(eio_sid, namespace)
        if sid is None:
            log.info("%s: a client asked to connect twice", namespace)
            return
        self.connections[eio_sid].joined()
        session = self.sessions[sid] = Session(sid, eio_sid, handler, self.busy)
        session.post(self._accept_or_refuse(session, read_request(sid, self.environ[eio_sid], data)))

    async def _accept_or_refuse(self, session: Session, handshake: Handshake) -> None:
        handler = session.handler
        refusal = await handler.handshake(handshake)
        self.metrics.handshake(handler.namespace, refusal.data["code"] if refusal else "ok")
        if refusal is None:
            session.client_key = handler.client_key(session.sid)
            log_context.add(client=session.client_key)
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
        elif not session.closed:
            await self._forget(session)
            await self._send(packet.CONNECT_ERROR, session.eio_sid, handler.namespace, refusal_body(refusal))

    async def _handle_event(
        self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]
    ) -> None:
        session = self._session_of(eio_sid, namespace)
        if session is None or not session.accepted:
            log.info("%.80r: an event came from a client that is not connected", namespace)
        else:
            session.post(self._answer(session, data[0] if data else None, data[1:], id))

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
        self.connections[session.eio_sid].left()
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


def refusal_body(refusal: Refusal) -> dict[str, Any]:
    return {"message": refusal.message, "data": dict(refusal.data)}
