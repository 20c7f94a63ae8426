"""The functions that a wrapper is made of: yours."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeAlias, TypeVar

from .connections import Client
from .handshake import ClientMetadata
from .results import SocketNok, SocketOk, socket_ok
from .transport import DisconnectReason, Presence

if TYPE_CHECKING:
    from .socket_wrapper import SocketWrapper

Metadata = TypeVar("Metadata")
Params = ParamSpec("Params")
Answer = TypeVar("Answer")

Middleware: TypeAlias = Callable[
    ["SocketWrapper[Metadata]", Client[Metadata], str | None, ClientMetadata],
    Awaitable[SocketOk[Metadata] | SocketNok],
]
ConnectHook: TypeAlias = Callable[["SocketWrapper[Metadata]", Client[Metadata], Metadata], Awaitable[None]]
DisconnectHook: TypeAlias = Callable[
    ["SocketWrapper[Metadata]", Client[Metadata], DisconnectReason], Awaitable[None]
]
Publish: TypeAlias = Callable[[Metadata], Mapping[str, object]]


class PresenceHook(Protocol[Metadata]):
    def __call__(
        self, wrapper: "SocketWrapper[Metadata]", presence: Presence, /
    ) -> Coroutine[Any, Any, None]: ...


ListenerFunction: TypeAlias = Callable[
    Concatenate["SocketWrapper[Metadata]", Client[Metadata], Metadata, Params], Awaitable[Answer]
]


async def accept_everybody(
    wrapper: "SocketWrapper[Any]", client: Client[Any], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[Any]:
    """The middleware of a wrapper that has none."""
    return socket_ok()
