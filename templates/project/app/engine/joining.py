"""A client that wants to join a namespace: it is checked, counted, and accepted or refused."""

import logging
from typing import TYPE_CHECKING, Any

from socketio import packet

from ..core.transport import Refusal
from . import log_context
from .admission import TOO_MANY_CONNECTIONS, TOO_OFTEN, UNKNOWN_NAMESPACE
from .connection import Connection
from .packets import Packet
from .session import Session

if TYPE_CHECKING:
    from .socketio_server import Server

log = logging.getLogger(__name__)


class Joining:
    def __init__(self, server: "Server") -> None:
        self._server = server

    def begin(self, connection: Connection, session: Session | None, received: Packet) -> None:
        """Check a client that wants to join a namespace."""
        server = self._server
        handler = server.handlers.get(received.namespace)
        if not connection.admits() or server.admission.failed_too_often(connection.socket.origin):
            self._refuse(connection, received.namespace, TOO_OFTEN)
        elif handler is None:
            self._refuse(connection, received.namespace, UNKNOWN_NAMESPACE)
        elif session is not None:
            log.info("%s: a client asked to connect twice", received.namespace)
        else:
            sid = server.manager.add(connection.socket.sid, handler.namespace)
            session = server.sessions[sid] = Session(sid, handler, connection, server.busy)
            session.post(self._accept_or_refuse(session, received.data))

    async def _accept_or_refuse(self, session: Session, auth: Any) -> None:
        server, handler, connection = self._server, session.handler, session.connection
        async with connection.turn(handler.namespace):
            if session.closed:
                return  # It did not wait for its turn.
            if server.admission.failed_too_often(connection.socket.origin):
                refusal: Refusal | None = TOO_OFTEN
            else:
                refusal = await handler.handshake(connection.request.handshake(session.sid, auth))
        if refusal is None and not session.closed:
            refusal = await self._enter(session)
        if refusal is None:
            server.metrics.handshake(handler.namespace, "ok")
            if session.closed:
                # It left while it was being checked: nobody heard of it, and nobody will.
                handler.closed(session.sid)
                server.leave(session)
                return
            server.send_packet(connection, packet.CONNECT, handler.namespace, {"sid": session.sid})
            await server.manager.connect(session.sid, handler.namespace)
            session.accepted = True
            server.metrics.connected(handler.namespace)
            await handler.connected(session.sid)
        elif session.closed:
            self._count_refusal(connection, handler.namespace, refusal)
        else:
            server.forget(session)
            self._refuse(connection, handler.namespace, refusal)

    async def _enter(self, session: Session) -> Refusal | None:
        """Count the client, now that it is known who it is."""
        server, handler, sid = self._server, session.handler, session.sid
        client_key = handler.client_key(sid)
        session.entry = await server.roster.enter(handler, client_key, handler.published(sid))
        if session.entry is None:
            why = f"{server.roster.most} connections to {handler.namespace}"
            server.admission.refused("too_many_connections", f"client {client_key}", why)
            handler.closed(sid)
            return TOO_MANY_CONNECTIONS
        log_context.begin((handler.namespace, sid, client_key))
        return None

    def _refuse(self, connection: Connection, namespace: str, refusal: Refusal) -> None:
        self._count_refusal(connection, namespace, refusal)
        body = {"message": refusal.message, "data": dict(refusal.data)}
        self._server.send_packet(connection, packet.CONNECT_ERROR, namespace, body)

    def _count_refusal(self, connection: Connection, namespace: str, refusal: Refusal) -> None:
        code = refusal.data["code"]
        self._server.metrics.handshake(namespace, code)
        self._server.admission.failed(connection.socket.origin, code)
