"""The events that clients hear: each is declared once, with the types of what is said."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, TypeVarTuple, overload

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from .transport import CLOSING, RESERVED_EVENTS

log = logging.getLogger(__name__)

Args = TypeVarTuple("Args")
Answer = TypeVar("Answer")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")


class Event(Generic[*Args]):
    """An event that clients hear, such as `SocketWrapper.event` makes it."""

    def __init__(self, name: str, types: Sequence[Any] = ()) -> None:
        self.name = name
        self.types = tuple(types)


class Question(Generic[Answer, *Args]):
    """An event that clients answer, such as `SocketWrapper.question` makes it."""

    def __init__(self, name: str, types: Sequence[Any], answer: Any) -> None:
        self.name = name
        self.types = tuple(types)
        self.answer = answer
        self._adapter = _adapter(name, answer)

    def answers(self, acks: Sequence[Sequence[Any]]) -> Sequence[Answer]:
        """What clients answered, without what is no such answer: it is their word, which can be anything."""
        answers: list[Answer] = []
        for ack in acks:
            try:
                answers.append(self._adapter.validate_python(ack[0] if len(ack) == 1 else list(ack) or None))
            except ValidationError as error:
                log.warning(
                    "%s was answered with something else: %d problems", self.name, error.error_count()
                )
        return answers


@dataclass(frozen=True, slots=True)
class Closing:
    """Why the server is about to end a connection."""

    code: str
    message: str


# Heard in every namespace.
closing: Final[Event[Closing]] = Event(CLOSING, (Closing,))


class Events:
    """What the clients of one namespace hear."""

    def __init__(self) -> None:
        self.are_checked = False
        """Whether what is sent is compared with its declaration, as in development."""
        self._by_name: dict[str, tuple[Any, list[TypeAdapter[Any]]]] = {}
        self._add(closing)

    def __iter__(self) -> Iterator[Any]:
        """Each Event and Question, in the order of declaration."""
        return (event for event, _ in self._by_name.values())

    def declare(self, event: Any) -> None:
        """Raises:
        ValueError: The event is reserved, or declared already.
        TypeError: What is said has a type that has no JSON.
        """
        if event.name in RESERVED_EVENTS:
            raise ValueError(f"{event.name!r} is reserved: it cannot be declared")
        if event.name in self._by_name:
            raise ValueError(f"{event.name!r} is declared already")
        self._add(event)

    def name_of(self, event: Any, args: Sequence[object]) -> str:
        """What goes over the wire for an event.

        Raises:
            TypeError: In development: it is not declared here, or not with such arguments.
        """
        # A name alone is an error of types, but one that projects had before there were declarations.
        name: str = event if isinstance(event, str) else event.name
        if self.are_checked:
            self._check(event, name, args)
        return name

    def _add(self, event: Any) -> None:
        self._by_name[event.name] = (event, [_adapter(event.name, each) for each in event.types])

    def _check(self, event: Any, name: str, args: Sequence[object]) -> None:
        declared, adapters = self._by_name.get(name, (None, []))
        if declared is None or (event is not declared and event is not name):
            raise TypeError(f"{name!r} is not declared here: ... = wrapper.event({name!r}, ...)")
        if len(args) != len(adapters):
            raise TypeError(f"{name!r} is declared with {len(adapters)} arguments, and sent with {len(args)}")
        for number, (adapter, arg) in enumerate(zip(adapters, args, strict=True), 1):
            try:
                adapter.validate_python(arg, strict=True)
            except ValidationError as error:
                raise TypeError(f"argument {number} of {name!r} is not as declared: {error}") from None


class DeclaresEvents:
    """What a SocketWrapper has to declare events with."""

    def __init__(self) -> None:
        self.events = Events()

    @overload
    def event(self, name: str, /) -> Event[()]: ...
    @overload
    def event(self, name: str, first: type[A], /) -> Event[A]: ...
    @overload
    def event(self, name: str, first: type[A], second: type[B], /) -> Event[A, B]: ...
    @overload
    def event(self, name: str, first: type[A], second: type[B], third: type[C], /) -> Event[A, B, C]: ...
    def event(self, name: str, /, *types: Any) -> Any:
        """Declare an event that clients hear, with the types of its arguments.

        What is sent has to fit: for type checkers, and in development when it is sent. The contract has it.

        Raises:
            ValueError: The event is reserved, or declared already.
            TypeError: A type has no JSON.
        """
        event: Event[*tuple[Any, ...]] = Event(name, types)
        self.events.declare(event)
        return event

    @overload
    def question(self, name: str, /, *, answer: type[Answer]) -> Question[Answer]: ...
    @overload
    def question(self, name: str, first: type[A], /, *, answer: type[Answer]) -> Question[Answer, A]: ...
    @overload
    def question(
        self, name: str, first: type[A], second: type[B], /, *, answer: type[Answer]
    ) -> Question[Answer, A, B]: ...
    def question(self, name: str, /, *types: Any, answer: Any) -> Any:
        """Likewise, an event that clients answer (see `call_client`), with the type of the answer."""
        question: Question[Any, *tuple[Any, ...]] = Question(name, types, answer)
        self.events.declare(question)
        return question


def _adapter(name: str, type_: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(type_)
    except PydanticUserError as error:
        reason = str(error).splitlines()[0]
        raise TypeError(f"{name!r} cannot be declared with {type_!r}: {reason}") from None
