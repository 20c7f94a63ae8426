"""Who is where, in Redis: the commands of directory.lua, with types."""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from ...core.transport import OnlineCount, Presence
from ..roster import presence_of
from .link import ENCODING_ERRORS, Link
from .waiting import When

SCRIPT: Final = Path(__file__).with_suffix(".lua").read_text()

Announce: TypeAlias = Literal["now", "again", "known", "later"]


class Change(NamedTuple):
    """What became of the number of a client's connections to this node."""

    event: Literal["nothing", "unknown", "full", "came", "went"]
    others: int
    """The connections to other nodes."""
    nodes: int
    """How many nodes have it, with this one."""
    published: bytes


@dataclass(frozen=True, slots=True)
class Lease:
    """What a node learns as it goes on."""

    was_kept: bool
    epoch: bytes
    nodes: int
    ended: list[str]
    returning: int
    """The nodes that are yet to say whom they have."""


class Reaped(NamedTuple):
    """Clients that a node had which is gone."""

    more: bool
    went: list[tuple[str, bytes]]
    """Those who have no other connection, and what was published of them."""


class Directory:
    """All of these raise `Unavailable`.

    Args:
        prefix: What the names in Redis begin with.
        node: Whose view this is.
    """

    def __init__(self, link: Link, prefix: str, node: str) -> None:
        self.node = node
        self._link = link
        self._prefix = prefix

    async def set(
        self,
        client: str,
        connections: int,
        published: bytes,
        *,
        most: int = 0,
        announce: Announce = "now",
        when: When = "whenever",
    ) -> Change:
        """How many connections the node has of a client, with which there may be `most` in all."""
        answer = self._run("set", self.node, client, connections, most, announce, published, when=when)
        others, nodes, event, *went = cast(list[bytes], await answer)
        published = went[0] if went else published
        return Change(event.decode(), int(others), int(nodes), published)  # type: ignore[arg-type]

    async def tell(self, client: str, message: bytes) -> int:
        """Pass a message on to the other nodes that have a client: to how many connections."""
        return int(cast(int, await self._run("tell", self.node, client, message, message=True, when="soon")))

    async def find(self, client: str) -> tuple[int, bytes] | None:
        """How many connections a client has in all, and what is published of it."""
        found = cast(list[bytes], await self._run("find", client, when="soon"))
        return (int(found[0]), found[1]) if found else None

    async def online(self, namespace: str) -> AsyncIterator[Presence]:
        """All clients; one that comes or goes meanwhile may be among them, or not."""
        cursor = b"0"
        while True:
            cursor, *found = cast(list[bytes], await self._run("online", namespace, cursor, when="soon"))
            for key, connections, published in zip(found[::3], found[1::3], found[2::3], strict=True):
                yield presence_of(key.decode(errors=ENCODING_ERRORS), published, int(connections))
            if cursor == b"0":
                return

    async def count(self, namespace: str) -> OnlineCount:
        clients, connections = cast(list[int], await self._run("count", namespace, when="soon"))
        return OnlineCount(clients, connections)

    async def renew(self, lease_ms: int, new_epoch: str, *, has_said: bool) -> Lease:
        """Be a node for so long.

        Args:
            has_said: Since it heard that its lease was not kept, it has said whom it has.
        """
        answer = await self._run("renew", self.node, lease_ms, new_epoch, int(has_said), when="first")
        kept, epoch, nodes, ended, returning = cast(tuple[int, bytes, int, list[bytes], int], answer)
        return Lease(bool(kept), epoch, nodes, [node.decode() for node in ended], returning)

    async def keep(self, lease_ms: int) -> None:
        """Be a node for so long, unless the others have found that it is none any more."""
        await self._run("keep", self.node, lease_ms, when="first")

    async def reap(self, node: str, most: int) -> Reaped | None:
        """Remove so many of the clients of a node that is gone; None: another node has, or it is back."""
        answer = cast(list[bytes], await self._run("reap", self.node, node, most))
        if not answer:
            return None
        more, *found = answer
        went = zip(found[::2], found[1::2], strict=True)
        return Reaped(
            bool(more), [(client.decode(errors=ENCODING_ERRORS), published) for client, published in went]
        )

    async def forget(self, most: int) -> bool:
        """Have Redis forget so many of the clients of this node, untold: whether there are more."""
        return bool(await self._run("forget", self.node, most))

    async def bury(self, client: str) -> bool:
        """Whether nobody has a client, and nobody else has said so."""
        return bool(await self._run("bury", self.node, client))

    async def resign(self) -> None:
        """Be a node no longer."""
        await self._run("resign", self.node)

    def publish(self, channel: str, message: bytes, *, is_kept: bool = False) -> Awaitable[object]:
        """Say something to those who listen.

        Args:
            is_kept: It is not lost when it cannot be said now: the caller says it later.
        """
        when: When = "first" if is_kept else "whenever"
        return self._link.ask("PUBLISH", channel, message, message=not is_kept, when=when)

    def _run(
        self, command: str, *args: str | bytes | int, message: bool = False, when: When = "whenever"
    ) -> Awaitable[object]:
        return self._link.run(self._prefix, command, *args, message=message, when=when)
