"""Who is online, wherever they are connected: each node says in Redis whom it has.

What a node knows of its own clients is never lost: when Redis is back, it hears what it has missed or, when
it has lost everything, all of it. A node that does not renew its lease is taken for dead by the others, who
tell that its clients went.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from ...core.results import Unavailable
from ...core.transport import Handler, OnlineCount, Presence
from ..roster import Entry, Roster, presence_of
from .directory import Announce, Directory, Lease
from .tasks import Tasks
from .waiting import NotAsked, When

log = logging.getLogger(__name__)

# Of the lease: a node is missed after the first; the others look once in the second. Together, within it.
LEASE_PART: Final = 0.75
RENEWAL_PART: Final = 0.125
# When Redis has lost everything, how long until each node knows, and has begun to say whom it has.
SETTLING_S: Final = 3.0
REAPED_AT_ONCE: Final = 200
SAID_AT_ONCE: Final = 200


class ClusterRoster(Roster):
    """
    Args:
        most: How many connections a client may have, in one namespace, on all nodes.
        lease_s: After how long a node that is silent is taken for dead.
        handlers: By namespace.
    """

    directory: Directory

    def __init__(self, most: int, lease_s: float, handlers: Mapping[str, Handler]) -> None:
        super().__init__(most)
        self.nodes = 0
        self.is_known = False  # Redis has this node's lease: it does not refuse.
        self._lease_ms = round(lease_s * LEASE_PART * 1000)
        self._lease_s = lease_s
        self._kept_at_s = 0.0
        self._all_have_said = asyncio.Event()  # Whom they have: all nodes.
        self._handlers = handlers
        self._untold: dict[tuple[str, str], Entry] = {}  # Redis does not know them as they are.
        self._gone: dict[tuple[str, str], Entry] = {}  # Redis knew nothing of them: it may have lost that.
        self._epoch: bytes | None = None
        self._settled = True
        self._has_said = False
        self._tasks = Tasks()
        self._living: asyncio.Task[None] | None = None

    async def enter(self, handler: Handler, key: str, published: bytes) -> Entry | None:
        entry = self.count(handler, key, published)
        if entry is None:
            return None
        try:
            event = await self._say(entry, most=self.most, when="soon")
        except BaseException:
            self.leave(handler, key)
            raise
        if event == "full":
            self.leave(handler, key)
            return None
        return entry

    def leave(self, handler: Handler, key: str) -> None:
        self._tasks.begin(self._say(self.discount(handler, key)))

    def publish(self, handler: Handler, key: str, published: bytes) -> None:
        super().publish(handler, key, published)
        if entry := self.entries.get((handler.namespace, key)):
            self._tasks.begin(self._say(entry))

    def count(self, handler: Handler, key: str, published: bytes) -> Entry | None:
        entry = super().count(handler, key, published)
        client = (handler.namespace, key)
        untold = self._untold.get(client) or (None if self._settled else self._gone.get(client))
        if entry is not None and untold is not None:
            entry.announced = entry.announced or untold.announced
            entry.unsure = entry.unsure or untold.unsure
        return entry

    async def online(self, namespace: str) -> Mapping[str, Presence]:
        return {presence.key: presence async for presence in self.directory.online(namespace)}

    async def presence(self, namespace: str, key: str) -> Presence | None:
        found = await self.directory.find(f"{namespace},{key}")
        return presence_of(key, found[1], found[0]) if found else None

    async def count_online(self, namespace: str) -> OnlineCount:
        return await self.directory.count(namespace)

    def share(self, namespace: str, key: str, nodes: int) -> None:
        """So many nodes have connections of a client."""
        if entry := self.entries.get((namespace, key)):
            entry.nodes = nodes

    async def _say(self, entry: Entry, *, most: int = 0, when: When = "whenever") -> str:
        """Have Redis know how many connections the client has here now, and tell what comes of it."""
        client = (entry.handler.namespace, entry.key)
        now = self.entries.get(client)
        connections = now.connections if now else 0
        announce: Announce = "again" if entry.unsure else "now"
        if connections and (entry.announced or not self._settled):
            announce = "known" if entry.announced else "later"
        try:
            change = await self.directory.set(
                ",".join(client), connections, entry.published, most=most, announce=announce, when=when
            )
        except (Unavailable, asyncio.CancelledError) as error:
            entry.unsure = entry.unsure or not isinstance(error, NotAsked)
            self._remember(client, entry)
            if isinstance(error, Unavailable):
                return "nothing"
            raise
        now = self.entries.get(client)
        if connections == (now.connections if now else 0):
            self._untold.pop(client, None)
        entry.unsure = False
        self.share(*client, max(1, change.nodes))
        if change.event in ("came", "went"):
            count = change.others + connections
            presence = presence_of(entry.key, change.published, count)
            self.tell(entry.handler, presence, came=change.event == "came")
        if change.event == "unknown" and entry.announced:
            self._gone[client] = entry
        if announce in ("now", "again") and change.event != "full":
            entry.announced = True
        return change.event

    def _remember(self, client: tuple[str, str], entry: Entry) -> None:
        """What is to be said when Redis is back: nothing of who came and went meanwhile."""
        if client in self.entries or entry.announced or entry.unsure:
            self._untold[client] = entry
        else:
            self._untold.pop(client, None)

    def turned(self, up: bool) -> None:
        """Redis is there, or is not any more."""
        self.is_known = False
        if self._living is not None:
            self._living.cancel()
        self._living = asyncio.create_task(self._live()) if up else None

    async def finish(self, limit_s: float) -> None:
        await self._tasks.finish(limit_s)
        await super().finish(limit_s)

    async def close(self) -> None:
        """Be a node no longer: others need not wait for the end of the lease."""
        self.turned(False)
        with suppress(Unavailable):
            await self.directory.resign()

    async def _live(self) -> None:
        """Go on having a lease, and look after nodes that have none any more."""
        since_s = time.monotonic()
        while True:
            try:
                lease = await self._renew()
                # Not at once: while Redis was away, nobody could renew theirs.
                if time.monotonic() - since_s >= self._lease_s:
                    for node in lease.ended:
                        await self._reap(node)
            except Unavailable:
                # When Redis is away, this ends, and begins again when it is back. What it refuses to do for
                # this node, it may refuse to all.
                since_s = time.monotonic()
                self.is_known = False
            except Exception:
                log.exception("the lease was not renewed as it should be")
            await asyncio.sleep(self._lease_s * RENEWAL_PART)

    async def _renew(self) -> Lease:
        # The answer may be lost: only with the next one it is known to have been heard.
        has_said, self._has_said = self._has_said, False
        self._kept_at_s = time.monotonic()
        lease = await self.directory.renew(self._lease_ms, secrets.token_hex(8), has_said=has_said)
        self.nodes, self.is_known = lease.nodes, True
        if lease.returning:
            self._all_have_said.clear()
        else:
            self._all_have_said.set()
        if self._epoch not in (None, lease.epoch):
            await self._restore()
        elif not lease.was_kept:
            # The others have told that all who are here went.
            for entry in self.entries.values():
                entry.announced = False
            await self._say_all(list(self.entries.values()))
        self._has_said = True
        self._epoch = lease.epoch
        if self._settled:
            self._gone.clear()  # Another node has told of them.
            await self._say_all(list(self._untold.values()))
        return lease

    async def _keep_lease(self) -> None:
        """While something takes long: the others are not to take this node for dead."""
        if time.monotonic() - self._kept_at_s > self._lease_s * RENEWAL_PART:
            self._kept_at_s = time.monotonic()
            await self.directory.keep(self._lease_ms)

    async def _restore(self) -> None:
        """Redis has lost what it knew, or has it as it was before: say whom we have.

        Who came or went meanwhile is told when all have.
        """
        log.warning("Redis is another one, or has lost what it knew: who is online is put together again")
        self._settled = False
        self._gone |= self._untold
        self._untold = {}
        while await self.directory.forget(REAPED_AT_ONCE):
            await self._keep_lease()
        self._tasks.begin(self._settle())
        await self._say_all(list(self.entries.values()))

    async def _settle(self) -> None:
        await asyncio.sleep(SETTLING_S)
        await self._all_have_said.wait()
        self._settled = True
        gone, self._gone = self._gone, {}
        await self._say_all([entry for entry in self.entries.values() if not entry.announced])
        for client, entry in gone.items():
            if client in self.entries or not entry.announced:
                continue
            with suppress(Unavailable):
                if await self.directory.bury(",".join(client)):
                    self.tell(entry.handler, entry.presence(), came=False)

    async def _say_all(self, entries: Sequence[Entry]) -> None:
        for start in range(0, len(entries), SAID_AT_ONCE):
            await asyncio.gather(*map(self._say, entries[start : start + SAID_AT_ONCE]))
            await self._keep_lease()

    async def _reap(self, node: str) -> None:
        """Remove the clients of a node that has died: each is told of by the node that removed it."""
        while reaped := await self.directory.reap(node, REAPED_AT_ONCE):
            log.warning("node %s has died: %d clients went with it", node, len(reaped.went))
            for client, published in reaped.went:
                namespace, _, key = client.partition(",")
                if handler := self._handlers.get(namespace):
                    self.tell(handler, presence_of(key, published, 0), came=False)
            if not reaped.more:
                return
            await self._keep_lease()
