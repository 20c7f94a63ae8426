"""Redis goes away, in each of the ways in which it can, and comes back."""

import asyncio
import logging
import time
from dataclasses import replace

import pytest

from app.core import OnlineCount, Unavailable
from app.engine.cluster import rooms, roster
from app.engine.cluster.waiting import NotAsked, When
from app.engine.roster import Entry
from tests.cluster.nodes import members, nodes, told, until_online, until_told, until_up, within
from tests.cluster.redis_server import RedisServer
from tests.cluster.slow_network import slow_network
from tests.core.behind import engine_of, until
from tests.undeclared import undeclared

OUTAGE = "app.engine.cluster.link"


def logged(caplog: pytest.LogCaptureFixture, level: int) -> int:
    """How often it was said that Redis is away (ERROR), or back (WARNING)."""
    return len([each for each in caplog.records if (each.name, each.levelno) == (OUTAGE, level)])


async def test_redis_is_killed_and_comes_back_with_nothing(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = redis.cluster(lease_s=3)
    async with (
        nodes(cluster) as (here, there),
        members(("Ada", here), ("Ada", there), ("Bob", there), ("Cleo", here)) as (tab, phone, bob, cleo),
    ):
        came = [("came", "Ada"), ("came", "Bob"), ("came", "Cleo")]
        await until_told(came, here, there)
        redis.kill()
        await until(lambda: not here.link.up and not there.link.up)

        with within(0.5):
            await here.people.broadcast(undeclared("news"), 1)
            assert await here.people.send_to_client("Ada", undeclared("news"), 2) == 1
            assert await cleo.call("say", "hello") == {"ok": True, "data": None}
            with pytest.raises(Unavailable):
                await here.people.online()
            assert [await tab.hears("news"), await tab.hears("news"), await tab.hears("said")] == [
                1,
                2,
                "hello",
            ]
        await cleo.disconnect()
        async with members(("Dora", there)):
            await until(lambda: "Dora" in there.people.connected_clients)
            # Long enough for leases to end.
            await asyncio.sleep(2.5)
            redis.start()
            await until_up(here, there, within_s=2)
            assert redis.subscriptions(cluster) == 2
            await here.people.broadcast(undeclared("news"), 3)
            assert await bob.hears("news") == 3
            assert [await tab.hears("news"), await phone.hears("news")] == [3, 3]
            await until_told([*came, ("came", "Dora"), ("went", "Cleo")], here, there, within_s=6)
            assert await here.online() == {"Ada": 2, "Bob": 1, "Dora": 1}
            assert await here.people.send_to_client("Ada", undeclared("news"), 4) == 2
        assert logged(caplog, logging.ERROR) == logged(caplog, logging.WARNING) == 2
        assert (here.link.lost_messages, there.link.lost_messages) == (3, 0)
    everything = [
        *came,
        ("came", "Dora"),
        ("went", "Cleo"),
        ("went", "Dora"),
        ("went", "Ada"),
        ("went", "Bob"),
    ]
    assert told(here, there) == sorted(everything)


async def test_redis_stands_still_and_goes_on(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    cluster = redis.cluster(lease_s=3)
    async with (
        nodes(cluster) as (here, there),
        members(("Ada", here), ("Ada", there), ("Bob", there)) as (tab, phone, bob),
    ):
        came = [("came", "Ada"), ("came", "Bob")]
        await until_told(came, here, there)
        redis.freeze()
        with within(1.5):
            assert await here.people.send_to_client("Ada", undeclared("news"), 1) == 1
            assert await tab.hears("news") == 1
            await here.people.broadcast(undeclared("news"), 2)
            assert await tab.hears("news") == 2
        with within(1.5):
            async with members(("Cleo", here)):
                await until(lambda: "Cleo" in here.people.connected_clients)
        await asyncio.sleep(4)
        redis.thaw()
        await until_up(here, there, within_s=2)
        await until(lambda: redis.subscriptions(cluster) == 2, within_s=3)
        phone_heard, _ = phone.unheard, bob.unheard  # What Redis had in hand as it stood still, it delivers.
        assert [event for event, _ in phone_heard] in ([], ["news"])
        await here.people.broadcast(undeclared("news"), 3)
        assert [await tab.hears("news"), await phone.hears("news"), await bob.hears("news")] == [3, 3, 3]
        # Nobody had heard of Cleo when she had left.
        await until_told(came, here, there)
        assert await here.online() == {"Ada": 2, "Bob": 1}
        assert logged(caplog, logging.ERROR) == logged(caplog, logging.WARNING) == 2


async def test_a_node_that_stands_still_does_not_take_redis_for_silent(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        nodes(redis.cluster()) as (here, there),
        members(("Ada", here), ("Bob", there)) as (ada, bob),
    ):
        asked = here.link.ask("PING")
        while not here.link._waiting._sent:
            await asyncio.sleep(0)
        await here.people.broadcast(undeclared("news"), 1)
        time.sleep(1.3)  # noqa: ASYNC251  It is what a listener does that computes.
        assert await asked == b"PONG"
        assert [await ada.hears("news"), await bob.hears("news")] == [1, 1]
        assert here.link.lost_messages == 0
    assert logged(caplog, logging.ERROR) == 0


async def test_what_redis_has_done_without_being_able_to_say_so_is_told_once(redis: RedisServer) -> None:
    """It does what it finds in its buffers when it goes on, though nobody is there for the answer."""
    async with nodes(redis.cluster()) as (here, there), members(("Bob", there)):
        redis.freeze()
        async with members(("Ada", here)) as (ada,):
            await until(lambda: not here.link.up and not there.link.up)
            redis.thaw()
            await until_told([("came", "Ada"), ("came", "Bob")], here, there)
            redis.freeze()
            await ada.disconnect()
            await until(lambda: not here.link.up and not there.link.up)
            redis.thaw()
        await until_told([("came", "Ada"), ("came", "Bob"), ("went", "Ada")], here, there)
        await until_online({"Bob": 1}, here)


async def test_the_connection_that_listens_is_cut(redis: RedisServer) -> None:
    cluster = redis.cluster()
    async with nodes(cluster) as (here, there), members(("Ada", here), ("Bob", there)) as (ada, bob):
        await until_told([("came", "Ada"), ("came", "Bob")], here, there)
        for _ in range(3):
            redis.ask("CLIENT", "KILL", "TYPE", "pubsub")
            await until(lambda: not here.link.up and not there.link.up)
            await until_up(here, there, within_s=2)
            assert redis.subscriptions(cluster) == 2
        await here.people.broadcast(undeclared("news"), 1)
        await there.people.broadcast(undeclared("news"), 2)
        assert sorted([await ada.hears("news"), await ada.hears("news")]) == [1, 2]
        assert sorted([await bob.hears("news"), await bob.hears("news")]) == [1, 2]
        assert await here.people.count_online() == OnlineCount(2, 2)
    assert told(here, there) == [("came", "Ada"), ("came", "Bob"), ("went", "Ada"), ("went", "Bob")]


async def test_redis_is_not_there_when_a_node_starts(redis: RedisServer) -> None:
    cluster = redis.cluster()
    redis.kill()
    async with nodes(cluster) as (here, there), members(("Ada", here), ("Ada", there)) as (tab, phone):
        assert await here.people.send_to_client("Ada", undeclared("news"), 1) == 1
        assert await tab.hears("news") == 1
        redis.start()
        await until_up(here, there, within_s=2)
        await until_online({"Ada": 2}, here)
        assert await here.people.send_to_client("Ada", undeclared("news"), 2) == 2
        assert [await tab.hears("news"), await phone.hears("news")] == [2, 2]
    await until_told([("came", "Ada"), ("went", "Ada")], here, there)


async def test_the_network_to_redis_is_slow(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with slow_network(redis.port, 0.2) as port:
        slow = replace(redis.cluster(), url=f"redis://127.0.0.1:{port}")
        async with nodes(redis.cluster(), 1) as (near,), nodes(slow, 1) as (far,):
            await until_up(near, far)
            async with members(("Ada", far), ("Ada", near), ("Bob", far)) as (tab, phone, bob):
                await until_online({"Ada": 2, "Bob": 1}, near)
                for number in range(5):
                    with within(0.2):
                        await far.people.broadcast(undeclared("news"), number)
                        assert await bob.hears("news") == number
                    with within(1.0):
                        assert await far.people.send_to_client("Ada", undeclared("news"), "you") == 2
                    assert [await phone.hears("news"), await phone.hears("news")] == [number, "you"]
                assert await near.people.send_to_client("Bob", undeclared("news"), "last") == 1
                assert await bob.hears("news") == "last"
                assert [event for event, _ in tab.unheard] == ["news"] * 10
            await until_told([("came", "Ada"), ("came", "Bob"), ("went", "Ada"), ("went", "Bob")], near, far)
    assert logged(caplog, logging.ERROR) == 0


async def test_much_that_is_asked_keeps_neither_the_lease_nor_people_waiting(redis: RedisServer) -> None:
    async with slow_network(redis.port, 0.2) as port:
        slow = replace(redis.cluster(), url=f"redis://127.0.0.1:{port}")
        async with nodes(slow, 1) as (far,):
            await until_up(far)
            much = [far.link.ask("PING") for _ in range(8_000)]
            asked = [asyncio.ensure_future(far.people.is_online("Ada")) for _ in range(1_000)]
            with within(2):
                await engine_of(far.people).roster.directory.keep(10_000)
                answers = await asyncio.gather(*asked, return_exceptions=True)
            assert {type(answer) for answer in answers} == {NotAsked}
            # Nobody waits for these.
            assert await asyncio.gather(*much) == [b"PONG"] * 8_000


async def test_who_was_to_go_while_redis_was_away_goes_when_it_is_back(redis: RedisServer) -> None:
    async with nodes(redis.cluster()) as (here, there), members(("Ada", there)) as (ada,):
        redis.kill()
        await until(lambda: not here.link.up and not there.link.up)
        assert await here.people.disconnect_client("Ada", code="user_deleted", message="No more") == 0
        redis.start()
        assert await ada.hears("closing", within_s=8) == {"code": "user_deleted", "message": "No more"}
        assert await ada.left == "server disconnect"
        assert here.link.lost_messages == 0


async def test_who_was_to_go_long_ago_may_be_there_again(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(rooms, "DISMISSALS_LAST_S", 0.5)
    async with nodes(redis.cluster()) as (here, there), members(("Bob", there)) as (bob,):
        redis.kill()
        await until(lambda: not here.link.up and not there.link.up)
        assert await here.people.disconnect_client("Ada") == 0
        redis.start()
        async with members(("Ada", there)) as (ada,):
            await until(lambda: not engine_of(here.people).manager._dismissals, within_s=8)
            # What is said now is heard after what was said before.
            await here.people.broadcast(undeclared("news"), 1)
            assert [await ada.hears("news"), await bob.hears("news")] == [1, 1]
            assert ada.unheard == []
    assert "too late to disconnect them from other nodes: 1 clients" in caplog.messages


async def test_a_node_that_has_much_to_say_is_waited_for(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    say = roster.ClusterRoster._say

    async def slowly(
        self: roster.ClusterRoster, entry: Entry, *, most: int = 0, when: When = "whenever"
    ) -> str:
        await asyncio.sleep(0.02)
        return await say(self, entry, most=most, when=when)

    # As with a hundred thousand clients, it takes longer than the lease, and than SETTLING_S.
    monkeypatch.setattr(roster.ClusterRoster, "_say", slowly)
    monkeypatch.setattr(roster, "SAID_AT_ONCE", 1)
    names = [f"client {number}" for number in range(200)]
    async with nodes(redis.cluster(lease_s=2)) as (here, there), members(("Ada", here)) as (tab,):
        engine = engine_of(there.people)
        people = engine.handlers["/people"]
        await asyncio.gather(*(engine.roster.enter(people, name, b"{}") for name in names))
        async with members(("Ada", there)):
            came = sorted([("came", "Ada"), *(("came", name) for name in names)])
            await until_told(came, here, there)
            redis.kill()
            await until(lambda: not here.link.up and not there.link.up)
            await tab.disconnect()
            await until(lambda: not here.people.connected_clients)
            redis.start()
            await until_up(here, there, within_s=2)
            async with asyncio.timeout(15):
                while await here.people.count_online() != OnlineCount(201, 201):
                    await asyncio.sleep(0.1)
            await asyncio.sleep(1)  # Somebody who is taken for gone would be told of now.
            assert told(here, there) == came
