"""The Socket.IO server: python-socketio with its dispatch replaced by one that keeps transport.py's promises.

What is different, and why:

- a client that connects: the library shows one that is still being checked to broadcasts and to forged
  events, leaks it when its check raises anything unexpected, and accepts it when its check is cancelled.
- events: the library runs those of a client side by side, so that answers come back out of order, and it lets
  a client send an event named `connect` or `disconnect`, and so call those handlers.
- packets: the library passes over malformed ones, and over events that come before CONNECT.
- the end: exactly one farewell for each accepted client, after its last event.

So none of the library's handlers for what clients send is called. What the application calls is as it was,
except that rooms are strings, `rooms` leaves out the client's own, `get_environ` has nothing, and a listener
that waits in `call` for its own client waits in vain, since the ack comes after it.
"""

import logging
import time
from collections.abc import Collection
from typing import Any

import socketio
from socketio import packet

from ..core.transport import CLOSING, DisconnectReason, Handler
from . import gate, log_context
from .admission import Admission
from .connection import Connection
from .engineio_server import EngineServer
from .engineio_socket import EngineSocket
from .joining import Joining
from .limits import MAX_CONNECT_BYTES, Limits
from .metrics import OTHER, Metrics
from .outgoing import Outgoing, outgoing
from .packets import BadPacket, Packet
from .request import Request
from .rooms import Rooms
from .roster import Roster
from .session import Session

log = logging.getLogger(__name__)

# The library's own words, but for what it says of each packet; a logger that it makes has its own handler.
library_log: Any = logging.getLogger(f"{__name__}.library")
library_log.setLevel(logging.ERROR)


