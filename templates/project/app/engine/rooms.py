"""Who is in which room, and the way of a message to everybody there.

What is overridden of python-socketio's client manager, and why:

- `emit`: the library makes a task for each receiver.
- `basic_disconnect`: the library looks through all rooms of a namespace for each client that leaves it.
- `basic_enter_room`, `get_participants`: the library has a room for each client, which nobody else can enter,
  and for each room an object that takes a kilobyte.
- `basic_leave_room`: keeps the books of the others.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import socketio
from socketio.base_manager import BaseManager
from socketio.packet import EVENT

from ..core.transport import Handler, client_room
from .calls import Call
from .outgoing import Outgoing, outgoing

# What a connection answers; None: it is gone.
Answer: TypeAlias = Callable[[Sequence[Any] | None], None]

NOBODY: Final[Mapping[str, str]] = {}


class Members(dict[str, str]):
    """A room: the Socket.IO id of each connection in it, and the Engine.IO id."""

    @property
    def _fwdm(self) -> "Members":
        """As the library calls the same in its own rooms."""
        return self


class Rooms(socketio.AsyncManager):
    # The library's own; it does not say of what type.
    server: Any
    callbacks: dict[str, dict[int | None, Any]]
    rooms: dict[str, dict[str | None, Any]]

    def __init__(self) -> None:
        super().__init__()
        self._rooms_of: dict[str, list[str]] = {}
        self._asked: dict[tuple[str, int | None], Answer] = {}

    def add(self, eio_sid: str, namespace: str) -> str:
        """A connection that is in no room of the namespace yet; its new Socket.IO id."""
        sid: Any = BaseManager.pre_connect(self, eio_sid, namespace)
        return str(sid)

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: str | Collection[str] | None = None,
        skip_sid: str | Collection[str] | None = None,
        callback: Any = None,
        to: str | Collection[str] | None = None,
        **kwargs: Any,
    ) -> None:
        """As the library has it; what comes through a wrapper takes `send`."""
        if callback is not None:
            await super().emit(event, data, namespace, room, skip_sid, callback, to, **kwargs)
            return
        args = data if isinstance(data, tuple) else () if data is None else (data,)
        message = outgoing(EVENT, namespace, [event, *args])
        skip = (skip_sid,) if isinstance(skip_sid, str) else skip_sid or ()
        self.server.send_to(self.receivers(namespace, to or room, skip), message)

    def send(
        self, namespace: str, message: Outgoing, rooms: Collection[str], except_rooms: Collection[str]
    ) -> None:
        """Send a message to all who are in one of `rooms`, and in none of `except_rooms`."""
        self.deliver(namespace, message, rooms, except_rooms)

    def deliver(
        self, namespace: str, message: Outgoing, rooms: Collection[str], except_rooms: Collection[str] = ()
    ) -> int:
        """Likewise, to those who are connected to this server: to how many."""
        skip: Collection[str] = ()
        if except_rooms:
            skip = frozenset(sid for room in except_rooms for sid in self.members(namespace, room))
        receivers = self.receivers(namespace, rooms, skip) if rooms else ()
        self.server.send_to(receivers, message)
        return len(receivers)

    async def send_to_client(self, namespace: str, key: str, message: Outgoing) -> int:
        """Send a message to all connections of a client: to how many."""
        return self.deliver(namespace, message, [client_room(key)])

    async def call_client(
        self, namespace: str, key: str, message: Outgoing, timeout_s: float
    ) -> list[Sequence[Any]]:
        """Likewise, and the answers that come in time."""
        call = Call()
        with self.asked(namespace, key, message, call.add) as count:
            call.expect(count)
            return await call.answers(timeout_s)

    @contextmanager
    def asked(self, namespace: str, key: str, message: Outgoing, answer: Answer) -> Iterator[int]:
        """Have `answer` called for each of a client's connections: for so many, as long as this lasts."""
        sent: list[tuple[str, int]] = []
        for sid, eio_sid in list(self.members(namespace, client_room(key)).items()):
            id: Any = self._generate_ack_id(sid, answer)
            sent.append((sid, id))
            body, attachments = message.body, message.attachments
            self.server.send_to([eio_sid], Outgoing(EVENT, namespace, body, attachments, id))
            self._asked[sid, id] = answer
        try:
            yield len(sent)
        finally:
            for sid, id in sent:
                self.callbacks.get(sid, {}).pop(id, None)
                self._asked.pop((sid, id), None)

    def answered(self, sid: str, id: int | None, answer: Sequence[Any]) -> bool:
        """Whether an ack was waited for in this way: it does not wait for its turn."""
        found = self._asked.pop((sid, id), None)
        if found is None:
            return False
        del self.callbacks[sid][id]
        found(answer)
        return True

    async def dismiss(self, handler: Handler, key: str, code: str, message: str) -> int:
        """Disconnect a client: how many connections that were."""
        return await handler.dismiss(key, code, message)

    def receivers(
        self, namespace: str, rooms: str | Collection[str] | None, skip: Collection[str] = ()
    ) -> Collection[str]:
        """The Engine.IO ids of those who are in at least one of the rooms; None: who are in the namespace."""
        if rooms is None or isinstance(rooms, str):
            found = self.members(namespace, rooms)
        elif len(rooms) == 1:
            found = self.members(namespace, *rooms)
        else:
            found = {sid: eio for room in rooms for sid, eio in self.members(namespace, room).items()}
        if not skip:
            return found.values()
        return [eio_sid for sid, eio_sid in found.items() if sid not in skip]

    def members(self, namespace: str, room: str | None) -> Mapping[str, str]:
        """Who is in a room: Socket.IO id -> Engine.IO id."""
        rooms = self.rooms.get(namespace)
        if rooms is None:
            return NOBODY
        members: Mapping[str, str] | None = rooms.get(room)
        if members is not None:
            return members
        eio_sid = rooms[None].get(room)
        return {room: eio_sid} if room is not None and eio_sid is not None else NOBODY

    def get_participants(self, namespace: str, room: Any) -> Generator[tuple[str, str]]:
        for each in [room] if room is None or isinstance(room, str) else room:
            yield from list(self.members(namespace, each).items())

    def basic_enter_room(
        self, sid: str, namespace: str, room: str | None, eio_sid: str | None = None
    ) -> None:
        if room == sid:
            return
        # Not one with the name of a client: the library refuses that, and it would hide the client.
        is_new = room is not None and namespace in self.rooms and room not in self.rooms[namespace]
        if is_new and not self.is_sid_room(namespace, room):
            self.rooms[namespace][room] = Members()
        super().basic_enter_room(sid, namespace, room, eio_sid)
        if room is not None:
            self._rooms_of.setdefault(sid, []).append(room)

    def basic_leave_room(self, sid: str, namespace: str, room: str | None) -> None:
        super().basic_leave_room(sid, namespace, room)
        if room in (rooms := self._rooms_of.get(sid, [])):
            rooms.remove(room)

    def basic_disconnect(self, sid: str, namespace: str, **kwargs: Any) -> None:
        for room in self._rooms_of.pop(sid, []):
            super().basic_leave_room(sid, namespace, room)
        super().basic_leave_room(sid, namespace, None)
        for id in self.callbacks.pop(sid, {}):
            if answer := self._asked.pop((sid, id), None):
                answer(None)
        for pending in (self.pending_connect, self.pending_disconnect):
            if sid in (sids := pending.get(namespace, [])):
                sids.remove(sid)
                if not sids:
                    del pending[namespace]
