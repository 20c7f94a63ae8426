"""What the names of a module mean, as far as that matters here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar


class Declined(Exception):
    """This is not of what is listed, so only its import can tell what it means."""


T = TypeVar("T")


class Taking(Generic[T]):
    """In place of the core's classes that take one type, such as `Client[...]`."""


@dataclass(frozen=True)
class Type:
    """What can stand in an annotation.

    Args:
        sendable: Whether pydantic can read it, so that a client can send it.
        takes: How many types go into its brackets; 0 is none.
    """

    value: Any
    sendable: bool = True
    takes: int = 0


@dataclass(frozen=True)
class Module:
    """A module of the standard library, by its name."""

    name: str


@dataclass(frozen=True)
class Special:
    """Something that has a meaning of its own here: `typing.Literal`, `pydantic.Field`."""

    name: str


@dataclass(frozen=True)
class Opaque:
    """Something that is there, and may be used inside of functions only."""


@dataclass(frozen=True)
class Sent:
    """A parameter of what a client sends."""

    name: str
    type: Any
    default: str | None
    rest: bool


@dataclass(frozen=True)
class Function:
    """A function, and what a client would send to it; None if it can be no listener."""

    name: str
    line: int
    sent: tuple[Sent, ...] | None


Meaning = Type | Module | Special | Opaque | Function
Scope = Mapping[str, object]
