"""Who is online, with clients that have connections to several nodes."""

import asyncio

import pytest

from app.core import OnlineCount, Presence
from app.engine import Limits
from support import Refused
from tests.cluster.nodes import members, nodes, until_online, until_told, within
from tests.cluster.redis_server import RedisServer
from tests.core.behind import engine_of, until
from tests.core.people import joined
from tests.undeclared import question, undeclared


async def test_a_client_comes_and_goes_once_whatever_the_nodes(redis: RedisServer) -> None:
    async with nodes(redis.cluster(), 3) as (first, second, third):
        async with members(("Ada", first)):
            async with members(("Ada", second), ("Bob", second), ("Ada", second)):
                await until_told([("came", "Ada"), ("came", "Bob")], first, second, third)
                assert await third.online() == {"Ada": 3, "Bob": 1}
                assert await third.people.presence("Ada") == Presence("Ada", {"shown": "ADA"}, 3)
                assert await first.people.is_online("Bob")
                assert await first.people.count_online() == OnlineCount(clients=2, connections=4)
            await until_told([("came", "Ada"), ("came", "Bob"), ("went", "Bob")], first, second, third)
            assert await third.online() == {"Ada": 1}
        await until_told(
            [("came", "Ada"), ("came", "Bob"), ("went", "Bob"), ("went", "Ada")], first, second, third
        )
        assert await third.online() == {}
        assert await second.people.count_online() == OnlineCount(0, 0)
        assert first.told == [("came", "Ada"), ("went", "Ada")]
        assert second.told == [("came", "Bob"), ("went", "Bob")]


async def test_more_clients_than_redis_tells_of_at_once_are_all_told_of(redis: RedisServer) -> None:
    async with nodes(redis.cluster()) as (here, there):
        roster = here.people.transport._server.roster  # type: ignore[attr-defined]
        handler = here.people.transport._server.handlers["/people"]  # type: ignore[attr-defined]
        for number in range(1200):
            assert await roster.enter(handler, f"client {number}", b"{}")
        assert len(await there.online()) == 1200
        assert await there.people.count_online() == OnlineCount(1200, 1200)


async def test_a_client_has_so_many_connections_and_no_more_on_all_nodes(redis: RedisServer) -> None:
    limits = Limits(connections_per_client=2)
    async with nodes(redis.cluster(), limits=limits) as (here, there):
        async with members(("Ada", here), ("Ada", there), ("Bob", there)):
            for node in (here, there):
                with pytest.raises(Refused, match="too_many_connections"):
                    async with joined(node.url, "Ada"):
                        pass
            assert await here.online() == {"Ada": 2, "Bob": 1}
            async with members(("Bob", here)):
                pass
        await until(lambda: not here.people.connected_clients)
        async with members(("Ada", here), ("Ada", here)):
            pass


async def test_a_client_sends_so_many_events_and_no_more_to_all_nodes(redis: RedisServer) -> None:
    limits = Limits(events_per_second=1, events_burst=12)
    async with nodes(redis.cluster(), limits=limits) as (here, there):
        async with members(("Ada", here), ("Ada", there), ("Ada", there), ("Bob", there)) as people:
            *connections, bob = people
            await until(lambda: len(there.people.get_connected_sockets()) == 3)
            acks = [await ada.call("say", "hi") for ada in connections for _ in range(6)]
            assert (
                12 <= [ack["ok"] for ack in acks].count(True) + 1 <= 14
            )  # One or two in the time that it takes.
            assert {ack["error"]["code"] for ack in acks if not ack["ok"]} == {"rate_limited"}
            assert (await bob.call("say", "hi"))["ok"]
        # Alone on one node, it may have all of that there; to connect counts, too.
        async with members(("Ada", here)) as (ada,):
            entries = engine_of(here.people).roster.entries
            await until(lambda: "Ada" in here.people.connected_clients)
            await until(lambda: entries["/people", "Ada"].nodes == 1)
            assert [(await ada.call("say", "hi"))["ok"] for _ in range(11)] == [True] * 11


