"""Why a name will not do: its spelling, or somebody else has it."""

from __future__ import annotations

import keyword
import re
import sys

from macchiato_cli.errors import shown
from macchiato_cli.reserved import (
    DEPENDENCY_MODULES,
    DISTRIBUTIONS,
    LATER_STDLIB_MODULES,
    PROJECT_MODULES,
    SERVER_EVENTS,
    SOCKETIO_EVENTS,
    WINDOWS_DEVICES,
)

# In characters. What becomes Python code has to leave room for the rest of its line, which tests/generated
# measures: the formatter would break a longer one, and the template would not be what it writes.
LONGEST = 35
LONGEST_PROJECT = 64
_NAMESPACE = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*")
_EVENT = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_:.-][A-Za-z0-9]+)*")
_PROJECT = re.compile(r"[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*")


def to_snake(wire: str) -> str:
    """The Python spelling: `devUser`, `dev-user` and `DevUser` are all `dev_user`."""
    words = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", wire)  # HTTPServer -> HTTP_Server
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", words)  # devUser -> dev_User
    return re.sub(r"[-:.]", "_", words).lower()


def why_not_namespace(text: str) -> str | None:
    """Why a namespace cannot be called so, None where it can."""
    if reason := why_misspelled_namespace(text):
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


def why_misspelled_namespace(text: str) -> str | None:
    """Why this is no name of a namespace at all, whoever else has it."""
    return _why_not_spelled(text, _NAMESPACE, "- and _")


def why_not_event(text: str) -> str | None:
    """Why an event cannot be called so, None where it can."""
    if reason := why_misspelled_event(text):
        return reason
    if text in SOCKETIO_EVENTS:
        return "Socket.IO keeps that name for itself"
    if text in SERVER_EVENTS:
        return "the server uses that name itself"
    return None


def why_misspelled_event(text: str) -> str | None:
    """Why this is no name of an event at all, whoever else has it."""
    return _why_not_spelled(text, _EVENT, "- _ : and .")


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


def why_not_project(text: str) -> str | None:
    """Why a project cannot be called so, None where it can."""
    if reason := why_misspelled_project(text):
        return reason
    if text.split(".")[0].lower() in WINDOWS_DEVICES:
        return "it cannot be a folder name on Windows"
    if re.sub(r"[-_.]+", "-", text).lower() in DISTRIBUTIONS:
        return "the project itself installs a package of that name"
    return None


def why_misspelled_project(text: str) -> str | None:
    """Why this is no name of a project at all, whoever else has it."""
    if not text:
        return "it is empty"
    if len(text) > LONGEST_PROJECT:
        return f"it has {len(text)} characters, and {LONGEST_PROJECT} are the limit"
    if not _PROJECT.fullmatch(text):
        return "it may hold ASCII letters and digits, with - _ and . between them"
    return None
