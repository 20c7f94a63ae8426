"""A node that dies, or stands still for too long, as the others and its clients see it."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.nodes import nodes, told, until_told, within
from tests.cluster.redis_server import RedisServer
from tests.core.behind import until
from tests.core.noting import Server, noting
from tests.core.people import joined
from tests.undeclared import undeclared

SCRIPT = Path(__file__).with_name("apart.py")
LEASE_S = 3


@contextmanager
def node_apart(redis: RedisServer, folder: Path) -> Iterator[Server]:
    """A node that can be killed."""
    with noting(SCRIPT, folder, redis.url, "tests", str(LEASE_S)) as server:
        yield server


async def test_the_clients_of_a_node_that_is_killed_go_within_its_lease(
    redis: RedisServer, tmp_path: Path
) -> None:
    with node_apart(redis, tmp_path) as dies:
        async with nodes(redis.cluster(lease_s=LEASE_S)) as (one, other), joined(one.url, "Ada"):
            # So long has been known that Redis does not only come back.
            await asyncio.sleep(LEASE_S)
            async with joined(dies.url, "Ada"), joined(dies.url, "Bob"), joined(dies.url, "Cleo"):
                assert await one.online() == {"Ada": 2, "Bob": 1, "Cleo": 1}
                dies.stop(signal.SIGKILL)
                with within(LEASE_S + 0.5):
                    await until_told([("came", "Ada"), ("went", "Bob"), ("went", "Cleo")], one, other)
                assert await other.online() == {"Ada": 1}
                assert await other.people.send_to_client("Bob", undeclared("news")) == 0
            await asyncio.sleep(1)  # Whoever tells twice would do so now.
            assert dies.notes == ["ready", "came Bob", "came Cleo"]
            assert told(one, other) == [("came", "Ada"), ("went", "Bob"), ("went", "Cleo")]
    assert redis.ask("ZCARD", "tests:nodes") == ":0"


async def test_a_node_that_stood_still_for_longer_than_its_lease_is_one_again(
    redis: RedisServer, tmp_path: Path
) -> None:
    with node_apart(redis, tmp_path) as still:
        async with nodes(redis.cluster(lease_s=LEASE_S)) as (one, other):
            await asyncio.sleep(LEASE_S)
            async with joined(still.url, "Bob") as bob:
                assert await one.online() == {"Bob": 1}
                still.process.send_signal(signal.SIGSTOP)
                await until_told([("went", "Bob")], one, other, within_s=LEASE_S + 1)
                await one.people.broadcast(undeclared("news"), "late")
                still.process.send_signal(signal.SIGCONT)
                # Its connection is still there: it has not gone after all.
                await until(lambda: still.notes.count("came Bob") == 2, within_s=3)
                assert await bob.hears("news") == "late"
                assert await other.online() == {"Bob": 1}
                assert await one.people.send_to_client("Bob", undeclared("news"), "targeted") == 1
                assert await bob.hears("news") == "targeted"
                assert bob.unheard == []
            await until(lambda: "went Bob" in still.notes, within_s=3)
            assert still.notes == ["ready", "came Bob", "came Bob", "went Bob"]
            assert told(one, other) == [("went", "Bob")]