async def test_a_client_of_several_nodes_sends_something_however_low_the_limit(redis: RedisServer) -> None:
    limits = Limits(events_per_second=1, events_burst=1)
    async with (
        nodes(redis.cluster(), limits=limits) as (here, there),
        members(("Ada", here), ("Ada", there)) as people,
    ):
        await asyncio.sleep(1)  # Of which joining has taken all.
        assert [(await ada.call("say", "hi"))["ok"] for ada in people] == [True, True]


async def test_half_a_character_is_a_name_of_nobody(redis: RedisServer) -> None:
    """Clients can send it, and listeners look it up: that must not take Redis away from all others."""
    async with nodes(redis.cluster()) as (here, there):
        here.people.published_metadata = None
        assert not await here.people.is_online("\ud800")
        with pytest.raises(ValueError, match="surrogates not allowed"):
            await here.people.send_to_client("\ud800", undeclared("news"))
        async with members(("Ada\ud800", here)):
            assert await there.online() == {"Ada\ud800": 1}
        await until_told([("came", "Ada\ud800"), ("went", "Ada\ud800")], here, there)
        assert (here.link.outages, there.link.outages) == (0, 0)


@pytest.mark.parametrize("apart", [True, False])
async def test_who_leaves_without_an_answer_is_not_waited_for(redis: RedisServer, apart: bool) -> None:
    async with nodes(redis.cluster()) as (here, there):
        where = there if apart else here
        async with members(("Ada", where), ("Ada", where)) as (tab, phone):
            heard, never = asyncio.Event(), asyncio.Event()

            async def keep_silent(*_: object) -> None:
                heard.set()
                await never.wait()

            tab._socket.on("where", keep_silent, namespace="/people")
            phone.answer("where", "out")
            await until_online({"Ada": 2}, here)
            with within(5):
                asked = asyncio.create_task(here.people.call_client("Ada", question("where"), timeout_s=20))
                await heard.wait()
                await tab.disconnect()
                assert await asked == ["out"]
            never.set()


async def test_what_looks_like_a_placeholder_is_an_answer_like_any_other(redis: RedisServer) -> None:
    async with nodes(redis.cluster()) as (here, there), members(("Ada", there)) as (ada,):
        for answer in ({"_placeholder": True, "num": 0}, {"_placeholder": False, "b": b"0"}):
            ada.answer("where", answer)
            assert await here.people.call_client("Ada", question("where"), timeout_s=2) == [answer]


async def test_two_projects_in_one_redis_do_not_know_of_each_other(redis: RedisServer) -> None:
    async with (
        nodes(redis.cluster("one"), 1) as (one,),
        nodes(redis.cluster("other"), 1) as (other,),
        members(("Ada", one), ("Ada", other)) as (ada, namesake),
    ):
        assert await one.online() == await other.online() == {"Ada": 1}
        assert await one.people.send_to_client("Ada", undeclared("news"), 1) == 1
        await one.people.broadcast(undeclared("news"), 2)
        assert [await ada.hears("news"), await ada.hears("news")] == [1, 2]
        assert namesake.unheard == []


async def test_a_renewed_token_renews_what_all_know(redis: RedisServer) -> None:
    async with nodes(redis.cluster()) as (here, there), members(("Ada", here)) as (ada,):
        here.people.published_metadata = lambda person: {"shown": "anew"}
        assert (await ada.call("renewToken", "Ada"))["ok"]
        assert await there.people.presence("Ada") == Presence("Ada", {"shown": "anew"}, 1)


async def test_a_node_that_stops_leaves_nothing_behind(redis: RedisServer) -> None:
    cluster = redis.cluster()
    async with nodes(cluster, 1) as (stays,):
        async with nodes(cluster, 1) as (stops,), members(("Ada", stops), ("Bob", stays)):
            pass
        assert await stays.people.count_online() == OnlineCount(0, 0)
        assert redis.subscriptions(cluster) == 1
    redis.ask("DEL", "tests:buried:/people,Ada", "tests:buried:/people,Bob")  # They end by themselves.
    assert redis.ask("KEYS", "*") == "*1 $11 tests:epoch"
    assert sorted(stops.told + stays.told) == [
        ("came", "Ada"),
        ("came", "Bob"),
        ("went", "Ada"),
        ("went", "Bob"),
    ]
