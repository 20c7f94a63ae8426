"""Rooms whose members may be connected to other nodes.

Underneath is python-socketio's own client manager for Redis: what the application calls of the library
reaches all nodes as it always did, and so does what another process emits with the library's
`AsyncRedisManager(write_only=True)`. What comes through a wrapper takes a shorter way: this node's clients
get it at once; other nodes get one message, with the event as it goes to clients; and nobody waits for Redis.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Collection, Sequence
from itertools import count
from typing import Any, Final

import socketio
from redis.asyncio.connection import AbstractConnection

from ...core.results import Unavailable
from ...core.transport import Handler, client_room
from ..calls import Call
from ..outgoing import Outgoing
from ..rooms import Rooms
from . import messages
from .directory import Directory
from .link import ENCODING_ERRORS, TIMEOUT_S

log = logging.getLogger(__name__)

# Of those that Redis is to have once it is back.
MOST_DISMISSALS: Final = 10_000
# Who is there later than that may have been let in again.
DISMISSALS_LAST_S: Final = 600.0


class ClusterRooms(socketio.AsyncRedisManager, Rooms):
    """
    Args:
        url: Where Redis is.
        prefix: The channel of the library's messages, and what the names of all others begin with.
    """

    # The library's own; it does not say of what type.
    redis: Any
    # Of the two managers underneath, only the one for Redis says None.
    can_disconnect: Any
    directory: Directory

    def __init__(self, url: str, prefix: str) -> None:
        # Of the protocol's versions, the one in which what is heard comes as an answer.
        options = {
            "socket_connect_timeout": TIMEOUT_S,
            "protocol": 2,
            "encoding_errors": ENCODING_ERRORS,
        }
        super().__init__(url, channel=prefix, redis_options=options)
        self._redis_connect()
        self.node: str = self.host_id[: messages.NODE_BYTES]
        self.to_all = f"{prefix}:all"
        self.calls: dict[int, Call] = {}
        self.of_library: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._prefix = prefix
        self._numbers = count(1)
        self._dismissals: dict[tuple[str, str], tuple[float, messages.Dismiss]] = {}

    def connection(self) -> AbstractConnection:
        """A new connection to Redis, as the URL has it, which is yet to be opened."""
        connection: AbstractConnection = self.redis.connection_pool.make_connection()
        return connection

    def channel_of(self, node: str) -> str:
        return f"{self._prefix}:node:{node}"

    def send(
        self, namespace: str, message: Outgoing, rooms: Collection[str], except_rooms: Collection[str]
    ) -> None:
        if rooms:
            parts = parts_of(message)
            others, but = tuple(rooms), tuple(except_rooms)
            head = messages.Emit(
                kind="emit", namespace=namespace, sizes=sizes(parts), rooms=others, except_rooms=but
            )
            self.directory.publish(self.to_all, messages.write(self.node, head, parts))
        self.deliver(namespace, message, rooms, except_rooms)

    async def send_to_client(self, namespace: str, key: str, message: Outgoing) -> int:
        parts = parts_of(message)
        rooms = (client_room(key),)
        head = messages.Emit(kind="emit", namespace=namespace, sizes=sizes(parts), rooms=rooms)
        others = self._tell(namespace, key, messages.write(self.node, head, parts))
        return self.deliver(namespace, message, rooms) + await others

    async def call_client(
        self, namespace: str, key: str, message: Outgoing, timeout_s: float
    ) -> list[Sequence[Any]]:
        number, call, parts = next(self._numbers), Call(), parts_of(message)
        self.calls[number] = call
        head = messages.Call(
            kind="call",
            namespace=namespace,
            sizes=sizes(parts),
            number=number,
            client=key,
            timeout_s=timeout_s,
        )
        try:
            others = self._tell(namespace, key, messages.write(self.node, head, parts))
            with self.asked(namespace, key, message, call.add) as here:
                call.expect(here + await others)
                return await call.answers(timeout_s)
        finally:
            del self.calls[number]

    async def _tell(self, namespace: str, key: str, message: bytes) -> int:
        try:
            return await self.directory.tell(f"{namespace},{key}", message)
        except Unavailable:
            return 0

    async def dismiss(self, handler: Handler, key: str, code: str, message: str) -> int:
        found = asyncio.ensure_future(self.directory.find(f"{handler.namespace},{key}"))
        head = messages.Dismiss(
            kind="dismiss", namespace=handler.namespace, client=key, code=code, message=message
        )
        spread = asyncio.ensure_future(self._spread(head, time.monotonic()))
        here = await super().dismiss(handler, key, code, message)
        await spread
        try:
            everywhere = await found
        except Unavailable:
            return here
        return max(here, everywhere[0] if everywhere else 0)

    async def _spread(self, head: messages.Dismiss, said_at_s: float) -> None:
        """Have all nodes know who has to go: somebody may be being decided about at any of them."""
        try:
            await self.directory.publish(self.to_all, messages.write(self.node, head), is_kept=True)
        except Unavailable:
            # Not lost like what people say: somebody who is to go would stay.
            if len(self._dismissals) < MOST_DISMISSALS:
                self._dismissals[head.namespace, head.client] = said_at_s, head

    async def spread_dismissals(self) -> None:
        """Those that could not be, before Redis was back."""
        dismissals, self._dismissals = self._dismissals, {}
        oldest_s = time.monotonic() - DISMISSALS_LAST_S
        if late := [key for (_, key), (said_at_s, _) in dismissals.items() if said_at_s < oldest_s]:
            log.warning("too late to disconnect them from other nodes: %d clients", len(late))
        for said_at_s, head in dismissals.values():
            if said_at_s >= oldest_s:
                await self._spread(head, said_at_s)

    # What is overridden of the library's: where its messages go, and where they come from.

    def initialize(self) -> None:
        """Called with the first client, to begin what has begun with the server."""

    async def listen(self) -> None:
        """Do what the library's own messages say; for ever."""
        await self._thread()

    async def _publish(self, data: dict[str, Any]) -> None:
        self.directory.publish(self.channel, self.json.dumps(data).encode())

    async def _listen(self) -> AsyncIterator[dict[str, Any]]:  # type: ignore[override]
        while True:
            yield await self.of_library.get()


def parts_of(message: Outgoing) -> list[bytes]:
    return [message.body, *message.attachments]


def sizes(parts: Sequence[bytes]) -> tuple[int, ...]:
    return tuple(map(len, parts))
