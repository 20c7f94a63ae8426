"""The parameters of an event: what a client sends with it, place by place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """One of them; type and default are Python source, such as the formatter writes it.

    Args:
        rest: Whether it takes all arguments that follow, each of that type.
    """

    name: str
    type: str
    default: str | None = None
    rest: bool = False

    @property
    def source(self) -> str:
        """As Python has it between the parentheses: `urgent: bool = False`."""
        default = "" if self.default is None else f" = {self.default}"
        return f"{'*' if self.rest else ''}{self.name}: {self.type}{default}"


def in_parentheses(parameters: Iterable[Parameter]) -> str:
    """The end of a signature: `(text: str, urgent: bool = False)`."""
    return f"({', '.join(each.source for each in parameters)})"
