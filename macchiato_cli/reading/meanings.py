"""What the names of a module mean, as far as that matters here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, TypeVarTuple


class Declined(Exception):
    """This is not of what is listed, so only its import can tell what it means."""


T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Taking(Generic[T]):
    """In place of the core's classes that take one type, such as `Client[...]`."""


class TakingMany(Generic[*Ts]):
    """In place of those that take any number of types, such as `Event[...]`."""


@dataclass(frozen=True)
class Type:
    """What can stand in an annotation.

    Args:
        sendable: Whether pydantic can read it, so that a client can send it.
        takes: How many types go into its brackets; 0 is none, -1 any number.
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
    """A function, what a client would send to it, and what it returns; None if it can be no listener."""

    name: str
    line: int
    sent: tuple[Sent, ...] | None
    answer: Any = Any


@dataclass(frozen=True)
class Heard:
    """An event that clients hear, as a wrapper declares it.

    Args:
        answers: The type of what clients answer, if they are asked.
    """

    event: str
    types: tuple[Any, ...]
    answers: tuple[Any, ...]
    line: int


Meaning = Type | Module | Special | Opaque | Function
Scope = Mapping[str, object]
