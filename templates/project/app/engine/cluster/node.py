"""One server of a cluster: its link to Redis, and what takes part in it."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from ...core.transport import Handler
from ..limits import Limits
from ..metrics import Metrics
from .address import Cluster
from .counts import Counts
from .directory import SCRIPT, Directory
from .inbox import Inbox
from .link import TIMEOUT_S, Link
from .rooms import ClusterRooms
from .roster import SETTLING_S, ClusterRoster
from .tasks import Tasks


class Node:
    """
    Args:
        handlers: By namespace; those that are yet to come, too.
    """

    def __init__(
        self, cluster: Cluster, limits: Limits, metrics: Metrics, handlers: Mapping[str, Handler]
    ) -> None:
        self.rooms = ClusterRooms(cluster.url, cluster.prefix)
        self.roster = ClusterRoster(limits.connections_per_client, cluster.lease_s, handlers)
        self._inbox = Inbox(self.rooms, self.roster, handlers)
        channels = (cluster.prefix, self.rooms.to_all, self.rooms.channel_of(self.rooms.node))
        self._link = Link(
            self.rooms.connection,
            cluster.shown,
            channels,
            SCRIPT,
            (cluster.prefix, "check"),
            self._inbox.take,
            self._turned,
        )
        self.rooms.directory = self.roster.directory = Directory(self._link, cluster.prefix, self.rooms.node)
        metrics.registry.register(Counts(self._link, self._inbox, self.roster))
        self._tasks = Tasks()
        self._is_up = asyncio.Event()

    @property
    def up(self) -> bool:
        """Whether Redis answers, and does what it is asked to."""
        return self._link.up and self.roster.is_known

    async def start(self) -> None:
        """Take part; when Redis is not there, as soon as it is."""
        self._tasks.begin(self.rooms.listen())
        self._link.start()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_up.wait(), TIMEOUT_S)

    async def stop(self) -> None:
        """For a server that has no clients any more."""
        await self.roster.close()
        self._inbox.stop()
        self._tasks.cancel()
        await self._link.close()

    def _turned(self, up: bool) -> None:
        self.roster.turned(up)
        if up:
            self._is_up.set()
            self._tasks.begin(self._spread_dismissals())

    async def _spread_dismissals(self) -> None:
        await asyncio.sleep(SETTLING_S)  # The others must be there to hear of them.
        await self.rooms.spread_dismissals()
