"""What a wrapper sends, on its way to rooms, rosters and sessions."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from socketio.packet import EVENT

from ..core.transport import Handler, OnlineCount, Presence
from .outgoing import outgoing
from .socketio_server import Server


class NamespaceTransport:
    """Implements `core.transport.Transport`."""

    def __init__(self, server: Server, namespace: str) -> None:
        self._server = server
        self._namespace = namespace

    async def emit(
        self, event: str, args: Sequence[Any], *, rooms: Collection[str], except_rooms: Collection[str] = ()
    ) -> None:
        message = outgoing(EVENT, self._namespace, [event, *args])
        self._server.manager.send(self._namespace, message, rooms, except_rooms)

    async def emit_to_client(self, key: str, event: str, args: Sequence[Any]) -> int:
        message = outgoing(EVENT, self._namespace, [event, *args])
        return await self._server.manager.send_to_client(self._namespace, key, message)

    async def call_client(
        self, key: str, event: str, args: Sequence[Any], timeout_s: float
    ) -> list[Sequence[Any]]:
        message = outgoing(EVENT, self._namespace, [event, *args])
        return await self._server.manager.call_client(self._namespace, key, message, timeout_s)

    async def dismiss(self, key: str, code: str, message: str) -> int:
        handler: Handler = self._server.handlers[self._namespace]
        return await self._server.manager.dismiss(handler, key, code, message)

    async def publish(self, key: str, published: bytes) -> None:
        self._server.roster.publish(self._server.handlers[self._namespace], key, published)

    async def online(self) -> Mapping[str, Presence]:
        return await self._server.roster.online(self._namespace)

    async def presence(self, key: str) -> Presence | None:
        return await self._server.roster.presence(self._namespace, key)

    async def count_online(self) -> OnlineCount:
        return await self._server.roster.count_online(self._namespace)

    async def enter(self, sid: str, room: str) -> None:
        if sid in self._server.sessions:
            self._server.manager.basic_enter_room(sid, self._namespace, room)

    async def leave(self, sid: str, room: str) -> None:
        if sid in self._server.sessions:
            self._server.manager.basic_leave_room(sid, self._namespace, room)

    async def disconnect(self, sid: str) -> None:
        await self._server.disconnect(sid, self._namespace)
