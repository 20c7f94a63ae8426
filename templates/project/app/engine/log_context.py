"""Whom a log record is about: known wherever it is written, such as in a listener's own `log.info(...)`."""

from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

FIELDS: Final = ("namespace", "sid", "client", "event")

_fields: ContextVar[Mapping[str, str]] = ContextVar("log_context", default=MappingProxyType({}))


def current() -> Mapping[str, str]:
    """What is known here, of FIELDS."""
    return _fields.get()


def begin(**fields: str) -> None:
    """From now on, in this task and those that it starts, records are about this."""
    _fields.set(fields)


def add(**fields: str) -> None:
    """More is known about the same."""
    _fields.set({**_fields.get(), **fields})
