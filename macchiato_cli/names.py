"""Names: which ones become a namespace, an event, a project, and what they are called in Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from macchiato_cli.client.naming import TAKEN, class_of
from macchiato_cli.errors import BadName, shown
from macchiato_cli.name_rules import (
    LONGEST,
    LONGEST_PROJECT,
    to_snake,
    why_not_event,
    why_not_namespace,
    why_not_project,
)
from macchiato_cli.parameters import Parameter, in_parentheses
from macchiato_cli.suggestions import nearest

DEFAULT_NAMESPACE = "devUser"
DEFAULT_EVENT = "sayStuff"
# In characters of all events together, so that a namespace's record can be read again (record_file.py).
_MOST_OF_EVENTS = 12_000


@dataclass(frozen=True)
class NamespaceName:
    """`devUser` on the wire is the namespace `/devUser`, `dev_user.py` and `dev_user_socket`."""

    wire: str

    @property
    def module(self) -> str:
        return to_snake(self.wire)

    @property
    def object(self) -> str:
        return f"{self.module}_socket"

    @property
    def client(self) -> str:
        """The class of its typed clients."""
        return class_of(self.wire, TAKEN)


@dataclass(frozen=True)
class EventName:
    """An event that clients send, its listener, and the event that the others hear.

    Args:
        parameters: What is sent with it; None for the shorthand, which is a text.
    """

    wire: str
    parameters: tuple[Parameter, ...] | None = None

    @property
    def typed(self) -> str:
        """As one types it: the name, with the parameters that it was given."""
        return self.wire if self.parameters is None else self.wire + in_parentheses(self.parameters)

    @property
    def function(self) -> str:
        return f"on_{to_snake(self.wire)}"

    @property
    def heard(self) -> str:
        return "sayingStuff" if self.wire == DEFAULT_EVENT else self.wire

    @property
    def declared(self) -> str:
        """The object that stands for what the others hear."""
        return f"{to_snake(self.heard)}_event"


def namespace_name(
    text: str, *, command: Callable[[str], str] = "macchiato add-namespace {}".format
) -> NamespaceName:
    """The namespace called so.

    Args:
        command: The whole command to suggest, of a name that would do.

    Raises:
        BadName: With a reason, and a name that would do.
    """
    if reason := why_not_namespace(text):
        raise _bad(text, "a namespace name", reason, suggestion=right_namespace(text), command=command)
    return NamespaceName(text)


def right_namespace(text: str) -> str:
    """The text where a namespace may be called so, else a name that would do."""
    return nearest(text, why_not_namespace, fallback="chat", longest=LONGEST)


def event_names(
    texts: Sequence[str], *, command: Callable[[Sequence[str]], str] | None = None
) -> tuple[EventName, ...]:
    """The events called so: each valid, none twice, no two with the same listener.

    Each text is a name, or one with its parameters: `sendMessage(text: str, urgent: bool = False)`.

    Args:
        command: The whole command to suggest, of events that would do.

    Raises:
        BadName: With a reason, and a name that would do.
    """
    tries = (command(right_events(texts)),) if command else ()
    events: list[EventName] = []
    for text in texts:
        name, _ = _parts(text)
        if reason := why_not_event(name):
            message = f"{shown(name)} cannot be an event name"
            raise BadName(message, reason, suggestion=_right_event(text).typed, tries=tries)
        event, reason = read_event(text)
        if reason:
            raise BadName(
                f"{shown(text)} cannot be an event", reason, suggestion=_right_event(text).typed, tries=tries
            )
        for other in events:
            if clash := _clash(event, other):
                raise BadName(*clash, suggestion=None, tries=tries)
        events.append(event)
        if _too_long(events):
            message = f"{shown(event.wire)} is one event too many for a namespace"
            reason = f"all of them together may have {_MOST_OF_EVENTS} characters"
            raise BadName(message, reason, suggestion=None, tries=tries)
    return tuple(events)


def read_event(text: str, *, any_name: bool = False) -> tuple[EventName, str | None]:
    """The event, with parameters that will do, and why those of the text will not.

    Args:
        any_name: Whether the parameters may be called as they may not be today.
    """
    name, rest = _parts(text)
    if rest is None:
        return EventName(name), None
    from macchiato_cli.signatures import read_signature

    found = read_signature(rest.removesuffix(")"), taken=[EventName(name).declared], any_name=any_name)
    unclosed = None if rest.endswith(")") else "its parameters begin with ( and do not end with )"
    return EventName(name, found.parameters), unclosed or found.reason


def _parts(text: str) -> tuple[str, str | None]:
    """The name, and what follows its parenthesis, if it has one."""
    name, parenthesis, rest = text.partition("(")
    return (name.rstrip(" "), rest.rstrip(" ")) if parenthesis else (text, None)


def right_events(texts: Sequence[str]) -> list[str]:
    """The texts, each as an event may be called, without those that clash with an earlier one."""
    events: list[EventName] = []
    for event in map(_right_event, texts):
        if not any(_clash(event, other) for other in events) and not _too_long([*events, event]):
            events.append(event)
    return [event.typed for event in events]


def project_name(text: str, *, command: Callable[[str], str] = "macchiato new . --name {}".format) -> str:
    """The name, when a distribution and a folder may be called so.

    Args:
        command: The whole command to suggest, of a name that would do.

    Raises:
        BadName: With a reason, and a name that would do.
    """
    if reason := why_not_project(text):
        raise _bad(text, "a project name", reason, suggestion=right_project(text), command=command)
    return text


def right_project(text: str) -> str:
    """The text where a project may be called so, else a name that would do."""
    fallback = "my-project"
    return nearest(text, why_not_project, fallback=fallback, longest=LONGEST_PROJECT, separator="-")


def _right_event(text: str) -> EventName:
    name, rest = _parts(text)
    name = nearest(name, why_not_event, fallback=DEFAULT_EVENT, longest=LONGEST)
    return EventName(name) if rest is None else read_event(f"{name}({rest}")[0]


def _bad(text: str, what: str, reason: str, *, suggestion: str, command: Callable[[str], str]) -> BadName:
    tries = [command(suggestion)]
    return BadName(f"{shown(text)} cannot be {what}", reason, suggestion=suggestion, tries=tries)


def _too_long(events: Sequence[EventName]) -> bool:
    # With what YAML has around each, which writes a quote twice.
    return sum(len(event.typed) + event.typed.count("'") + 8 for event in events) > _MOST_OF_EVENTS


def _clash(event: EventName, other: EventName) -> tuple[str, str] | None:
    """What is wrong with the two together, and why."""
    both = f"{shown(event.wire)} and {shown(other.wire)}"
    if event.function == other.function:
        message = f"{both} are the same event"
        if event.wire == other.wire:
            message = f"{shown(event.wire)} is there twice"
        return message, f"one listener, {other.function}, answers one event"
    if event.heard == other.heard:
        return f"{both} cannot be told apart", f"the other clients would hear both as {shown(event.heard)}"
    return None
