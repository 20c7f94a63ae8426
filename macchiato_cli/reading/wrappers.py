"""What a wrapper says of itself: its guard, its listeners, what its clients hear."""

from __future__ import annotations

from dataclasses import dataclass, field

from macchiato_cli.reading.meanings import Declined, Function, Heard, Special, T, Taking, Type
from macchiato_cli.reserved import SERVER_EVENTS, SOCKETIO_EVENTS

_RESERVED = SERVER_EVENTS | SOCKETIO_EVENTS


class TakingWrapper(Taking[T]):
    """In place of the core's SocketWrapper."""


SOCKET_WRAPPER = Type(TakingWrapper, sendable=False, takes=1)
MIDDLEWARE = Special("app.core.middleware")


@dataclass
class Wrapper:
    """A `SocketWrapper(...)`, as it will say of itself what it is."""

    module: str
    line: int
    namespace: str
    guard: str = "accept_everybody"
    client_key: str | None = None
    listeners: dict[str, Function] = field(default_factory=dict[str, Function])
    heard: dict[str, Heard] = field(default_factory=dict[str, Heard])

    def declare(self, heard: Heard) -> None:
        """Add an event that clients hear.

        Raises:
            Declined: The core might refuse it.
        """
        if heard.event in _RESERVED or heard.event in self.heard:
            raise Declined(f"the event {heard.event!r}")
        self.heard[heard.event] = heard

    def listen(self, event: object, function: object) -> None:
        """Add a listener.

        Raises:
            Declined: The core might refuse it.
        """
        if not isinstance(event, str) or event in _RESERVED or event in self.listeners:
            raise Declined(f"the event {event!r}")
        if not isinstance(function, Function) or function.sent is None:
            raise Declined(f"the listener of {event!r}")
        self.listeners[event] = function
