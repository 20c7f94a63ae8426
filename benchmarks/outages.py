"""`python benchmarks/outages.py`: what two servers do when Redis goes away, or one of them dies.

Prints the tables of templates/project/docs/scaling.md: how soon it is noticed, the longest that any call took
while Redis was away, how soon after its return a message crosses from one server to the other, what is left.
"""

import asyncio
import logging
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = [
    str(CHECKOUT),
    *(str(CHECKOUT / "templates/project" / each) for each in ("", "clients", "tests")),
]

from app.core import OnlineCount, SocketWrapper, Unavailable  # noqa: E402
from support import Member  # noqa: E402
from tests.cluster.nodes import Node, members, nodes  # noqa: E402
from tests.cluster.redis_server import RedisServer, redis_server  # noqa: E402
from tests.cluster.slow_network import slow_network  # noqa: E402
from tests.core.behind import until  # noqa: E402
from tests.core.noting import noting  # noqa: E402
from tests.core.people import joined  # noqa: E402
from tests.undeclared import undeclared  # noqa: E402

ROUNDS = 5
AWAY_S = 4.0
LEASE_S = 10.0
APART = CHECKOUT / "tests/cluster/apart.py"


CALLS: list[Callable[[SocketWrapper[Any]], Awaitable[object]]] = [
    lambda people: people.send_to_client("Ada", undeclared("other"), 1),
    lambda people: people.broadcast(undeclared("other"), 1),
    lambda people: people.online(),
    lambda people: people.disconnect_client("Nobody"),
]


class Figures:
    """What was measured in each round, by name, in seconds."""

    def __init__(self) -> None:
        self._measured: dict[str, list[float]] = {}

    def add(self, name: str, seconds: float) -> None:
        self._measured.setdefault(name, []).append(seconds)

    def cell(self, name: str) -> str:
        if not (found := self._measured.get(name)):
            return "never"
        return f"{statistics.median(found):.2f} s (to {max(found):.2f})"


async def outage(
    redis: RedisServer, away: Callable[[], None], back: Callable[[], None], into: Figures
) -> int:
    """One round: how many subscriptions there were afterwards."""
    cluster = redis.cluster()
    async with (
        nodes(cluster) as (here, there),
        members(("Ada", here), ("Ada", there), ("Bob", there)) as (_, _, bob),
    ):
        await until(lambda: len(there.people.get_connected_sockets()) == 2)
        await asyncio.sleep(1)
        left_s = time.monotonic()
        away()
        calls = asyncio.create_task(keep_calling(here, into))
        with suppress(AssertionError):
            await until(lambda: not here.link.up, within_s=AWAY_S)
            into.add("noticed", time.monotonic() - left_s)
        await asyncio.sleep(max(0.0, AWAY_S - (time.monotonic() - left_s)))
        back()
        back_s = time.monotonic()
        await until_heard(here, bob)
        into.add("back", time.monotonic() - back_s)
        calls.cancel()
        await asyncio.gather(calls, return_exceptions=True)
        await asyncio.sleep(1)
        if (found := await there.people.count_online()) != OnlineCount(2, 3):
            sys.exit(f"{found} are online")
        return redis.subscriptions(cluster)


async def keep_calling(node: Node, into: Figures) -> None:
    """Everything that asks Redis, again and again; the longest that it took."""
    longest_s = 0.0
    try:
        while True:
            for call in CALLS:
                began_s = time.monotonic()
                with suppress(Unavailable):
                    await call(node.people)
                longest_s = max(longest_s, time.monotonic() - began_s)
            await asyncio.sleep(0.05)
    finally:
        into.add("longest", longest_s)


async def until_heard(sender: Node, receiver: Member) -> None:
    """Send until something arrives."""
    while not any(event == "back" for event, _ in receiver.unheard):
        await sender.people.broadcast(undeclared("back"))
        await asyncio.sleep(0.02)


async def outages(redis: RedisServer) -> None:
    def cut(kind: str) -> Callable[[], None]:
        def kill() -> None:
            redis.ask("CLIENT", "KILL", "TYPE", kind)

        return kill

    def nothing() -> None:
        pass

    ways = [
        ("is killed; it comes back with nothing", redis.kill, redis.start),
        ("stands still (SIGSTOP)", redis.freeze, redis.thaw),
        ("cuts the connections that listen", cut("pubsub"), nothing),
        ("cuts the others", cut("normal"), nothing),
    ]
    print("\n| Redis | noticed after | longest call | heard after its return | subscriptions of 2 servers |")
    print("|---|---|---|---|---|")
    for name, away, back in ways:
        into = Figures()
        subscriptions = {await outage(redis, away, back, into) for _ in range(ROUNDS)}
        cells = [into.cell(each) for each in ("noticed", "longest", "back")]
        print(f"| {name} | {' | '.join(cells)} | {', '.join(map(str, subscriptions))} |", flush=True)


async def slow(redis: RedisServer) -> None:
    into = Figures()
    async with slow_network(redis.port, 0.2) as port, nodes(redis.cluster(), 1) as (near,):
        far_cluster = type(redis.cluster())(f"redis://127.0.0.1:{port}", "slow", "tests")
        async with nodes(far_cluster, 1) as (far,), members(("Ada", near), ("Ada", far)):
            await until(lambda: far.link.up and near.people.connected_clients)
            calls = asyncio.create_task(keep_calling(far, into))
            await asyncio.sleep(15)
            calls.cancel()
            await asyncio.gather(calls, return_exceptions=True)
            print(
                f"\n200 ms each way: longest call {into.cell('longest')}, {far.link.outages} outages",
                flush=True,
            )


async def deaths(redis: RedisServer, folder: Path) -> None:
    into = Figures()
    cluster = redis.cluster(lease_s=LEASE_S)
    async with nodes(cluster) as (one, other):
        await asyncio.sleep(LEASE_S)
        for number in range(1, ROUNDS + 1):
            with noting(APART, folder, redis.url, "tests", str(LEASE_S)) as dies:
                async with joined(dies.url, "Bob"):
                    await until(lambda: dies.notes[-1] == "came Bob")
                    died_s = time.monotonic()
                    dies.stop(signal.SIGKILL)
                    await until(
                        lambda number=number: len(one.told + other.told) == number, within_s=2 * LEASE_S
                    )
                    into.add("gone", time.monotonic() - died_s)
    print(
        f"\nA server is killed: its clients went after {into.cell('gone')}, told {ROUNDS} times of {ROUNDS}"
    )


async def main() -> None:
    logging.disable()
    with redis_server() as redis, tempfile.TemporaryDirectory() as folder:
        await outages(redis)
        await slow(redis)
        await deaths(redis, Path(folder))


if __name__ == "__main__":
    asyncio.run(main())
