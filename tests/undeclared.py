"""Events that are made where they are sent: for tests that are about how something is sent, and not what."""

from functools import cache
from typing import Any

from app.core import Event, Question


@cache
def undeclared(name: str) -> Event[*tuple[Any, ...]]:
    """An event with any arguments: nothing checks those of a server of tests."""
    return Event(name)


@cache
def question(name: str) -> Question[Any, *tuple[Any, ...]]:
    """A question with any answer: its argument, or the list of them."""
    return Question(name, (), Any)
