"""Who is online: each client, with how many connections it has.

This one is of a single process; cluster/roster.py is of several that have Redis in common.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from ..core.transport import Handler, OnlineCount, Presence
from .rates import TokenBucket
from .turns import Turns


@dataclass(slots=True)
class Entry:
    """A client that has connections to this process."""

    handler: Handler
    key: str
    connections: int
    published: bytes
    announced: bool = False
    """Whether it has been told that it came."""
    unsure: bool = False
    """In a cluster: whether something was said of it, and the answer was lost."""
    nodes: int = 1
    """Likewise: how many have connections of it. They share what it may do."""
    events: TokenBucket | None = None
    """Made for the first event: many clients only listen."""

    def presence(self) -> Presence:
        return presence_of(self.key, self.published, self.connections)


def presence_of(key: str, published: bytes, connections: int) -> Presence:
    return Presence(key, orjson.loads(published), connections)


class Roster:
    """
    Args:
        most: How many connections a client may have, in one namespace.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.turns = Turns()
        self.entries: dict[tuple[str, str], Entry] = {}  # By namespace and key.

    async def enter(self, handler: Handler, key: str, published: bytes) -> Entry | None:
        """Count a connection of a client, unless it has too many; `leave` is for what was counted."""
        entry = self.count(handler, key, published)
        if entry is not None and not entry.announced:
            entry.announced = True
            self.tell(handler, entry.presence(), came=True)
        return entry

    def leave(self, handler: Handler, key: str) -> None:
        """A connection that was counted is gone."""
        entry = self.discount(handler, key)
        if not entry.connections:
            self.tell(handler, entry.presence(), came=False)

    def publish(self, handler: Handler, key: str, published: bytes) -> None:
        """What everybody may know of a client has changed."""
        if entry := self.entries.get((handler.namespace, key)):
            entry.published = published

    def count(self, handler: Handler, key: str, published: bytes) -> Entry | None:
        """Likewise, for this process alone; None: it has too many."""
        entry = self.entries.get((handler.namespace, key))
        if entry is None:
            entry = self.entries[handler.namespace, key] = Entry(handler, key, 0, published)
        if entry.connections >= self.most:
            return None
        entry.connections += 1
        entry.published = published
        return entry

    def discount(self, handler: Handler, key: str) -> Entry:
        entry = self.entries[handler.namespace, key]
        entry.connections -= 1
        if not entry.connections:
            del self.entries[handler.namespace, key]
        return entry

    def tell(self, handler: Handler, presence: Presence, *, came: bool) -> None:
        """Have the application know, in its turn, that a client came or went."""
        if handler.watches_presence:
            tell = handler.came if came else handler.went
            self.turns.post(f"{handler.namespace},{presence.key}", tell(presence), came=came)

    async def finish(self, limit_s: float) -> None:
        """Tell what is to be told, but for what takes longer than that."""
        await self.turns.finish(limit_s)

    async def online(self, namespace: str) -> Mapping[str, Presence]:
        found = [entry for (where, _), entry in self.entries.items() if where == namespace]
        return {entry.key: entry.presence() for entry in found}

    async def presence(self, namespace: str, key: str) -> Presence | None:
        entry = self.entries.get((namespace, key))
        return entry.presence() if entry else None

    async def count_online(self, namespace: str) -> OnlineCount:
        connections = [entry.connections for (where, _), entry in self.entries.items() if where == namespace]
        return OnlineCount(len(connections), sum(connections))
