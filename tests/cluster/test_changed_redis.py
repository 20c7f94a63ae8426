"""Redis is there, and is not what it was: it has no script, cuts off who is slow, or is a replica."""

import asyncio

from support import free_port
from tests.cluster.nodes import members, nodes, told, until_online, until_told, until_up
from tests.cluster.redis_server import RedisServer
from tests.core.behind import until
from tests.undeclared import undeclared


async def test_redis_forgets_the_script(redis: RedisServer) -> None:
    async with nodes(redis.cluster()) as (here, there), members(("Ada", here), ("Bob", there)) as (_, bob):
        await until_told([("came", "Ada"), ("came", "Bob")], here, there)
        redis.ask("SCRIPT", "FLUSH")
        await until(lambda: here.link.outages == there.link.outages == 1)
        await until_up(here, there)
        await until_online({"Ada": 1, "Bob": 1}, here)
        assert await here.people.send_to_client("Bob", undeclared("news"), 1) == 1
        assert await bob.hears("news") == 1
    assert told(here, there) == [("came", "Ada"), ("came", "Bob"), ("went", "Ada"), ("went", "Bob")]


async def test_redis_cuts_a_node_off_that_hears_too_slowly(redis: RedisServer) -> None:
    async with nodes(redis.cluster()) as (here, there), members(("Ada", here), ("Bob", there)) as (ada, bob):
        redis.ask("CONFIG", "SET", "client-output-buffer-limit", "'pubsub 1000 1000 1'")
        await here.people.broadcast(undeclared("news"), "x" * 1_000_000)
        await until(lambda: there.link.outages == 1)
        redis.ask("CONFIG", "SET", "client-output-buffer-limit", "'pubsub 0 0 0'")
        await until_up(here, there)
        assert await ada.hears("news") == "x" * 1_000_000
        await there.people.broadcast(undeclared("news"), 2)
        assert [await ada.hears("news"), await bob.hears("news")] == [2, 2]
        await until_online({"Ada": 1, "Bob": 1}, here)


async def test_redis_becomes_a_replica_and_is_none_again(redis: RedisServer) -> None:
    cluster = redis.cluster(lease_s=3)
    async with nodes(cluster) as (here, there), members(("Ada", here), ("Bob", there)) as (ada, bob):
        came = [("came", "Ada"), ("came", "Bob")]
        await until_told(came, here, there)
        redis.ask("REPLICAOF", "127.0.0.1", str(free_port()))
        await until(lambda: not here.link.up and not there.link.up)
        for _ in range(20):  # For longer than it takes to try again.
            await asyncio.sleep(0.1)
            assert not here.link.up
            assert not there.link.up
        await bob.disconnect()
        async with members(("Cleo", here)):
            redis.ask("REPLICAOF", "NO", "ONE")
            await until_up(here, there)
            await until_told([*came, ("came", "Cleo"), ("went", "Bob")], here, there)
            await until_online({"Ada": 1, "Cleo": 1}, there)
            assert (here.link.outages, there.link.outages) == (1, 1)
            await there.people.broadcast(undeclared("news"), 1)
            assert await ada.hears("news") == 1
