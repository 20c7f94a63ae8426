"""Listeners: functions that answer an event, with arguments checked against their annotations."""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from .results import EVENT_ERRORS, SocketError
from .transport import RENEWAL, RESERVED_EVENTS

# What every listener is called with before what the client sent.
GIVEN = ("wrapper", "client", "metadata")

# One message can hold a million mistakes. Naming each would take seconds, in which nobody else is served.
MOST_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    read: Callable[[object], Any]
    """What the client sent, as the annotation has it; raises ValidationError."""
    required: bool
    type: Any
    default: Any

    def problems(self, error: ValidationError) -> list[dict[str, str]]:
        """What is wrong, field by field, without the values: an ack may end up in a log."""
        if error.error_count() > MOST_PROBLEMS:
            return [{"field": self.name, "message": f"{error.error_count()} things in it are wrong"}]
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return [{"field": ".".join([self.name, *map(str, e["loc"])]), "message": e["msg"]} for e in found]


class Listener:
    """One listener and the arguments it expects.

    Args:
        errors: The codes of its own SocketErrors, for the contract.

    Raises:
        ValueError: The event is one that no client can send.
        TypeError: `function` cannot be a listener; the text says why.
    """

    def __init__(
        self, event: str, function: Callable[..., Awaitable[object]], *, errors: Sequence[str] = ()
    ) -> None:
        if event in RESERVED_EVENTS:
            raise ValueError(f"{event!r} is reserved: it cannot have a listener")
        if not inspect.iscoroutinefunction(function):
            raise TypeError(f"the listener of {event!r} must be declared with `async def`")
        self.event = event
        self.function = function
        self.errors = tuple(errors)
        self.parameters: list[Parameter] = []
        self.rest: Parameter | None = None  # `*args`
        hints = get_type_hints(function, include_extras=True)
        self.answer: Any = hints.get("return", Any)
        signature = list(inspect.signature(function).parameters.values())
        if len([found for found in signature[: len(GIVEN)] if is_positional(found)]) < len(GIVEN):
            raise TypeError(f"the listener of {event!r} must take ({', '.join(GIVEN)}, ...)")
        for found in signature[len(GIVEN) :]:
            if found.kind in (found.KEYWORD_ONLY, found.VAR_KEYWORD):
                raise TypeError(
                    f"the listener of {event!r} cannot take {found}: clients send a list of arguments"
                )
            type_ = hints.get(found.name, Any)
            # Not the adapter's own validate_python, which takes longer, for its options.
            read = TypeAdapter(type_).validator.validate_python
            required = found.default is found.empty
            parameter = Parameter(found.name, read, required, type_, None if required else found.default)
            if found.kind is found.VAR_POSITIONAL:
                self.rest = parameter
            else:
                self.parameters.append(parameter)

    def can_answer(self, code: str) -> bool:
        """Whether clients were told of this error."""
        return code in self.errors or code in EVENT_ERRORS

    def validate(self, args: Sequence[object]) -> list[Any]:
        """What the client sent, as the listener's annotations have it.

        Raises:
            SocketError: `invalid_payload`, with what is wrong in its details.
        """
        if len(args) == len(self.parameters):
            try:
                return [parameter.read(value) for parameter, value in zip(self.parameters, args, strict=True)]
            except ValidationError:
                pass  # All that is wrong is told, and not only the first of it.
        return self._validate_one_by_one(args)

    def _validate_one_by_one(self, args: Sequence[object]) -> list[Any]:
        extra = len(args) - len(self.parameters)
        expected = self.parameters
        if self.rest:
            expected = [*expected, *[self.rest] * extra]
        problems = [
            {"field": parameter.name, "message": "Field required"}
            for parameter in self.parameters[len(args) :]
            if parameter.required
        ]
        if len(args) > len(expected):
            problems.append(
                {"field": "*", "message": f"{len(args)} arguments were sent, not {len(expected)}"}
            )
        values: list[Any] = []
        for parameter, value in zip(expected, args, strict=False):
            try:
                values.append(parameter.read(value))
            except ValidationError as error:
                problems += parameter.problems(error)
                if len(problems) > MOST_PROBLEMS:
                    break
        if problems:
            raise SocketError("invalid_payload", f"{self.event} got wrong arguments", details=problems)
        return values


def is_positional(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)


class Listeners:
    """The listeners of one namespace, by event."""

    def __init__(self) -> None:
        self._by_event: dict[str, Listener] = {}
        # What clients can send: every other name is one that they made up.
        self.events = {RENEWAL}

    def add(self, listener: Listener) -> None:
        """Raises:
        ValueError: The event has a listener already.
        """
        if listener.event in self._by_event:
            raise ValueError(f"{listener.event!r} has a listener already")
        self._by_event[listener.event] = listener
        self.events.add(listener.event)

    def __iter__(self) -> Iterator[Listener]:
        """Each of them, in the order of declaration."""
        return iter(self._by_event.values())

    def get(self, event: object) -> Listener:
        """Raises:
        SocketError: `unknown_event`.
        """
        listener = self._by_event.get(event) if isinstance(event, str) else None
        if listener is None:
            raise SocketError("unknown_event", "There is no such event here")
        return listener
