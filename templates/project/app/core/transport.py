"""The line between the core and the engine: what each of them asks of the other.

Everything above this line (wrappers, middlewares, listeners) is plain, sequential code, because the engine
promises: the calls for one connection never overlap, and they come in the order
`handshake, connected, event..., disconnected`. Those for one client, `came` and `went`, take turns, too; they
run beside the calls for its connections.

The server may be one of several: what a `Transport` does, it does wherever the clients are.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, TypeAlias

import orjson

DisconnectReason = Literal[
    "client disconnect",
    "server disconnect",
    "server shutting down",
    "ping timeout",
    "transport close",
    "transport error",
    "slow reader",
]


# A value that is JSON already, as UTF-8: it is encoded once, whoever it is for.
Json: TypeAlias = orjson.Fragment

ACCEPTED: Final = "accepted"  # The room of every accepted connection: broadcasts go there.


def client_room(key: str) -> str:
    """The room of all connections of one client."""
    return f"client:{key}"


def named_room(name: str) -> str:
    """A room of the application's; the prefix keeps it apart from `accepted` and from the clients' rooms."""
    return f"room:{name}"


# The event that tells a client why the server is about to end its connection, with {code, message}.
CLOSING: Final = "closing"

# What a client sends to stay connected when its token is about to expire: see Lifecycle.
RENEWAL: Final = "renewToken"

# What the libraries, and this server, say or answer themselves.
RESERVED_EVENTS: Final = frozenset(
    {
        *("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"),
        *(CLOSING, RENEWAL),
    }
)


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client sent when it asked to connect. All of it is the client's word: trust none of it."""

    sid: str
    address: str | None
    # Not in the repr, which ends up in logs: tokens and cookies are in here.
    auth: object = field(repr=False)
    query: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a client may not connect, as its `connect_error` shows it."""

    message: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Presence:
    """A client that is online: somebody with at least one open connection, wherever that is."""

    key: str
    metadata: Mapping[str, Any]
    """What the namespace publishes of its clients, as JSON has it: of the connection that came last."""
    connections: int


@dataclass(frozen=True, slots=True)
class OnlineCount:
    """How many there are online."""

    clients: int
    connections: int


class NotAttached(RuntimeError):
    """A wrapper was asked to send before a server took it up."""


class Transport(Protocol):
    """What the core asks of the engine, for one namespace. A `sid` that is gone is ignored.

    Arguments of events, and the answers to them, are JSON, with `Json` or bytes in any place.
    """

    async def emit(
        self, event: str, args: Sequence[Any], *, rooms: Collection[str], except_rooms: Collection[str] = ()
    ) -> None:
        """Send an event to all who are in one of `rooms`, without those in one of `except_rooms`."""

    async def emit_to_client(self, key: str, event: str, args: Sequence[Any]) -> int:
        """Send an event to all connections of a client: to how many."""
        ...

    async def call_client(self, key: str, event: str, args: Sequence[Any], timeout_s: float) -> list[Any]:
        """Likewise, and the acks that come in time: each is the list of what one connection answered."""
        ...

    async def dismiss(self, key: str, code: str, message: str) -> int:
        """Have each server call `Handler.dismiss`: how many connections the client had."""
        ...

    async def publish(self, key: str, published: bytes) -> None:
        """What everybody may know of a client that is connected here has changed: see `Handler.published`."""

    async def online(self) -> Mapping[str, Presence]:
        """Raises `Unavailable`, as the next two do."""
        ...

    async def presence(self, key: str) -> Presence | None: ...

    async def count_online(self) -> OnlineCount: ...

    async def enter(self, sid: str, room: str) -> None: ...

    async def leave(self, sid: str, room: str) -> None: ...

    async def disconnect(self, sid: str) -> None: ...


class Handler(Protocol):
    """What the engine asks of the core, for one namespace."""

    namespace: str
    """The name on the wire, such as `/devUser`."""

    events: Container[str]
    """The events that have a listener; every other name is whatever a client made up."""

    @property
    def watches_presence(self) -> bool:
        """Whether `came` and `went` have anything to do."""
        ...

    async def handshake(self, handshake: Handshake) -> Refusal | None:
        """Accept (None) or refuse a client."""
        ...

    def client_key(self, sid: str) -> str:
        """Who a client is that was accepted."""
        ...

    def published(self, sid: str) -> bytes:
        """What everybody may know of a client that was accepted: an object, as JSON."""
        ...

    async def came(self, presence: Presence) -> None:
        """A client is online that was not: called by one server, whatever the number of them."""
        ...

    async def went(self, presence: Presence) -> None:
        """Its last connection is gone, wherever that was: called by one server."""
        ...

    async def dismiss(self, key: str, code: str, message: str) -> int:
        """Disconnect a client from this server: how many connections that were."""
        ...

    async def connected(self, sid: str) -> None:
        """The client has been told that it is accepted."""
        ...

    async def event(
        self, sid: str, event: object, args: Sequence[object], *, wants_ack: bool
    ) -> tuple[str, Any]:
        """How one event was answered, `ok` or the error's code, and the ack."""
        ...

    def refuse(self, code: str, message: str) -> Any:
        """The ack of an event that the engine does not hand over."""
        ...

    def closed(self, sid: str) -> None:
        """A client that was accepted is gone: called at once, even while another call for it runs."""
        ...

    async def disconnected(self, sid: str, reason: DisconnectReason) -> None:
        """The last call for a connection, when everything that its client sent has been answered."""
        ...


class Attachable(Protocol):
    """What a server can take up: a SocketWrapper."""

    namespace: str

    def attach(self, transport: Transport) -> Handler: ...
