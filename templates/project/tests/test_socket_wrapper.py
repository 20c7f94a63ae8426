"""What app/core promises, on a server that has only the wrapper of the test."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from support import Member, Refused, serving

from app.core import (
    Client,
    ClientMetadata,
    DisconnectReason,
    OnlineCount,
    Presence,
    SocketError,
    SocketNok,
    SocketOk,
    SocketWrapper,
    socket_nok,
    socket_ok,
)


@dataclass(frozen=True)
class Person:
    name: str


async def by_name(
    wrapper: SocketWrapper[Any], client: Client[Any], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[Person] | SocketNok:
    """The token is the name: enough for a test."""
    if comm_id == "crash":
        raise RuntimeError("a detail that is nobody's business")
    return socket_ok(Person(comm_id)) if comm_id else socket_nok("Who are you?", code="no_name")


def wrapper_by_name() -> SocketWrapper[Person]:
    return SocketWrapper(
        socket_namespace="people", connection_middleware=by_name, client_connection_key="name"
    )


async def joined(url: str, name: str) -> Member:
    member = Member("/people")
    await member.connect(url, {"token": name})
    return member


async def test_a_refusal_reaches_the_client_with_its_code() -> None:
    async with serving(wrapper_by_name()) as url:
        with pytest.raises(Refused, match=r"^no_name: Who are you\?$"):
            await joined(url, "")


async def test_a_middleware_that_crashes_refuses_without_details() -> None:
    async with serving(wrapper_by_name()) as url:
        with pytest.raises(Refused, match=r"^internal_error: The server failed to decide$"):
            await joined(url, "crash")


async def test_a_listener_that_crashes_answers_without_details() -> None:
    people = wrapper_by_name()

    @people.listener("divide")
    async def on_divide(
        wrapper: SocketWrapper[Person], client: Client[Person], person: Person, a: int, b: int = 1
    ) -> float:
        if b == 1:
            raise SocketError("boring", "Nothing to divide", details={"b": b})
        return a / b

    async with serving(people) as url:
        ada = await joined(url, "Ada")
        assert await ada.call("divide", 1, 2) == {"ok": True, "data": 0.5}
        assert (await ada.call("divide", 1, 0))["error"]["code"] == "internal_error"
        assert (await ada.call("divide", 1))["error"] == {
            "code": "boring",
            "message": "Nothing to divide",
            "details": {"b": 1},
        }
        assert (await ada.call("divide", "x", 2, 3))["error"]["code"] == "invalid_payload"
        await ada.disconnect()


async def test_closing_one_tab_keeps_the_other_reachable() -> None:
    people = wrapper_by_name()
    news = people.event("news", int)
    async with serving(people) as url:
        first, second = await joined(url, "Ada"), await joined(url, "Ada")
        grace = await joined(url, "Grace")
        assert await people.send_to_client("Ada", news, 1) == 2
        assert [await first.hears("news"), await second.hears("news")] == [1, 1]

        await first.disconnect()
        await until_connections(people, "Ada", 1)

        assert await people.send_to_client("Ada", news, 2) == 1
        assert await second.hears("news") == 2
        assert await people.send_to_client("Nobody", news, 3) == 0
        await people.broadcast_except_client("Ada", news, 4)
        assert await grace.hears("news") == 4
        assert (first.unheard, second.unheard) == ([], [])
        for member in (second, grace):
            await member.disconnect()


async def test_each_farewell_is_said_once_with_its_reason() -> None:
    farewells: list[tuple[str, DisconnectReason]] = []

    async def say_farewell(
        wrapper: SocketWrapper[Person], client: Client[Person], reason: DisconnectReason
    ) -> None:
        farewells.append((client.key, reason))

    people = wrapper_by_name()
    people.on_client_disconnect = say_farewell
    async with serving(people) as url:
        ada = await joined(url, "Ada")
        grace = await joined(url, "Grace")
        removed = people.get_client_by_id("Ada")
        assert removed is not None
        await removed.disconnect(code="rude", message="Come back tomorrow")
        assert await ada.hears("closing") == {"code": "rude", "message": "Come back tomorrow"}
        assert await ada.left == "server disconnect"
        await until_connections(people, "Ada", 0)

    assert farewells == [("Ada", "server disconnect"), ("Grace", "server shutting down")]
    for member in (ada, grace):
        await member.disconnect()


async def test_a_client_with_two_tabs_comes_and_goes_once() -> None:
    told: list[tuple[str, Presence]] = []

    async def came(wrapper: SocketWrapper[Person], presence: Presence) -> None:
        told.append(("came", presence))

    async def went(wrapper: SocketWrapper[Person], presence: Presence) -> None:
        told.append(("went", presence))

    people = wrapper_by_name()
    people.published_metadata = lambda person: {"name": person.name}
    people.on_client_online, people.on_client_offline = came, went
    async with serving(people) as url:
        first, second = await joined(url, "Ada"), await joined(url, "Ada")
        assert await people.online() == {"Ada": Presence("Ada", {"name": "Ada"}, connections=2)}
        assert await people.count_online() == OnlineCount(clients=1, connections=2)
        await first.disconnect()
        await until_connections(people, "Ada", 1)
        assert await people.is_online("Ada")
        await second.disconnect()
        await until_connections(people, "Ada", 0)
        assert not await people.is_online("Ada")

    assert told == [
        ("came", Presence("Ada", {"name": "Ada"}, connections=1)),
        ("went", Presence("Ada", {"name": "Ada"}, connections=0)),
    ]


async def test_all_of_a_clients_tabs_are_asked_and_only_answers_count() -> None:
    people = wrapper_by_name()
    where = people.question("where", answer=str)
    answers: list[list[Any]] = [["at home"], ["on the train"], [42], ["no", "where"]]
    async with serving(people) as url:
        tabs = [await joined(url, "Ada") for _ in range(4)]
        for tab, answer in zip(tabs, answers, strict=True):
            tab.answer("where", *answer)
        assert sorted(await people.call_client("Ada", where)) == ["at home", "on the train"]
        for member in tabs:
            await member.disconnect()


async def until_connections(wrapper: SocketWrapper[Person], key: str, count: int) -> None:
    async with asyncio.timeout(5):
        while len(wrapper.connected_clients.get(key, ())) != count:
            await asyncio.sleep(0.01)
