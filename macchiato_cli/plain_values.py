"""Most of what is typed is a text, or nothing: there is nothing to check about it, and no pydantic needed.

Typer checks the value of every option with pydantic, of those that were not given, too; to import that takes
as long as to import Typer. Numbers and lists are still Typer's to check, and to have words for.
"""

from __future__ import annotations

from typing import Any

from typer import Context
from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command that takes plain values as they are."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _taking_plain_values(super().get_params(ctx))


class Group(TyperGroup):
    """The same for what may be typed before the command."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters, those for completion among them, which Typer adds late."""
        return _taking_plain_values(super().get_params(ctx))


class _PlainValue:
    """Takes the place of a parameter's `process_value`, which is Click's name for what checks a value."""

    def __init__(self, parameter: Any) -> None:
        self.parameter = parameter
        self.check = parameter.process_value

    def __call__(self, context: Context, value: Any) -> Any:
        parameter = self.parameter
        takes_many = parameter.multiple or parameter.nargs == -1
        is_left_out = value is None and not parameter.required
        is_text = type(value) is str and parameter.type_descriptor.annotation is str and not takes_many
        if not is_left_out and not is_text:
            return self.check(context, value)
        value = () if takes_many else value
        return parameter.callback(context, parameter, value) if parameter.callback else value


def _taking_plain_values(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        # Earlier and later versions of Typer may know no such descriptor: then they check.
        if hasattr(parameter, "type_descriptor") and not isinstance(parameter.process_value, _PlainValue):
            parameter.process_value = _PlainValue(parameter)
    return parameters
