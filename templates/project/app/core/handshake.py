"""What a client says of itself when it connects: in `auth`, or in the query."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from .results import SocketError
from .transport import Handshake

ClientMetadata: TypeAlias = Mapping[str, Any]
Guard = TypeVar("Guard", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a middleware expects of clients, for the contract; `middleware` declares it."""

    auth: Any
    """The type of what clients send as `auth`."""
    errors: Sequence[str]
    """The codes of its refusals."""


# By the middleware.
_DECLARED: WeakKeyDictionary[Callable[..., Any], Credentials] = WeakKeyDictionary()


def middleware(*, auth: Any, errors: Sequence[str] = ()) -> Callable[[Guard], Guard]:
    """Declare what a middleware expects: the type of `auth`, and the codes that it refuses with."""

    def declare(function: Guard) -> Guard:
        _DECLARED[function] = Credentials(auth, errors)
        return function

    return declare


def credentials_of(function: Callable[..., Any]) -> Credentials | None:
    """What a middleware was declared with; None: it was not."""
    return _DECLARED.get(function)


def read_handshake(handshake: Handshake) -> tuple[str | None, ClientMetadata]:
    """The `comm_id` and the metadata that the client sent.

    `auth={"token": ..., "metadata": {...}}` wins over `?commId=...&metadata={...}`: URLs end up in logs.

    Raises:
        SocketError: `invalid_handshake`; the message tells the client what to send instead.
    """
    auth = handshake.auth if handshake.auth is not None else {}
    if not isinstance(auth, dict):
        raise SocketError("invalid_handshake", "auth must be an object such as {token, metadata}")
    comm_id = auth.get("token")
    if comm_id is None:
        comm_id = handshake.query.get("commId")
    metadata = auth.get("metadata")
    if metadata is None:
        metadata = read_metadata(handshake.query.get("metadata"))
    if not isinstance(comm_id, str | None):
        raise SocketError("invalid_handshake", "auth.token must be a string")
    if not isinstance(metadata, dict):
        raise SocketError("invalid_handshake", "metadata must be an object")
    return comm_id, metadata


def read_metadata(text: str | None) -> object:
    """The metadata of the query, which is JSON: JSON.stringify it, or the server gets "[object Object]"."""
    try:
        return json.loads(text) if text else {}
    except (ValueError, RecursionError):
        raise SocketError("invalid_handshake", "metadata in the query must be JSON text") from None
