"""What a change of the contract breaks, in words."""

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from contracts import Task, contract, hearing, taking, tasks_socket
from pydantic import Field

from app.contract.changes import changes
from app.core import SocketWrapper


@dataclass
class Urgent(Task):
    urgent: bool


@dataclass
class Optional:
    title: str | None = None


Short = Annotated[str, Field(max_length=5)]


@pytest.mark.parametrize(
    ("before", "after", "problems"),
    [
        (taking(str), tasks_socket(), ["/tasks add: it is gone"]),
        (taking(str), taking(str, int), ["/tasks add: b is required now"]),
        (taking(str, b=1), taking(str, int, b=1), []),
        (taking(str, int, b=1), taking(str, int), ["/tasks add: b is required now"]),
        (taking(str, int), taking(str), ["/tasks add: b is not taken any more"]),
        (taking(str), taking(), ["/tasks add: a is not taken any more"]),
        (taking(), taking(str), ["/tasks add: a is required now"]),
        (taking(), taking(str, a="x"), []),
        (taking(str), taking(int), ["/tasks add: a took string, and takes integer now"]),
        (taking(int), taking(float), []),
        (taking(float), taking(int), ["/tasks add: a took number, and takes integer now"]),
        (taking(str), taking(str | None), []),
        (taking(str | None), taking(str), ["/tasks add: a took null, and takes string now"]),
        (taking(str), taking(Short), ["/tasks add: a has another maxLength: 5, not none"]),
        (taking(Short), taking(str), []),
        (taking(Any), taking(str), ["/tasks add: a took anything, and takes string now"]),
        (taking(str), taking(Any), []),
        (taking(Task), taking(Urgent), ["/tasks add: a.urgent is required now"]),
        (taking(Urgent), taking(Task), []),
        (taking(list[int]), taking(list[str]), ["/tasks add: a.* took integer, and takes string now"]),
        (
            taking(answer=int),
            taking(answer=str),
            ["/tasks add: its answer: data can be string now, and was integer"],
        ),
        (taking(answer=Task), taking(answer=Urgent), []),
        (hearing(Task), tasks_socket(), ["/tasks added: it is gone"]),
        (hearing(Task), hearing(Urgent), []),
        (hearing(Urgent), hearing(Task), ["/tasks added: urgent is not always there any more"]),
        (
            hearing(Task),
            hearing(Optional),
            [
                "/tasks added: title is not always there any more",
                "/tasks added: title can be null now, and was string",
            ],
        ),
        (hearing(str), hearing(str, int), ["/tasks added: 2 is new, where nothing else was allowed"]),
    ],
)
def test_what_breaks_clients_is_told_in_words(
    before: SocketWrapper[Any], after: SocketWrapper[Any], problems: list[str]
) -> None:
    found = changes(contract(before), contract(after))
    assert found.breaking == problems


def test_what_is_new_breaks_nobody() -> None:
    found = changes(contract(tasks_socket()), contract(taking(str)))
    assert (found.breaking, found.additions) == ([], ["/tasks add: clients can send it"])
