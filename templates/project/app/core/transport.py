"""The line between the core and the engine: what each of them asks of the other.

Everything above this line (wrappers, middlewares, listeners) is plain, sequential code, because the engine
promises: the calls for one connection never overlap, and they come in the order
`handshake, connected, event..., disconnected`.
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

# The event that tells a client why the server is about to end its connection, with {code, message}.
CLOSING: Final = "closing"


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


class Transport(Protocol):
    """What the core asks of the engine, for one namespace. A `sid` that is gone is ignored.

    Arguments of events, and the answers to them, are JSON, with `Json` or bytes in any place.
    """

    async def emit(
        self, event: str, args: Sequence[Any], *, rooms: Collection[str], except_rooms: Collection[str] = ()
    ) -> None:
        """Send an event to all who are in one of `rooms`, without those in one of `except_rooms`."""

    async def enter(self, sid: str, room: str) -> None: ...

    async def leave(self, sid: str, room: str) -> None: ...

    async def disconnect(self, sid: str) -> None: ...


class Handler(Protocol):
    """What the engine asks of the core, for one namespace."""

    namespace: str
    """The name on the wire, such as `/devUser`."""

    events: Container[str]
    """The events that have a listener; every other name is whatever a client made up."""

    async def handshake(self, handshake: Handshake) -> Refusal | None:
        """Accept (None) or refuse a client."""
        ...

    def client_key(self, sid: str) -> str:
        """Who a client is that was accepted."""
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
