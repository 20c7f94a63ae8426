"""The contract: what the namespaces declare, as AsyncAPI has it, and what a change of it breaks."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import aiohttp
import pytest
from contracts import Task, contract, payload_of, taking, tasks_socket
from pydantic import Field
from support import PROJECT, RunningServer

from app.contract import __main__ as command
from app.contract.changes import changes
from app.contract.schemas import ContractError
from app.core import Client, SocketWrapper
from app.middlewares import UserMetadata
from app.namespaces import find_namespaces


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


def test_two_operations_with_one_key_are_told() -> None:
    admin = SocketWrapper(socket_namespace="admin")
    admin.event("users.list")
    users = SocketWrapper(socket_namespace="admin.users")
    users.event("list")
    with pytest.raises(ContractError, match=r"^/admin 'users\.list' and /admin\.users 'list' are both"):
        contract(admin, users)


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