class Server(socketio.AsyncServer):
    # The library's own; it does not say of what type.
    eio: Any
    manager: Rooms

    def __init__(
        self,
        allowed_origins: str | list[str] | None,
        limits: Limits,
        metrics: Metrics,
        rooms: Rooms,
        roster: Roster,
        handlers: dict[str, Handler],
    ) -> None:
        self.metrics = metrics
        self.admission = Admission(limits, metrics)
        self.roster = roster
        super().__init__(
            client_manager=rooms,
            async_mode="asgi",
            admission=self.admission,
            cors_allowed_origins=allowed_origins,
            logger=library_log,
            engineio_logger=library_log,
        )
        self.eio.receive = self._receive
        self.eio.say_why = self._say_why
        self.eio.gone = self._gone
        self.connections: dict[str, Connection] = {}
        self.sessions: dict[str, Session] = {}
        self.busy: set[Session] = set()
        self.stopping = False
        self.handlers = handlers
        self._joining = Joining(self)

    def add(self, handler: Handler) -> None:
        if handler.namespace in self.handlers:
            raise ValueError(f"two wrappers have the namespace {handler.namespace}")
        self.handlers[handler.namespace] = handler
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
        request = Request(environ["asgi.scope"])
        self.connections[eio_sid] = Connection(socket, request, self.admission)
        return await super()._handle_eio_connect(eio_sid, None)

    def _receive(self, socket: EngineSocket, message: str | bytes) -> None:
        """Raises BadPacket, for which the connection is closed."""
        connection = self.connections[socket.sid]
        received = connection.read(message)
        if received is None:
            return
        if not socket.upgraded:
            received.read_data(connection.limits)  # The answer to a POST says whether it was good.
        self.metrics.received_bytes += received.size
        session = connection.sessions.get(received.namespace)
        if received.kind in (packet.EVENT, packet.BINARY_EVENT):
            self._take_event(connection, session, received)
        elif received.kind == packet.CONNECT:
            if received.size > MAX_CONNECT_BYTES:
                raise BadPacket(f"CONNECT has at most {MAX_CONNECT_BYTES} bytes", "too_large")
            self._joining.begin(connection, session, received)
        elif session is not None and received.kind == packet.DISCONNECT:
            self._close(session, "client disconnect")
        elif session is not None and connection.admits(received.size):
            if self.manager.answered(session.sid, received.id, received.data):
                return
            # In its turn, as it may be for a callback that awaits something.
            call = self._handle_ack(socket.sid, received.namespace, received.id, received.data)
            session.post(call, received.size)

    def leave(self, session: Session) -> None:
        if session.entry is not None:
            self.roster.leave(session.handler, session.entry.key)

    def _take_event(self, connection: Connection, session: Session | None, received: Packet) -> None:
        is_admitted = connection.admits(received.size)
        if session is None or not session.accepted:
            log.info("%.80r: an event came from a client that is not connected", received.namespace)
        elif is_admitted and connection.admits_of(session.entry):
            session.post(self._answer(session, received), received.size)
        elif received.id is not None:
            ack = session.handler.refuse("rate_limited", "Too many events")
            self.send_packet(connection, packet.ACK, received.namespace, [ack], id=received.id)

    async def _answer(self, session: Session, received: Packet) -> None:
        handler, id = session.handler, received.id
        try:
            received.read_data(session.connection.limits)
        except BadPacket as problem:
            session.discard()  # What came after it.
            session.connection.socket.refuse(problem)
            return
        event = received.data[0] if received.data else None
        known = event if isinstance(event, str) and event in handler.events else None
        log_context.begin((handler.namespace, session.sid, session.client_key, known or OTHER))
        began_s = time.perf_counter()
        outcome, ack = await handler.event(session.sid, event, received.data[1:], wants_ack=id is not None)
        self.metrics.event(handler.namespace, known, outcome, time.perf_counter() - began_s)
        if id is not None and not session.closed:
            self.send_packet(session.connection, packet.ACK, handler.namespace, [ack], id)

    async def disconnect(self, sid: str, namespace: str | None = None, ignore_queue: bool = False) -> None:
        session = self.sessions.get(sid)
        if session is not None:
            self.send_packet(session.connection, packet.DISCONNECT, session.handler.namespace)
            session.discard()
            self._close(session, "server disconnect")

    def _gone(self, eio_sid: str, reason: DisconnectReason) -> None:
        connection = self.connections.pop(eio_sid)
        for session in list(connection.sessions.values()):
            self._close(session, reason)
        self.environ.pop(eio_sid, None)
        connection.closed()

    def _close(self, session: Session, reason: DisconnectReason) -> None:
        session.closed = True
        if session.accepted:
            self.metrics.closed(session.handler.namespace, reason)
            session.handler.closed(session.sid)
            session.post(session.handler.disconnected(session.sid, reason))
        self.forget(session)

    def forget(self, session: Session) -> None:
        """Leave every room."""
        namespace = session.handler.namespace
        del self.sessions[session.sid]
        self.leave(session)
        session.connection.left(session)
        self.manager.basic_disconnect(session.sid, namespace)

    def _say_why(self, eio_sid: str, problem: BadPacket) -> None:
        """Tell a client why its connection is going to be closed."""
        why = {"code": problem.limit, "message": str(problem)}
        connection = self.connections[eio_sid]
        for session in connection.sessions.values():
            if session.accepted:
                self.send_packet(connection, packet.EVENT, session.handler.namespace, [CLOSING, why])

    def send_to(self, eio_sids: Collection[str], message: Outgoing) -> None:
        """Send a message to those of these who are still there."""
        sockets = self.eio.sockets
        count = 0
        at_once = len(eio_sids) > 1
        for eio_sid in eio_sids:
            if (socket := sockets.get(eio_sid)) is not None:
                socket.post(message, at_once=at_once)
                count += 1
        self.metrics.sent_bytes += message.size * count

    def send_packet(
        self, connection: Connection, kind: int, namespace: str, data: Any = None, id: int | None = None
    ) -> None:
        message = outgoing(kind, namespace, data, id)
        connection.socket.post(message)
        self.metrics.sent_bytes += message.size
