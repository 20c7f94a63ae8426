"""What a change of the contract breaks, in words."""

from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from contracts import Task, contract, hearing, taking, tasks_socket
from pydantic import BaseModel, ConfigDict, Field

from app.contract.changes import changes
from app.core import Client, SocketWrapper
from app.middlewares import UserMetadata


@dataclass
class Urgent(Task):
    urgent: bool


@dataclass
class Optional:
    title: str | None = None


@dataclass
class Chain:
    value: int
    next: "Chain | None" = None


@dataclass
class OtherChain:
    value: str
    next: "OtherChain | None" = None


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str


class Open(BaseModel):
    title: str


class Named(BaseModel):
    name: str = ""


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
        (taking(Chain), taking(Chain), []),
        (
            taking(Chain),
            taking(OtherChain),
            [
                "/tasks add: a.value took integer, and takes string now",
                "/tasks add: a.next.value took integer, and takes string now",
            ],
        ),
        (taking(dict), taking(dict[str, int]), ["/tasks add: a.* took anything, and takes integer now"]),
        (taking(dict[str, int]), taking(Named), ["/tasks add: a.name took integer, and takes string now"]),
        (
            taking(dict[str, int]),
            taking(Closed),
            [
                "/tasks add: a.title is required now",
                "/tasks add: a.* is not taken any more",
                "/tasks add: a.title took integer, and takes string now",
            ],
        ),
        (taking(Open), taking(Closed), ["/tasks add: a.* is not taken any more"]),
        (taking(Closed), taking(Open), []),
        (
            taking(dict[str, int]),
            taking(Annotated[dict[str, int], Field(min_length=1)]),
            ["/tasks add: a has another minProperties: 1, not none"],
        ),
        (
            taking(tuple[int, int]),
            taking(Annotated[list[int], Field(min_length=3)]),
            ["/tasks add: a has another minItems: 3, not 2"],
        ),
        (taking(Annotated[list[int], Field(min_length=2, max_length=2)]), taking(tuple[int, int]), []),
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


def test_a_code_that_is_new_breaks_nobody() -> None:
    def failing(*errors: str) -> SocketWrapper[UserMetadata]:
        tasks = tasks_socket()

        @tasks.listener("add", errors=errors)
        async def on_add(
            wrapper: SocketWrapper[UserMetadata], client: Client[UserMetadata], metadata: UserMetadata
        ) -> None: ...

        return tasks

    found = changes(contract(failing()), contract(failing("too_many")))
    assert (found.breaking, found.additions) == ([], [])


def test_what_is_new_breaks_nobody() -> None:
    found = changes(contract(tasks_socket()), contract(taking(str)))
    assert (found.breaking, found.additions) == ([], ["/tasks add: clients can send it"])
