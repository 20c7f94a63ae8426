"""What clients hear is declared: sending anything else is an error, in development when it is sent."""

from dataclasses import dataclass
from typing import Any

import pytest
from support import Member, serving

from app.core import Client, Event, SocketError, SocketWrapper


@dataclass(frozen=True)
class Task:
    title: str


@pytest.fixture
def checked() -> SocketWrapper[None]:
    """A namespace as it is in development."""
    wrapper = SocketWrapper(socket_namespace="tasks")
    wrapper.events.are_checked = True
    return wrapper


async def test_what_fits_its_declaration_is_sent(checked: SocketWrapper[None]) -> None:
    added = checked.event("taskAdded", Task, float)
    async with serving(checked) as url:
        ada = Member("/tasks")
        await ada.connect(url)
        await checked.broadcast(added, Task("Write"), 1)
        assert await ada.hears("taskAdded") == [{"title": "Write"}, 1]
        await ada.disconnect()


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ([], "'taskAdded' is declared with 1 arguments, and sent with 0"),
        ([Task("Write"), 1], "'taskAdded' is declared with 1 arguments, and sent with 2"),
        ([{"title": "Write"}], "argument 1 of 'taskAdded' is not as declared: 1 validation error for Task"),
    ],
)
async def test_what_does_not_fit_is_an_error_of_who_sends_it(
    checked: SocketWrapper[None], args: list[Any], problem: str
) -> None:
    added: Any = checked.event("taskAdded", Task)
    async with serving(checked):
        with pytest.raises(TypeError) as error:
            await checked.broadcast(added, *args)
        with pytest.raises(TypeError):
            await checked.send_to_client("Ada", added, *args)
        with pytest.raises(TypeError):
            await checked.send_to_room("lobby", added, *args)
    assert str(error.value).splitlines()[0] == problem


async def test_what_is_not_declared_here_is_an_error(checked: SocketWrapper[None]) -> None:
    elsewhere = SocketWrapper(socket_namespace="elsewhere").event("taskAdded", Task)
    text: Any = "taskAdded"
    async with serving(checked):
        for event in (elsewhere, text):
            with pytest.raises(TypeError, match=r"^'taskAdded' is not declared here: "):
                await checked.broadcast(event, Task("Write"))


async def test_in_production_nothing_is_compared() -> None:
    wrapper = SocketWrapper(socket_namespace="tasks")
    text: Any = "anything"
    async with serving(wrapper) as url:
        ada = Member("/tasks")
        await ada.connect(url)
        await wrapper.broadcast(text, 1)
        assert await ada.hears("anything") == 1
        await ada.disconnect()


async def test_an_error_that_clients_were_not_told_of_is_logged(
    checked: SocketWrapper[None], caplog: pytest.LogCaptureFixture
) -> None:
    @checked.listener("add", errors=["too_many"])
    async def on_add(wrapper: SocketWrapper[None], client: Client[None], metadata: None, code: str) -> None:
        raise SocketError(code, "No")

    async with serving(checked) as url:
        ada = Member("/tasks")
        await ada.connect(url)
        for code in ("too_many", "unavailable", "surprise"):
            assert (await ada.call("add", code))["error"]["code"] == code
        await ada.disconnect()
    warnings = [record.getMessage() for record in caplog.records if record.name.startswith("app.core")]
    assert warnings == ["/tasks: errors=[...] of 'add' does not have 'surprise'"]


@pytest.mark.parametrize("name", ["connect", "disconnect", "closing", "renewToken", "taskAdded"])
def test_a_name_that_means_something_else_cannot_be_declared(checked: SocketWrapper[None], name: str) -> None:
    added: Event[Task] = checked.event("taskAdded", Task)
    with pytest.raises(ValueError, match=f"^'{name}' is (reserved|declared already)"):
        checked.event(name)
    assert [event.name for event in checked.events] == ["closing", added.name]


def test_a_type_without_json_cannot_be_declared(checked: SocketWrapper[None]) -> None:
    with pytest.raises(TypeError, match=r"^'taskAdded' cannot be declared with <class '.*Member'>: "):
        checked.event("taskAdded", Member)
