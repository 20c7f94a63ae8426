"""Names: which ones become a namespace, an event, a project, and what they are called in Python."""

from __future__ import annotations

import keyword
import re
import shlex
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from macchiato_cli.errors import BadName, shown
from macchiato_cli.reserved import (
    DEPENDENCY_MODULES,
    DISTRIBUTIONS,
    LATER_STDLIB_MODULES,
    PROJECT_FUNCTIONS,
    PROJECT_MODULES,
    SOCKETIO_EVENTS,
    WINDOWS_DEVICES,
)

# In characters. What becomes Python code has to leave room for the rest of its line, which tests/generated
# measures: the formatter would break a longer one, and the template would not be what it writes.
LONGEST = 35
LONGEST_PROJECT = 64
DEFAULT_NAMESPACE = "devUser"
DEFAULT_EVENT = "sayStuff"
_NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*")
_EVENT = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_:.-][A-Za-z0-9]+)*")
_PROJECT = re.compile(r"[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*")


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


@dataclass(frozen=True)
class EventName:
    """An event that clients send, its listener, and the event that the others hear."""

    wire: str

    @property
    def function(self) -> str:
        return f"on_{to_snake(self.wire)}"

    @property
    def heard(self) -> str:
        return "sayingStuff" if self.wire == DEFAULT_EVENT else self.wire


def to_snake(wire: str) -> str:
    """The Python spelling: `devUser`, `dev-user` and `DevUser` are all `dev_user`."""
    words = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", wire)  # HTTPServer -> HTTP_Server
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words)  # devUser -> dev_User
    return re.sub(r"[-:.]", "_", words).lower()


def namespace_name(text: str, *, command: str = "macchiato add-namespace") -> NamespaceName:
    """The namespace called so.

    Args:
        command: What a suggested name is appended to.

    Raises:
        BadName: With a reason, and a name that would do.
    """
    _accept(text, _why_not_namespace, "a namespace name", command=command, fallback="chat")
    return NamespaceName(text)


def event_names(texts: Sequence[str], *, command: str) -> tuple[EventName, ...]:
    """The events called so: each valid, none twice, no two with the same listener.

    Raises:
        BadName: With a reason, and a name that would do.
    """
    events: list[EventName] = []
    for text in texts:
        _accept(text, _why_not_event, "an event name", command=f"{command} --event", fallback=DEFAULT_EVENT)
        event = EventName(text)
        for other in events:
            if event.function == other.function or event.heard == other.heard:
                both = f"{shown(text)} and {shown(other.wire)}"
                message = f"{shown(text)} is there twice" if event == other else f"{both} are the same event"
                reason = f"one listener, {other.function}, answers one event"
                raise BadName(message, reason, suggestion=None, tries=[f"{command} --event {other.wire}"])
        events.append(event)
    return tuple(events)


def project_name(text: str, *, command: str = "macchiato new . --name") -> str:
    """The name, when a distribution and a folder may be called so.

    Raises:
        BadName: With a reason, and a name that would do.
    """
    _accept(text, _why_not_project, "a project name", command=command, fallback="my-project", separator="-")
    return text


def _why_not_namespace(text: str) -> str | None:
    if reason := _why_not_spelled(text, _NAMESPACE, "- and _"):
        return reason
    module = to_snake(text)
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        return f"{shown(module)} is a Python keyword"
    if module in WINDOWS_DEVICES:
        return f"{shown(module)} cannot be a file name on Windows"
    if module in PROJECT_MODULES:
        return f"the project has a module {shown(module)} of its own"
    if module in sys.stdlib_module_names | LATER_STDLIB_MODULES | DEPENDENCY_MODULES:
        return f"clients/{module}.py would hide the Python module {shown(module)}"
    return None


def _why_not_event(text: str) -> str | None:
    if reason := _why_not_spelled(text, _EVENT, "- _ : and ."):
        return reason
    if text in SOCKETIO_EVENTS:
        return "Socket.IO keeps that name for itself"
    if EventName(text).function in PROJECT_FUNCTIONS:
        return f"the namespace has a function {EventName(text).function} of its own"
    return None


def _why_not_spelled(text: str, pattern: re.Pattern[str], separators: str) -> str | None:
    if not text:
        return "it is empty"
    if len(text) > LONGEST:
        return f"it has {len(text)} characters, and {LONGEST} are the limit"
    if not re.match(r"[A-Za-z]", text):
        return "it becomes Python code, so it must start with a letter (a to z)"
    if not re.fullmatch(rf"[A-Za-z0-9{re.escape(separators.replace(' and ', '').replace(' ', ''))}]+", text):
        return f"it may hold ASCII letters, digits, {separators} only"
    if not pattern.fullmatch(text):
        return f"each of {separators} must stand between letters or digits"
    return None


def _why_not_project(text: str) -> str | None:
    if not text:
        return "it is empty"
    if len(text) > LONGEST_PROJECT:
        return f"it has {len(text)} characters, and {LONGEST_PROJECT} are the limit"
    if not _PROJECT.fullmatch(text):
        return "it may hold ASCII letters and digits, with - _ and . between them"
    if text.split(".")[0].lower() in WINDOWS_DEVICES:
        return "it cannot be a folder name on Windows"
    if re.sub(r"[-_.]+", "-", text).lower() in DISTRIBUTIONS:
        return "the project itself installs a package of that name"
    return None


def _accept(
    text: str,
    why_not: Callable[[str], str | None],
    what: str,
    *,
    command: str,
    fallback: str,
    separator: str = "",
) -> None:
    if reason := why_not(text):
        candidates = (*_respelled(text, separator), fallback)
        suggestion = next(name for name in candidates if why_not(name) is None)
        tries = [f"{command} {shlex.quote(suggestion)}"]
        raise BadName(f"{shown(text)} cannot be {what}", reason, suggestion=suggestion, tries=tries)


def _respelled(text: str, separator: str) -> tuple[str, ...]:
    """The text in letters and digits, leading digits moved to the end; then the same as `my...`."""
    ascii_text = unicodedata.normalize("NFKD", text[:200]).encode("ascii", "ignore").decode()
    first, *rest = re.findall(r"[A-Za-z0-9]+", ascii_text) or [""]
    if separator:
        spelled = separator.join((first, *rest))[:LONGEST_PROJECT].rstrip(separator)
        if not spelled:
            return ()
        return spelled, f"my{separator}{spelled}"[:LONGEST_PROJECT]
    joined = first + "".join(word[:1].upper() + word[1:] for word in rest)
    letters = joined.lstrip("0123456789")[:LONGEST]
    if not letters:
        return ()
    digits = joined[: len(joined) - len(joined.lstrip("0123456789"))][: LONGEST - len(letters)]
    spelled = letters[:1].lower() + letters[1:] + digits if digits else letters
    return spelled, f"my{spelled[:1].upper()}{spelled[1:]}"[:LONGEST]
