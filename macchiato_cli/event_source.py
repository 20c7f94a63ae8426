"""What the templates need to know of events: names, and lines of Python as the formatter writes them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from macchiato_cli.name_rules import to_snake
from macchiato_cli.names import EventName, NamespaceName
from macchiato_cli.parameters import Parameter

_LINE = 110
# A docstring's line with an example in it is no longer than that.
_LONGEST_EXAMPLE = 60
# What stands in every module of a namespace; the last two only where an event is shorthand.
_NAMES = {"BaseModel", "Client", "False", "None", "SocketWrapper", "True", "UserMetadata", "VisitorMetadata"}
_NAMES_OF_SHORTHAND = {"Annotated", "Field", "Message", "Text"}
_SAMPLES = {"str": '"text"', "int": "1", "float": "1.5", "bool": "True"}
# Something that is not of the type, and what pydantic says of it.
_WRONG = {
    "str": ("42", "Input should be a valid string"),
    "int": ("[]", "Input should be a valid integer"),
    "float": ("[]", "Input should be a valid number"),
    "bool": ("[]", "Input should be a valid boolean"),
    "list": ("42", "Input should be a valid list"),
    "dict": ("42", "Input should be a valid dictionary"),
}
_SHORTHAND = Parameter("text", "str")


def event_answers(name: NamespaceName, events: Sequence[EventName]) -> dict[str, Any]:
    """`events`, in their order; `shorthand` and `typed`, those without and with parameters of their own."""
    taken = set(_NAMES)
    if any(event.parameters is None for event in events):
        taken |= _NAMES_OF_SHORTHAND
    described = [_event(name, event, taken) for event in events]
    return {
        "events": described,
        "shorthand": [event for event in described if event["model"] is None],
        "typed": [event for event in described if event["model"] is not None],
        **_client(events),
    }


def _event(name: NamespaceName, event: EventName, taken: set[str]) -> dict[str, Any]:
    model = None if event.parameters is None else _model(event, taken)
    parameters = (_SHORTHAND,) if event.parameters is None else event.parameters
    wrong, details = _wrong(parameters)
    return {
        "name": event.wire,
        "function": event.function,
        "heard": event.heard,
        "declared": event.declared,
        "declaration": _declaration(event.declared, f"{name.object}.event", event.heard, model or "Message"),
        "model": model,
        "test": event.function.removeprefix("on_"),
        "parameters": [_parameter(each) for each in parameters],
        "wrong": wrong,
        "details": details,
    }


def _model(event: EventName, taken: set[str]) -> str:
    """The class of what the others hear: no other class of the module is called so."""
    model = "".join(word[:1].upper() + word[1:] for word in to_snake(event.heard).split("_"))
    while model in taken:
        model += "Heard"
    taken.add(model)
    return model


def _declaration(declared: str, call: str, heard: str, model: str) -> str:
    """`declared = socket.event("heard", Model)`, broken where the formatter does."""
    arguments = f'"{heard}", {model}'
    if len(line := f"{declared} = {call}({arguments})") <= _LINE:
        return line
    if len(f"{declared} = {call}(") <= _LINE:
        return f"{declared} = {call}(\n    {arguments}\n)"
    if len(line := f"    {call}({arguments})") <= _LINE:
        return f"{declared} = (\n{line}\n)"
    return f"{declared} = (\n    {call}(\n        {arguments}\n    )\n)"


def _parameter(parameter: Parameter) -> dict[str, Any]:
    name, sample = parameter.name, _sample(parameter.type)
    return {
        "name": name,
        "type": parameter.type,
        "default": parameter.default,
        "rest": parameter.rest,
        "source": parameter.source,
        "field": f"{name}: {f'list[{parameter.type}]' if parameter.rest else parameter.type}",
        "given": f"{name}={f'list({name})' if parameter.rest else name}",
        "sample": sample,
        "heard": f"[{sample}]" if parameter.rest else sample,
    }


def _sample(type_: str) -> str:
    of = type_.removesuffix(" | None")
    if of.startswith("list["):
        return f"[{_sample(of[5:-1])}]"
    if of.startswith("dict["):
        return f'{{"key": {_sample(of.removeprefix("dict[str, ")[:-1])}}}'
    return _SAMPLES[of]


def _wrong(parameters: Sequence[Parameter]) -> tuple[list[str], str]:
    """Arguments of which the first is wrong, and what the ack says of it."""
    if not parameters:
        return ["42"], '{"field": "*", "message": "1 arguments were sent, not 0"}'
    first, *rest = parameters
    value, message = _WRONG[first.type.removesuffix(" | None").partition("[")[0]]
    details = f'{{"field": "{first.name}", "message": "{message}"}}'
    return [value, *(_sample(each.type) for each in rest)], details


def _client(events: Sequence[EventName]) -> dict[str, Any]:
    """What one types in the client script: the text itself, if each event can be that; else arguments."""
    says_text = all(event.parameters is None or _is_text(event.parameters) for event in events)
    samples = [_sample(each.type) for each in events[0].parameters or ()]
    arguments = f"[{', '.join(samples)}]".replace("True", "true")
    example = shlex.quote(arguments if len(arguments) <= _LONGEST_EXAMPLE else "[...]")
    return {"says_text": says_text, "example": '"hello"' if says_text else example}


def _is_text(parameters: Sequence[Parameter]) -> bool:
    first = parameters[:1]
    return bool(first) and first[0].type in ("str", "str | None") and not _needed(parameters[1:])


def _needed(parameters: Sequence[Parameter]) -> bool:
    return any(each.default is None and not each.rest for each in parameters)
