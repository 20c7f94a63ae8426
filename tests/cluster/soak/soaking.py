"""A cluster under load, whose nodes are restarted one by one."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from typing import Any, Final

from tests.cluster.redis_server import RedisServer
from tests.cluster.soak.clients import Connection, Crowd
from tests.cluster.soak.ledger import Kind, Message, Verdict, judge, miscounted, mistold
from tests.cluster.soak.nodes import NodeApart
from tests.core.behind import until

PREFIX: Final = "soak"
LEASE_S: Final = 10
CONNECTIONS_PER_USER: Final = 3
# What a second of talk is made of.
KINDS: Final[dict[Kind, int]] = {"all": 1, "all but": 1, "room": 3, "client": 5}
# How long a user stays, on average.
STAY_S: Final = 30


@dataclass(frozen=True, slots=True)
class Plan:
    clients: int = 600
    nodes: int = 3
    seconds: float = 60
    messages_per_s: float = 60
    pause_s: float = 3
    """Between the restarts of two nodes."""
    seed: int = 1

    @property
    def users(self) -> list[str]:
        return [f"user{number}" for number in range(self.clients // CONNECTIONS_PER_USER)]

    def room_of(self, user: int, number: int) -> str:
        """Of about 20 connections, of other users and on all nodes."""
        return f"room{(user + number) % max(2, self.clients // 20)}"


@dataclass
class Report:
    verdict: Verdict
    restarts: int
    connections: int
    told: Counter[str]
    faults: dict[str, list[str]] = field(default_factory=dict)
    """By what is wrong: nothing where all is well."""


async def soak(plan: Plan, redis: RedisServer, folder: Path) -> Report:
    nodes = [NodeApart(folder, redis.url, PREFIX, str(LEASE_S)) for _ in range(plan.nodes)]
    chance = random.Random(plan.seed)
    with ExitStack() as stack:
        for node in nodes:
            stack.callback(node.kill)
        await asyncio.gather(*(node.start() for node in nodes))
        crowd = Crowd([node.port for node in nodes], chance)
        for at, user in enumerate(plan.users):
            for number in range(CONNECTIONS_PER_USER):
                port = nodes[(at + number) % plan.nodes].port
                crowd.add(user, number, plan.room_of(at, number), port)
        await until(lambda: len(crowd.those_there()) == plan.clients, within_s=30)
        beside = [
            asyncio.create_task(talk(crowd, plan, chance)),
            asyncio.create_task(wander(crowd, plan, chance)),
        ]
        await restart_one_by_one(nodes, plan)
        for task in beside:
            task.cancel()
        await until_quiet(crowd, plan.clients)
        online = await ask_all_nodes(crowd, nodes)
        faults = {"count_online": misjudged(crowd, online)}
        told = [note for node in nodes for note in node.told]
        faults["told"] = mistold(told, Counter(each.heard.user for each in crowd.those_there()))
        await crowd.close()
        await asyncio.gather(*(node.stop() for node in nodes))
        told = [note for node in nodes for note in node.told]
        faults["told in the end"] = mistold(told, [])
        faults["left in Redis"] = left_in(redis)
        faults["logged"] = [line for node in nodes for line in node.warnings]
    heard = [connection.heard for connection, _ in crowd.connections]
    verdict = judge(crowd.messages, heard)
    faults |= {
        "lost": verdict.lost,
        "duplicated": verdict.duplicated,
        "wrong": verdict.wrong,
        "miscounted": miscounted(crowd.messages.values(), heard),
        "cut off": cut_off(crowd, nodes),
    }
    return Report(
        verdict,
        sum(node.restarts for node in nodes),
        len(heard),
        Counter(note.split()[0] for note in told),
        {what: found for what, found in faults.items() if found},
    )


async def talk(crowd: Crowd, plan: Plan, chance: random.Random) -> None:
    """Have somebody say something, again and again."""
    kinds, weights = list(KINDS), list(KINDS.values())
    began_s = time.monotonic()
    for id in count(1):
        await asyncio.sleep(max(0, began_s + id / plan.messages_per_s - time.monotonic()))
        sender = chance.choice(crowd.those_there())
        (kind,) = chance.choices(kinds, weights)
        to = plan.room_of(chance.randrange(plan.clients), 0) if kind == "room" else chance.choice(plan.users)
        message = crowd.messages[id] = Message(id, kind, sender.heard.user, "" if kind == "all" else to)
        sender.say(message)


async def wander(crowd: Crowd, plan: Plan, chance: random.Random) -> None:
    """Have a user leave with all connections, and come back soon."""
    while True:
        await asyncio.sleep(STAY_S / len(plan.users))
        user = chance.choice(plan.users)
        for number in range(CONNECTIONS_PER_USER):
            crowd.now[user, number].leave(abruptly=chance.random() < 0.5)


async def restart_one_by_one(nodes: list[NodeApart], plan: Plan) -> None:
    """At least once each, and for as long as it is to take."""
    ends_s = time.monotonic() + plan.seconds
    for turn, node in enumerate(cycle(nodes)):
        await asyncio.sleep(plan.pause_s)
        if turn >= len(nodes) and time.monotonic() > ends_s:
            return
        await node.restart(after_s=plan.pause_s / 3)


async def until_quiet(crowd: Crowd, clients: int) -> None:
    """Everybody is there, and nothing comes any more."""
    await until(lambda: len(crowd.those_there()) == clients, within_s=30)
    before = -1
    while before != (before := sum(len(connection.heard.at) for connection, _ in crowd.connections)):
        await asyncio.sleep(1)


async def ask_all_nodes(crowd: Crowd, nodes: list[NodeApart]) -> list[Any]:
    """What each of them says of who is online."""
    here = len(crowd.those_there())
    for number, node in enumerate(nodes):
        crowd.add(f"observer{number}", 0, "", node.port)
    await until(lambda: len(crowd.those_there()) == here + len(nodes), within_s=10)
    return await asyncio.gather(*(crowd.now[f"observer{number}", 0].who() for number in range(len(nodes))))


def misjudged(crowd: Crowd, said: Iterable[Any]) -> list[str]:
    online = Counter(each.heard.user for each in crowd.those_there())
    true = {"online": dict(online), "clients": len(online), "connections": online.total()}
    return [f"{each}, and not {true}" for each in said if each != true]


def cut_off(crowd: Crowd, nodes: list[NodeApart]) -> list[str]:
    """Those whose connection was ended, though they wanted to stay, and the node as well."""

    def is_known(connection: Connection, port: int) -> bool:
        at = connection.heard.ended_at
        away = [times for node in nodes if node.port == port for times in node.away]
        return (
            connection.left_by_itself or not connection.ended.is_set() or any(a <= at <= b for a, b in away)
        )

    return [
        str(connection.heard.user) for connection, port in crowd.connections if not is_known(connection, port)
    ]


def left_in(redis: RedisServer) -> list[str]:
    """What is there when no node is, and nobody."""
    keys = [word for word in redis.ask("KEYS", f"{PREFIX}:*").split() if word.startswith(PREFIX)]
    return [key for key in keys if key != f"{PREFIX}:epoch" and not key.startswith(f"{PREFIX}:buried:")]
