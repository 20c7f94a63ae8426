"""The server that the protocols' own test suites ask for, made of the project's engine.

`/engine.io/` sends every message back. `/socket.io/` has the namespaces `/` and `/custom`, which show what a
client said of itself (`auth`) and send back what it says (`message`, `message-with-ack`).
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Container, Sequence
from contextlib import asynccontextmanager
from typing import Any

import engineio
import socketio
from engineio.packet import MESSAGE, Packet
from fastapi import FastAPI
from socketio.packet import ACK, CONNECT_ERROR
from starlette.types import ASGIApp

from app.core.transport import DisconnectReason, Handshake, Presence
from app.engine import STATE_KEY, Limits, SocketServer
from app.engine.admission import Admission
from app.engine.connection import Connection
from app.engine.engineio_server import EngineServer
from app.engine.engineio_socket import EngineSocket
from app.engine.metrics import Metrics
from app.engine.rooms import Rooms
from app.engine.roster import Roster
from app.engine.socketio_server import Server
from app.engine.uvicorn_server import UvicornServer, uvicorn_config

SUITE = Limits(ping_interval_s=0.3, ping_timeout_s=0.2, connect_timeout_s=10)


class Echo:
    """Implements `core.transport.Handler`."""

    def __init__(self, server: "SuiteServer", namespace: str) -> None:
        self.namespace = namespace
        self.events: Container[str] = frozenset({"message", "message-with-ack"})
        self.heard: list[tuple[object, ...]] = []
        self.farewells: list[DisconnectReason] = []
        self._server = server
        self._auth: dict[str, object] = {}

    async def handshake(self, handshake: Handshake) -> None:
        self._auth[handshake.sid] = handshake.auth

    def client_key(self, sid: str) -> str:
        return sid

    @property
    def watches_presence(self) -> bool:
        return False

    def published(self, sid: str) -> bytes:
        return b"{}"

    async def came(self, presence: Presence) -> None:
        raise NotImplementedError

    async def went(self, presence: Presence) -> None:
        raise NotImplementedError

    async def dismiss(self, key: str, code: str, message: str) -> int:
        raise NotImplementedError

    async def connected(self, sid: str) -> None:
        await self._send(sid, "auth", [self._auth.pop(sid) or {}])

    async def event(
        self, sid: str, event: object, args: Sequence[object], *, wants_ack: bool
    ) -> tuple[str, Any]:
        self.heard.append((event, *args))
        if event == "message":
            await self._send(sid, "message-back", args)
        return "ok", {"ok": True, "data": args}

    def refuse(self, code: str, message: str) -> Any:
        return {"ok": False, "data": [code]}

    def closed(self, sid: str) -> None:
        pass

    async def disconnected(self, sid: str, reason: DisconnectReason) -> None:
        self.farewells.append(reason)

    async def _send(self, sid: str, event: str, args: Sequence[object]) -> None:
        server: Any = self._server
        await server.emit(event, tuple(args), to=sid, namespace=self.namespace)


class SuiteServer(Server):
    """Says what the suites want to hear where it is the application's to choose: acks, and words."""

    def send_packet(
        self, connection: Connection, kind: int, namespace: str, data: Any = None, id: int | None = None
    ) -> None:
        if kind == ACK:
            data = data[0]["data"]
        if kind == CONNECT_ERROR:
            data = {"message": "Invalid namespace"}
        super().send_packet(connection, kind, namespace, data, id)


class EchoServer(EngineServer):
    """Sends messages back."""

    def receive(self, socket: EngineSocket, message: str | bytes) -> None:
        socket.put(Packet(MESSAGE, message))


class SuiteSocketServer(SocketServer):
    def __init__(self, limits: Limits) -> None:
        self._node = None
        self._server = SuiteServer(
            None, limits, Metrics(), Rooms(), Roster(limits.connections_per_client), {}
        )
        self.main, self.custom = Echo(self._server, "/"), Echo(self._server, "/custom")
        for echo in (self.main, self.custom):
            self._server.add(echo)

    async def broadcast(self, event: str, content: object) -> None:
        """To everybody in `/`."""
        server: Any = self._server
        await server.emit(event, content)

    def asgi_app(self, http: ASGIApp) -> ASGIApp:
        admission = Admission(self._server.admission.limits, Metrics())
        app: ASGIApp = engineio.ASGIApp(
            EchoServer(admission=admission, async_mode="asgi"),
            other_asgi_app=socketio.ASGIApp(self._server, other_asgi_app=http),
        )
        return app


@asynccontextmanager
async def serving(sockets: SocketServer) -> AsyncIterator[str]:
    """The URL of a server in this process."""

    @asynccontextmanager
    async def lifespan(http: FastAPI) -> AsyncIterator[dict[str, Any]]:
        yield {STATE_KEY: sockets}

    app = sockets.asgi_app(FastAPI(lifespan=lifespan))
    server = UvicornServer(uvicorn_config(lambda: app))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Inherited by the connections; asyncio, unlike uvloop, sets it only for sockets that it made itself.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running
