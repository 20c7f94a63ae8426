"""Who is online, and the acks of all of a client's connections, as a single server has them."""

import asyncio
from typing import Any

import pytest

from app.core import Client, OnlineCount, Presence, SocketWrapper
from app.engine import Limits
from app.engine.turns import MOST_WAITING, Turns
from support import Member, serving
from tests.core.behind import engine_of, remembered, until, until_forgotten
from tests.core.people import Person, joined, people_wrapper, refusal
from tests.core.wire import raw_socket
from tests.undeclared import question


class Watched:
    """People, and what is told of who comes and goes."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, int]] = []
        self.people = people_wrapper()
        self.people.published_metadata = lambda person: {"shown": person.name.upper()}
        self.people.on_client_online = self.came
        self.people.on_client_offline = self.went

    async def came(self, wrapper: SocketWrapper[Person], presence: Presence) -> None:
        self.told.append(("came", presence.key, presence.connections))

    async def went(self, wrapper: SocketWrapper[Person], presence: Presence) -> None:
        self.told.append(("went", presence.key, presence.connections))


async def test_a_client_comes_with_its_first_connection_and_goes_with_its_last() -> None:
    watched = Watched()
    people = watched.people
    async with serving(people) as url:
        assert await people.online() == {}
        async with joined(url, "Ada"):
            async with joined(url, "Ada"), joined(url, "Bob"):
                ada = Presence("Ada", {"shown": "ADA"}, 2)
                assert await people.online() == {"Ada": ada, "Bob": Presence("Bob", {"shown": "BOB"}, 1)}
                assert await people.presence("Ada") == ada
                assert await people.count_online() == OnlineCount(clients=2, connections=3)
            await until(lambda: len(people.get_connected_sockets()) == 1)
            assert await people.is_online("Ada")
            assert not await people.is_online("Bob")
        await until(lambda: len(watched.told) == 4)
        assert await people.count_online() == OnlineCount(clients=0, connections=0)
        assert await people.presence("Ada") is None
    assert watched.told == [("came", "Ada", 1), ("came", "Bob", 1), ("went", "Bob", 0), ("went", "Ada", 0)]


async def test_coming_and_going_take_turns_however_long_they_take() -> None:
    watched = Watched()
    may_go_on = asyncio.Event()

    async def slowly(wrapper: SocketWrapper[Person], presence: Presence) -> None:
        await may_go_on.wait()
        await watched.came(wrapper, presence)

    watched.people.on_client_online = slowly
    async with serving(watched.people) as url:
        for _ in range(3):
            async with joined(url, "Ada"):
                pass
        async with joined(url, "Bob"):
            await until(lambda: "Bob" in watched.people.connected_clients)
            assert watched.told == []
            may_go_on.set()
            await until(lambda: len(watched.told) == 7)
    coming_and_going = [("came", "Ada", 1), ("went", "Ada", 0)] * 3
    assert [event for event in watched.told if event[1] == "Ada"] == coming_and_going


async def test_who_comes_and_goes_faster_than_the_hooks_can_be_told_keeps_few_of_them_waiting() -> None:
    watched = Watched()
    may_go_on = asyncio.Event()

    async def slowly(wrapper: SocketWrapper[Person], presence: Presence) -> None:
        await watched.came(wrapper, presence)
        await may_go_on.wait()

    watched.people.on_client_online = slowly
    async with serving(watched.people) as url:
        for _ in range(12):
            async with joined(url, "Ada"):
                pass
        async with joined(url, "Ada"):
            turns = engine_of(watched.people).roster.turns
            await until(lambda: "Ada" in watched.people.connected_clients)
            assert [len(waiting) for waiting in turns._waiting.values()] == [MOST_WAITING]
            may_go_on.set()
            await until(lambda: not turns._waiting)
            assert watched.told[-1] == ("came", "Ada", 1)
        await until(lambda: watched.told[-1] == ("went", "Ada", 0))
    # What was told is in order, and right in the end: of each going, the coming was told.
    assert watched.told == [("came", "Ada", 1), ("went", "Ada", 0)] * (MOST_WAITING // 2 + 1)


async def test_a_server_that_stops_does_not_wait_for_hooks_that_take_for_ever() -> None:
    watched = Watched()
    began = 0

    async def hang(wrapper: SocketWrapper[Person], presence: Presence) -> None:
        nonlocal began
        began += 1
        await asyncio.Event().wait()

    watched.people.on_client_online = watched.people.on_client_offline = hang
    async with asyncio.timeout(10), serving(watched.people) as url:
        for _ in range(3):
            async with joined(url, "Ada"):
                pass
    await asyncio.sleep(0)
    assert not engine_of(watched.people).roster.turns._waiting
    assert began == 1


@pytest.mark.parametrize("came", [True, False])
async def test_of_what_is_told_of_one_client_again_and_again_the_last_is_told(came: bool) -> None:
    """As when another server is told of the other half."""
    turns, may_go_on, done = Turns(), asyncio.Event(), list[int]()

    async def call(number: int) -> None:
        await may_go_on.wait()
        done.append(number)

    for number in range(30):
        turns.post("Ada", call(number), came=came)
    may_go_on.set()
    await turns.finish(5)
    assert done == [*range(MOST_WAITING - 1), 29]


async def test_a_hook_that_fails_keeps_nobody_from_coming_and_going() -> None:
    watched = Watched()

    async def fail(wrapper: SocketWrapper[Person], presence: Presence) -> None:
        raise RuntimeError

    watched.people.on_client_online = fail
    async with serving(watched.people) as url:
        async with joined(url, "Ada"):
            pass
        await until(lambda: watched.told == [("went", "Ada", 0)])
        await until_forgotten(watched.people)


async def test_who_is_refused_was_never_online() -> None:
    watched = Watched()
    async with serving(watched.people, limits=Limits(connections_per_client=1)) as url, joined(url, "Ada"):
        assert (await refusal(url, {"token": "Ada"}))[0] == "too_many_connections"
        assert (await refusal(url, {}))[0] == "no_name"
        assert await watched.people.count_online() == OnlineCount(1, 1)
        assert watched.told == [("came", "Ada", 1)]


@pytest.mark.parametrize("published", [["no", "mapping"], {"bytes": b"0"}, {"self": float("nan")}])
async def test_what_cannot_be_published_refuses_the_client(published: Any) -> None:
    watched = Watched()
    watched.people.published_metadata = lambda person: published
    async with serving(watched.people) as url:
        assert (await refusal(url, {"token": "Ada"}))[0] == "internal_error"
        assert watched.told == []
        assert set(remembered(watched.people)) <= {"connections", "sockets", "tallies"}


async def test_all_go_when_the_server_stops() -> None:
    watched = Watched()
    members = [Member("/people") for _ in range(3)]
    async with serving(watched.people) as url:
        for member, name in zip(members, ("Ada", "Ada", "Bob"), strict=True):
            await member.connect(url, {"token": name})
    assert sorted(watched.told) == [
        ("came", "Ada", 1),
        ("came", "Bob", 1),
        ("went", "Ada", 0),
        ("went", "Bob", 0),
    ]
    for member in members:
        await member.disconnect()


async def test_a_renewed_token_renews_what_is_published() -> None:
    watched = Watched()
    renewals = iter(("first", "second"))
    watched.people.published_metadata = lambda person: {"token": next(renewals)}
    async with serving(watched.people) as url, joined(url, "Ada") as ada:
        assert await watched.people.presence("Ada") == Presence("Ada", {"token": "first"}, 1)
        assert (await ada.call("renewToken", "Ada"))["ok"]
        assert await watched.people.presence("Ada") == Presence("Ada", {"token": "second"}, 1)


async def test_every_connection_of_a_client_is_asked() -> None:
    people = people_wrapper()
    async with (
        serving(people) as url,
        joined(url, "Ada") as tab,
        joined(url, "Ada") as phone,
        joined(url, "Bob"),
    ):
        tab.answer("where", "home")
        phone.answer("where", "out", {"bytes": b"\x00"})

        answers = await people.call_client("Ada", question("where"), {"are": "you"}, b"\x01")

        assert sorted(answers, key=str, reverse=True) == ["home", ["out", {"bytes": b"\x00"}]]
        assert await people.call_client("Nobody", question("where")) == []


async def test_who_does_not_answer_is_not_waited_for_any_longer() -> None:
    people = people_wrapper()
    async with serving(people) as url, joined(url, "Ada") as tab, raw_socket(url) as silent:
        tab.answer("where", "home")
        await silent.join("/people", {"token": "Ada"})

        assert await people.call_client("Ada", question("where"), timeout_s=0.3) == ["home"]

        await until(lambda: len(people.get_connected_sockets()) == 2)
        assert "asked" not in remembered(people)


async def test_a_listener_can_ask_the_client_that_it_answers() -> None:
    people = people_wrapper()

    @people.listener("askMe")
    async def on_ask_me(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> Any:
        return await wrapper.call_client(client.key, question("where"), timeout_s=3)

    async with serving(people) as url, joined(url, "Ada") as ada:
        ada.answer("where", "home")
        assert await ada.call("askMe") == {"ok": True, "data": ["home"]}
