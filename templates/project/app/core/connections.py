"""The clients of a namespace: one `Client` for each open connection, found by key or by metadata."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from .events import Args, Closing, Event, Events, closing
from .results import SocketOk
from .transport import Handshake, Transport, named_room
from .wire import to_wire

Metadata = TypeVar("Metadata")

# What identifies a client in your database. Sent and compared as text.
ClientKey = str | int | UUID

# No middleware takes longer to decide.
LONGEST_WAIT_S = 600


class Client(Generic[Metadata]):
    """One connection: a browser tab, a phone, a script. A person may have several, with the same `key`."""

    key: str
    """Who this is: the metadata's field named by `client_connection_key`, else the `sid`."""

    metadata: Metadata
    """What the middleware returned for this connection."""

    published: bytes
    """What `published_metadata` made of it, as JSON."""

    def __init__(self, handshake: Handshake, transport: Transport, events: Events) -> None:
        self.sid = handshake.sid
        self.handshake = handshake
        self.connected = False
        self.asked_at = time.monotonic()
        self.expires_at: float | None = None  # Unix time, in seconds.
        self._transport = transport
        self._events = events
        self._accepted = False

    def accept(self, key: str, verdict: SocketOk[Metadata], published: bytes) -> None:
        """The middleware's verdict: the wrapper calls it, again when the client renews its token."""
        self._accepted = True
        self.key = key
        self.published = published
        self.metadata = verdict.new_metadata
        self.expires_at = verdict.expires_at

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What is not there yet.

            Raises:
                RuntimeError: The middleware has not accepted the client, who so has no key and no metadata.
            """
            if name in ("key", "metadata"):
                self._must_be_accepted()
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    # In a middleware all of these raise RuntimeError: a client hears nothing before it is accepted.

    async def emit(self, event: Event[*Args], *args: *Args) -> bool:
        """Send an event to this connection only.

        Returns:
            False when the client has left already.

        Raises:
            ValueError: An argument cannot be sent.
            TypeError: In development: the event is not declared, or not with such arguments.
        """
        self._must_be_accepted()
        name = self._events.name_of(event, args)
        if self.connected:
            await self._transport.emit(name, [to_wire(arg) for arg in args], rooms=[self.sid])
        return self.connected

    async def join(self, room: str) -> None:
        """From now on `send_to_room(room, ...)` reaches this connection."""
        self._must_be_accepted()
        await self._transport.enter(self.sid, named_room(room))

    async def leave(self, room: str) -> None:
        self._must_be_accepted()
        await self._transport.leave(self.sid, named_room(room))

    async def disconnect(self, *, code: str = "disconnected", message: str = "Goodbye") -> None:
        """Close this connection, after a `closing` event that tells the client why.

        The client does not reconnect by itself.
        """
        await self.emit(closing, Closing(code, message))
        await self._transport.disconnect(self.sid)

    def _must_be_accepted(self) -> None:
        if not self._accepted:
            raise RuntimeError(f"client {self.sid} is not accepted yet: it has no key and no metadata")


class Dismissal(NamedTuple):
    """When and why a client was disconnected; the moment is of the monotonic clock, in seconds."""

    at: float
    code: str
    message: str


class Connections(Generic[Metadata]):
    """The open connections of one namespace in this process."""

    def __init__(self) -> None:
        self._by_key: dict[str, dict[str, Client[Metadata]]] = {}
        self._dismissals: dict[str, Dismissal] = {}  # The oldest first.

    async def dismiss(self, key: ClientKey, *, code: str, message: str) -> int:
        """Disconnect a client: how many connections that were."""
        now = time.monotonic()
        self._forget_dismissals(before=now - LONGEST_WAIT_S)
        self._dismissals.pop(str(key), None)
        self._dismissals[str(key)] = Dismissal(now, code, message)
        clients = self.of_client(key)
        for client in clients:
            await client.disconnect(code=code, message=message)
        return len(clients)

    def dismissal_of(self, client: Client[Metadata]) -> "Dismissal | None":
        """Why the client has to go already, if it was dismissed while the middleware had it in hand."""
        found = self._dismissals.get(client.key)
        return found if found is not None and client.asked_at <= found.at else None

    def _forget_dismissals(self, *, before: float) -> None:
        while self._dismissals:
            key, oldest = next(iter(self._dismissals.items()))
            if oldest.at >= before:
                return
            del self._dismissals[key]

    def add(self, client: Client[Metadata]) -> None:
        client.connected = True
        self._by_key.setdefault(client.key, {})[client.sid] = client

    def remove(self, client: Client[Metadata]) -> None:
        """Forget this connection, and only this one; others with the same key stay."""
        client.connected = False
        same_key = self._by_key[client.key]
        del same_key[client.sid]
        if not same_key:
            del self._by_key[client.key]

    def of_client(self, key: ClientKey) -> Sequence[Client[Metadata]]:
        """The client's connections, oldest first; empty when it is not connected."""
        return tuple(self._by_key.get(str(key), {}).values())

    def count(self, key: ClientKey) -> int:
        """How many connections the client has."""
        return len(self._by_key.get(str(key), ()))

    def by_key(self) -> Mapping[str, Sequence[Client[Metadata]]]:
        """A copy of everything: key -> its connections."""
        return {key: tuple(clients.values()) for key, clients in self._by_key.items()}

    def __iter__(self) -> Iterator[Client[Metadata]]:
        for clients in list(self._by_key.values()):
            yield from list(clients.values())

    def __len__(self) -> int:
        return sum(len(clients) for clients in self._by_key.values())
