"""Redis has forgotten something, or remembers too much, or refuses: who is online all the same."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from app.engine.cluster import roster
from tests.cluster.nodes import Node, members, nodes, told, until_online, until_told, until_up
from tests.cluster.redis_server import RedisServer
from tests.cluster.slow_network import slow_network
from tests.core.behind import engine_of, until
from tests.core.people import joined


def roster_of(node: Node) -> Any:
    return engine_of(node.people).roster


async def enter_many(node: Node, count: int) -> None:
    """Clients without connections: what is of interest is what Redis is told of them."""
    handler = engine_of(node.people).handlers["/people"]
    await asyncio.gather(*(roster_of(node).enter(handler, f"client {n}", b"{}") for n in range(count)))


async def test_redis_comes_back_with_what_it_had_a_while_ago(redis: RedisServer) -> None:
    """As it does by default, from its last snapshot; and so does a replica that was behind."""
    async with nodes(redis.cluster()) as (here, there), members(("Ada", here), ("Bob", there)) as (_, bob):
        came = [("came", "Ada"), ("came", "Bob")]
        await until_told(came, here, there)
        redis.ask("SAVE")
        await bob.disconnect()
        async with members(("Cleo", there)):
            await until_told([*came, ("went", "Bob"), ("came", "Cleo")], here, there)
            redis.kill()
            redis.start()
            await until_up(here, there)
            await asyncio.sleep(roster.SETTLING_S + 0.5)
            assert await here.online() == {"Ada": 1, "Cleo": 1}
            assert told(here, there) == sorted([*came, ("went", "Bob"), ("came", "Cleo")])


async def test_who_leaves_before_it_is_known_that_redis_has_lost_everything(redis: RedisServer) -> None:
    async with nodes(redis.cluster()) as (here, there), members(("Bob", there)):
        async with members(("Ada", here)):
            await until_told([("came", "Ada"), ("came", "Bob")], here, there)
            redis.ask("FLUSHALL")
        await until_told([("came", "Ada"), ("came", "Bob"), ("went", "Ada")], here, there, within_s=6)
        assert await here.online() == {"Bob": 1}


async def test_who_comes_and_goes_while_redis_is_away_is_not_remembered(redis: RedisServer) -> None:
    async with nodes(redis.cluster(), 1) as (node,):
        redis.kill()
        await until(lambda: not node.link.up)
        for number in range(3):
            async with members((f"Guest {number}", node)):
                pass
        await until(lambda: not roster_of(node).entries)
        assert roster_of(node)._untold == {}
        redis.start()


@asynccontextmanager
async def cut_off(port: int, command: bytes, cuts: list[str]) -> AsyncIterator[int]:
    """A port of the same Redis, where a connection that brings this command is cut, as often as is listed."""
    writers: list[asyncio.StreamWriter] = []

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, far_writer))

        async def back() -> None:
            while data := await far_reader.read(65536):
                writer.write(data)

        passing_back = asyncio.create_task(back())
        while data := await reader.read(65536):
            if cuts and command in data:
                cuts.pop()
                break
            far_writer.write(data)
        passing_back.cancel()
        writer.close()
        far_writer.close()

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()


async def test_redis_goes_away_again_while_it_is_told_what_it_has_missed(redis: RedisServer) -> None:
    cuts: list[str] = []
    async with cut_off(redis.port, b"\r\nset\r\n", cuts) as port:
        cluster = replace(redis.cluster(), url=f"redis://127.0.0.1:{port}")
        async with nodes(cluster, 1) as (node,), nodes(redis.cluster(), 1) as (other,):
            await until_up(node, other)
            async with joined(node.url, "Bob") as bob:
                await until_told([("came", "Bob")], node)
                await until_online({"Bob": 1}, other)
                cuts.extend(("Ada comes", "which is said again"))
                async with members(("Ada", node)):
                    await until(lambda: not cuts)
                    await until_online({"Ada": 1, "Bob": 1}, other)
                    cuts.extend(("Bob goes", "which is said again"))
                    await bob.disconnect()
                    await until(lambda: not cuts)
                    await until_online({"Ada": 1}, other)
            await until_online({}, other)


async def test_a_node_that_has_much_to_say_keeps_its_lease(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = redis.cluster(lease_s=2)
    async with nodes(cluster, 1) as (watcher,), slow_network(redis.port, 0.05) as port:
        slow = replace(cluster, url=f"redis://127.0.0.1:{port}")
        async with nodes(slow, 1) as (talker,):
            await until_up(watcher, talker)
            await enter_many(talker, 25)
            await asyncio.sleep(2)  # Before, the watcher takes nobody for dead.
            monkeypatch.setattr(roster, "SAID_AT_ONCE", 1)
            redis.ask("FLUSHALL")
            await until(lambda: not roster_of(talker)._settled)
            await until(lambda: roster_of(talker)._has_said)
            await asyncio.sleep(0.5)
            assert (len(talker.told), watcher.told) == (25, [])
            assert (await watcher.people.count_online()).clients == 25


async def test_when_redis_has_taken_no_lease_for_a_while_nobody_is_dead(redis: RedisServer) -> None:
    """As it refuses all that would change something when its disk is full, or its replicas are gone."""
    cluster = redis.cluster(lease_s=3)
    async with nodes(cluster, 1) as (here,), members(("Ada", here)):
        await asyncio.sleep(0.15)  # So that the one looks well before the other one does.
        async with nodes(cluster, 1) as (there,), members(("Bob", there)):
            await until_told([("came", "Ada"), ("came", "Bob")], here, there)
            redis.ask("CONFIG", "SET", "min-replicas-to-write", "1")
            await asyncio.sleep(3.2)
            redis.ask("CONFIG", "SET", "min-replicas-to-write", "0")
            await asyncio.sleep(1)
            assert told(here, there) == [("came", "Ada"), ("came", "Bob")]
            assert await here.online() == {"Ada": 1, "Bob": 1}


async def test_what_nobody_waits_for_any_more_is_not_done(redis: RedisServer) -> None:
    """Nobody would hear that a client went, when a node that stops has had no time for all of it."""
    async with slow_network(redis.port, 0.1) as port:
        slow = replace(redis.cluster(), url=f"redis://127.0.0.1:{port}")
        async with nodes(slow, 1) as (node,):
            await until_up(node)
            sent, waiting = node.link.ask("SET", "one", "1"), node.link.ask("SET", "two", "2")
            await asyncio.sleep(0.05)
            late = node.link.ask("SET", "late", "3")
            late.cancel()
            await asyncio.gather(sent, waiting, node.link.ask("PING"))
            assert redis.ask("EXISTS", "one", "two") == ":2"
            assert redis.ask("EXISTS", "late") == ":0"


async def test_a_going_that_could_not_be_told_is_not_told_of_who_is_there_again(redis: RedisServer) -> None:
    """As after Redis stood still: what came of the first words of both nodes is asked for later."""
    async with nodes(redis.cluster()) as (here, there):
        one, other = roster_of(here).directory, roster_of(there).directory
        assert (await one.set("/people,Ada", 1, b"{}")).event == "came"
        assert (await one.set("/people,Ada", 0, b"{}")).event == "went"
        assert (await one.set("/people,Ada", 0, b"{}", announce="again")).event == "went"
        assert (await other.set("/people,Ada", 1, b"{}")).event == "came"
        assert (await one.set("/people,Ada", 0, b"{}", announce="again")).event == "unknown"
        # Nor does it keep another node from telling that she goes again.
        await other.forget(10)
        assert await one.bury("/people,Ada")
