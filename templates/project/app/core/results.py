"""What the parts of a wrapper answer: a middleware, a listener, and the acks on the wire."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

from pydantic_core import to_jsonable_python

Metadata = TypeVar("Metadata")

# How deep lists and objects may be nested in what is sent, long before any JSON parser gives up.
MOST_NESTED = 100


@dataclass(frozen=True, slots=True)
class SocketOk(Generic[Metadata]):
    new_metadata: Metadata
    expires_at: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.expires_at, int | float | None):
            raise TypeError(f"expires_at is a Unix time in seconds, not {self.expires_at!r}")


@dataclass(frozen=True, slots=True)
class SocketNok:
    message: str
    code: str = "refused"

    def __post_init__(self) -> None:
        if not isinstance(self.message, str) or not isinstance(self.code, str):
            raise TypeError("the message and the code of a refusal are strings: a client has to read them")


@overload
def socket_ok() -> SocketOk[None]: ...
@overload
def socket_ok(new_metadata: Metadata, *, expires_at: float | None = None) -> SocketOk[Metadata]: ...
def socket_ok(new_metadata: Any = None, *, expires_at: float | None = None) -> SocketOk[Any]:
    """Accept a client: `new_metadata` is what every listener will know about it.

    Args:
        expires_at: Unix time, in seconds, at which the client is disconnected.
    """
    return SocketOk(new_metadata, expires_at)


def socket_nok(message: str, *, code: str = "refused") -> SocketNok:
    """Refuse a client: its `connect_error` gets the message, and the code as `data.code`."""
    return SocketNok(message, code)


class SocketError(Exception):
    """Raise it in a listener: the client's ack becomes `{"ok": false, "error": {code, message, details}}`.

    Raises:
        TypeError: The code or the message is not a string.
        ValueError: The details cannot be sent.
    """

    def __init__(self, code: str, message: str, *, details: object = None) -> None:
        if not isinstance(code, str) or not isinstance(message, str):
            raise TypeError("the code and the message of an error are strings: a client has to read them")
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = to_wire(details)


def ack_ok(value: object) -> dict[str, Any]:
    """The ack of a listener that returned `value`.

    Raises:
        ValueError: `value` cannot be sent.
    """
    return {"ok": True, "data": to_wire(value)}


def ack_nok(error: SocketError) -> dict[str, Any]:
    """The ack of a listener that failed."""
    return {"ok": False, "error": {"code": error.code, "message": error.message, "details": error.details}}


def to_wire(value: object) -> Any:
    """`value` as Socket.IO can carry it: JSON, and bytes in lists and mappings as binary attachments.

    Pydantic models, dataclasses, dates, UUIDs, enums and the like become what Pydantic makes of them in JSON;
    bytes inside a model or a dataclass become text.

    Raises:
        ValueError: Something in it has no such form.
    """
    try:
        return _to_wire(value, MOST_NESTED)
    except OverflowError:
        raise ValueError("it has a number that is too large for JavaScript") from None


def _to_wire(value: object, levels: int) -> Any:
    if value is None or type(value) in (str, bool, bytes):
        return value
    if isinstance(value, float) or type(value) is int:
        if not math.isfinite(value):
            # Python would write NaN, which no JavaScript client can parse: it would drop the connection.
            raise ValueError(f"{value} is not a JSON number")
        return value if type(value) is int else float(value)
    if levels == 0:
        raise ValueError(f"it contains itself, or has more than {MOST_NESTED} levels")
    if isinstance(value, Mapping):
        if value.get("_placeholder"):
            # Stands for a binary attachment: clients would look for one that is not there, and disconnect.
            raise ValueError("_placeholder is a name that Socket.IO keeps for itself")
        return {str(to_jsonable_python(key)): _to_wire(item, levels - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_to_wire(item, levels - 1) for item in value]
    plain = to_jsonable_python(value)
    return plain if isinstance(plain, str | int) else _to_wire(plain, levels - 1)
