"""Nodes of a cluster, with people who are told of."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

from app.core import Client, Presence, SocketWrapper
from app.engine import Cluster, Limits
from support import Member, serving
from tests.core.behind import engine_of, until
from tests.core.people import GENEROUS, Person, joined, people_wrapper
from tests.undeclared import undeclared


class Node:
    """One server in this process, and what its application is told."""

    def __init__(self) -> None:
        self.url = ""
        self.told: list[tuple[str, str]] = []
        self.people = people_wrapper()
        self.people.published_metadata = lambda person: {"shown": person.name.upper()}
        self.people.on_client_online = self._came
        self.people.on_client_offline = self._went
        self.people.listener("say")(on_say)

    async def online(self) -> dict[str, int]:
        """How many connections each has."""
        return {key: who.connections for key, who in (await self.people.online()).items()}

    @property
    def link(self) -> Any:
        """Its way to Redis."""
        return engine_of(self.people).manager.directory._link

    async def _came(self, wrapper: SocketWrapper[Person], presence: Presence) -> None:
        self.told.append(("came", presence.key))

    async def _went(self, wrapper: SocketWrapper[Person], presence: Presence) -> None:
        self.told.append(("went", presence.key))


async def on_say(wrapper: SocketWrapper[Person], client: Client[Person], person: Person, text: str) -> None:
    await wrapper.broadcast_except_client(client.key, undeclared("said"), text)


@asynccontextmanager
async def nodes(cluster: Cluster, count: int = 2, *, limits: Limits = GENEROUS) -> AsyncIterator[list[Node]]:
    """So many servers that are one."""
    async with AsyncExitStack() as stack:
        made = [Node() for _ in range(count)]
        for node in made:
            node.url = await stack.enter_async_context(serving(node.people, limits=limits, cluster=cluster))
        await until(lambda: all(node.link.up or node.link._outage for node in made))
        yield made


@asynccontextmanager
async def members(*where: tuple[str, Node]) -> AsyncIterator[list[Member]]:
    """People, each of whom is connected to a node, for as long as the block lasts."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(joined(node.url, name)) for name, node in where]


async def until_online(expected: dict[str, int], node: Node, *, within_s: float = 5) -> None:
    """Wait until a node says that these are online, with so many connections."""
    deadline = asyncio.get_running_loop().time() + within_s
    while (found := await node.online()) != expected:
        assert asyncio.get_running_loop().time() < deadline, f"{found}, not {expected}"
        await asyncio.sleep(0.02)


def told(*nodes: Node) -> list[tuple[str, str]]:
    """What all of them were told, in alphabetical order."""
    return sorted(event for node in nodes for event in node.told)


async def until_up(*nodes: Node, within_s: float = 5) -> None:
    await until(lambda: all(node.link.up for node in nodes), within_s=within_s)


async def until_told(events: list[tuple[str, str]], *nodes: Node, within_s: float = 5) -> None:
    """Wait until just this has been told, all in all."""
    try:
        await until(lambda: told(*nodes) == sorted(events), within_s=within_s)
    except AssertionError:
        raise AssertionError(f"told was {told(*nodes)}, and not {sorted(events)}") from None


@contextmanager
def within(limit_s: float) -> Iterator[None]:
    """What is in the block takes no longer."""
    began = asyncio.get_running_loop().time()
    yield
    took = asyncio.get_running_loop().time() - began
    assert took < limit_s, f"it took {took:.2f} s"
