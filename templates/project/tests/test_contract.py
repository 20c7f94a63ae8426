"""The contract: what the namespaces declare, as AsyncAPI has it, and what a change of it breaks."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import pytest
from pydantic import Field
from support import PROJECT, RunningServer

from app.contract import __main__ as command
from app.contract import contract_of
from app.contract.changes import changes
from app.contract.schemas import ContractError
from app.core import Client, SocketWrapper
from app.middlewares import UserMetadata, require_token
from app.namespaces import find_namespaces

HOST = "127.0.0.1:3000"


@dataclass
class Task:
    title: str


def tasks_socket() -> SocketWrapper[UserMetadata]:
    return SocketWrapper(
        socket_namespace="tasks", connection_middleware=require_token, client_connection_key="user_id"
    )


def contract(*wrappers: SocketWrapper[Any]) -> dict[str, Any]:
    return contract_of(wrappers, title="test", version="1", host=HOST)


def payload_of(document: dict[str, Any], message: str) -> dict[str, Any]:
    found: dict[str, Any] = document["channels"]["tasks"]["messages"][message]["payload"]
    return found


async def test_the_server_shows_the_contract_of_its_namespaces(server: RunningServer) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{server.url}/asyncapi.json") as answer:
        shown = await answer.json()
    here = server.url.removeprefix("http://")
    assert shown["servers"]["default"]["variables"] == {"host": {"default": here}}
    expected = contract(*find_namespaces())
    assert {part: shown[part] for part in ("channels", "operations", "components")} == {
        part: expected[part] for part in ("channels", "operations", "components")
    }


def test_a_listener_says_what_it_takes_what_it_answers_and_how_it_fails() -> None:
    tasks = tasks_socket()

    @tasks.listener("add", errors=["too_many"])
    async def on_add(
        wrapper: SocketWrapper[UserMetadata],
        client: Client[UserMetadata],
        metadata: UserMetadata,
        task: Task,
        urgent: bool = False,
        *tags: Annotated[str, Field(max_length=9)],
    ) -> int:
        """Add a task.

        More than clients need to know.
        """
        return 1

    document = contract(tasks)

    message = document["channels"]["tasks"]["messages"]["add"]
    assert (message["name"], message["description"]) == ("add", "Add a task.")
    assert message["payload"] == {
        "type": "array",
        "items": [
            {"title": "task", "allOf": [{"$ref": "#/components/schemas/Task"}]},
            {"title": "urgent", "type": "boolean", "default": False},
        ],
        "minItems": 1,
        "additionalItems": {"title": "tags", "type": "string", "maxLength": 9},
    }
    accepted, failed = payload_of(document, "add.ack")["items"][0]["oneOf"]
    assert accepted["properties"] == {"ok": {"const": True}, "data": {"type": "integer"}}
    assert failed["properties"]["error"]["properties"]["code"]["enum"] == [
        *("cancelled", "internal_error", "invalid_payload", "rate_limited", "too_many", "unavailable")
    ]
    operation = document["operations"]["tasks.add"]
    assert operation["action"] == "receive"
    assert operation["security"] == [{"$ref": "#/components/securitySchemes/token"}]
    assert set(document["components"]["schemas"]) == {"Closing", "Task", "TokenAuth"}


def test_what_clients_hear_and_answer_is_there() -> None:
    tasks = tasks_socket()
    tasks.event("added", Task, int)
    tasks.question("are you there?", answer=bool)

    document = contract(tasks)

    assert document["operations"]["tasks.added"]["action"] == "send"
    assert payload_of(document, "added") == {
        "type": "array",
        "items": [{"$ref": "#/components/schemas/Task"}, {"type": "integer"}],
        "minItems": 2,
        "maxItems": 2,
        "additionalItems": False,
    }
    asked = document["operations"]["tasks.are-20-you-20-there-3f-"]
    assert asked["reply"]["messages"] == [{"$ref": "#/channels/tasks/messages/are-20-you-20-there-3f-.ack"}]
    assert payload_of(document, "are-20-you-20-there-3f-.ack")["items"] == [{"type": "boolean"}]
    assert payload_of(document, "closing")["items"] == [{"$ref": "#/components/schemas/Closing"}]


def test_what_has_no_json_is_named() -> None:
    tasks = tasks_socket()

    @tasks.listener("add")
    async def on_add(
        wrapper: SocketWrapper[UserMetadata], client: Client[UserMetadata], metadata: UserMetadata
    ) -> Client[UserMetadata]:
        return client

    with pytest.raises(ContractError, match=r"^/tasks: the listener of 'add': what it returns has no JSON"):
        contract(tasks)


def test_events_without_arguments_and_names_of_all_kinds_have_a_schema() -> None:
    tasks = tasks_socket()
    tasks.event("chat message")
    document = contract(tasks)
    assert payload_of(document, "chat-20-message") == {"type": "array", "minItems": 0, "maxItems": 0}
    tasks.event("chat-20-message")
    with pytest.raises(ContractError, match=r"^/tasks 'chat message' and /tasks 'chat-20-message' are both"):
        contract(tasks)


def test_an_event_that_goes_both_ways_is_two_messages() -> None:
    def both(heard: type) -> SocketWrapper[UserMetadata]:
        tasks = taking(str)
        tasks.event("add", heard)
        return tasks

    document = contract(both(Task))
    assert payload_of(document, "add")["items"] == [{"title": "a", "type": "string"}]
    assert payload_of(document, "add.heard")["items"] == [{"$ref": "#/components/schemas/Task"}]
    assert changes(document, contract(both(int))).breaking == [
        "/tasks add: can be integer now, and was object"
    ]
    assert changes(document, contract(taking(str))).breaking == ["/tasks add: it is gone"]


def test_a_default_that_is_no_json_is_only_said_to_be_there() -> None:
    document = contract(taking(float, bytes, object, a=float("inf"), b=b"\xff", c=int))
    assert json.loads(json.dumps(payload_of(document, "add"), allow_nan=False))["items"] == [
        {"title": "a", "type": "number"},
        {"title": "b", "type": "string", "format": "binary"},
        {"title": "c"},
    ]


def test_a_public_namespace_needs_no_token() -> None:
    document = contract(SocketWrapper(socket_namespace="/"))
    assert document["channels"]["root"]["address"] == "/"
    assert "security" not in document["operations"]["root.connect"]


# What changes from one contract to the next: the listener `add` before, and after.


def taking(*annotations: Any, answer: Any = None, **defaults: Any) -> SocketWrapper[UserMetadata]:
    """A namespace that takes `add` with arguments of these types, called a, b and so on."""
    tasks = tasks_socket()
    names = "abc"[: len(annotations)]

    async def on_add(*args: Any) -> Any: ...

    types = dict(zip(names, annotations, strict=True))
    parameters = [
        Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=defaults.get(name, Parameter.empty))
        for name in ["wrapper", "client", "metadata", *names]
    ]
    on_add.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    on_add.__annotations__ = {**types, "return": answer}
    tasks.listener("add")(on_add)
    return tasks


def hearing(*types: Any) -> SocketWrapper[UserMetadata]:
    tasks = tasks_socket()
    declare: Callable[..., object] = tasks.event
    declare("added", *types)
    return tasks


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


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Without any setting: a contract needs none."""
    return subprocess.run(
        [sys.executable, "-m", "app.contract", *arguments],
        cwd=PROJECT,
        env={},
        capture_output=True,
        text=True,
    )


def test_the_command_prints_the_contract() -> None:
    printed = run_command()
    assert (printed.returncode, printed.stderr) == (0, "")
    assert json.loads(printed.stdout)["channels"] == contract(*find_namespaces())["channels"]


def test_check_compares_with_what_was_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "contract.lock.json"
    monkeypatch.setattr(command, "LOCK", lock)
    with pytest.raises(SystemExit, match=r"^error: contract\.lock\.json cannot be read\n.*\n  try: "):
        command.check(contract(taking(str)))

    command.write_lock(contract(taking(str)))
    command.check(contract(taking(str)))
    with pytest.raises(SystemExit) as refused:
        command.check(contract(taking(int)))

    assert str(refused.value).splitlines()[:2] == [
        "error: clients that rely on contract.lock.json would break",
        "  /tasks add: a took string, and takes integer now",
    ]
    assert capsys.readouterr().out.splitlines() == [
        "wrote contract.lock.json: keep it in git",
        "the contract is as in contract.lock.json",
    ]
