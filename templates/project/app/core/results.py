"""What the parts of a wrapper answer: a middleware, a listener, and the acks on the wire."""

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, overload

from .wire import to_plain, to_wire

Metadata = TypeVar("Metadata")

# What any event can be answered with, whatever its listener raises itself.
EVENT_ERRORS: Final = ("invalid_payload", "rate_limited", "internal_error", "unavailable", "cancelled")


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
        self.details = to_plain(details)


class Unavailable(SocketError):
    """What only other servers know cannot be had just now. A listener that lets it pass answers with it."""

    def __init__(self) -> None:
        super().__init__("unavailable", "The server cannot tell just now: try again")


def ack_ok(value: object) -> Any:
    """The ack of a listener that returned `value`, ready to be sent.

    Raises:
        ValueError: `value` cannot be sent.
    """
    return to_wire({"ok": True, "data": value})


def ack_nok(error: SocketError) -> dict[str, Any]:
    """The ack of a listener that failed."""
    return {"ok": False, "error": {"code": error.code, "message": error.message, "details": error.details}}
