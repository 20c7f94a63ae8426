"""One client in one namespace, and the calls about it: one at a time, in the order they were posted."""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine

from ..core.transport import Handler
from . import log_context
from .connection import Connection

log = logging.getLogger(__name__)


class Session:
    """The connection between an Engine.IO socket and a namespace.

    Args:
        sid: Its Socket.IO id, of this namespace only.
        eio_sid: The id of the Engine.IO socket, which other namespaces may share; so with `connection`.
        busy: Has this session in it for as long as there is a call to make.
    """

    def __init__(
        self, sid: str, eio_sid: str, handler: Handler, connection: Connection, busy: "set[Session]"
    ) -> None:
        self.sid = sid
        self.eio_sid = eio_sid
        self.handler = handler
        self.connection = connection
        self.accepted = False
        self.closed = False
        self.client_key: str | None = None  # Until the middleware has accepted it.
        self.worker: asyncio.Task[None] | None = None
        self._calls: deque[tuple[Coroutine[None, None, None], int]] = deque()
        self._queued_bytes = 0
        self._busy = busy
        connection.joined()

    def has_room_for(self, size: int) -> bool:
        """Whether an event of this many bytes may wait, beside those that wait already.

        Raises:
            BadPacket: As `Connection.refuse` does.
        """
        limits = self.connection.limits
        has_room = (
            len(self._calls) < limits.max_queued_events
            and self._queued_bytes + size <= limits.max_queue_bytes
        )
        if not has_room:
            self.connection.refuse(f"{len(self._calls)} events wait to be handled")
        return has_room

    def post(self, call: Coroutine[None, None, None], size: int = 0) -> None:
        """Run `call` after all that was posted before."""
        self._calls.append((call, size))
        self._queued_bytes += size
        if self.worker is None:
            self._busy.add(self)
            self.connection.began()
            self.worker = asyncio.create_task(self._work())

    def discard(self) -> None:
        """Drop the calls that have not begun."""
        while self._calls:
            self._next().close()

    def hurry(self) -> None:
        """Cancel the call that runs, and drop those after it, but for the last one: the farewell."""
        while len(self._calls) > 1:
            self._next().close()
        if self.worker is not None:
            self.worker.cancel()

    def _next(self) -> Coroutine[None, None, None]:
        call, size = self._calls.popleft()
        self._queued_bytes -= size
        return call

    async def _work(self) -> None:
        while self._calls:
            # Anew for each call: the task that posted it may be about another client.
            log_context.begin(namespace=self.handler.namespace, sid=self.sid)
            if self.client_key is not None:
                log_context.add(client=self.client_key)
            try:
                await self._next()
            except asyncio.CancelledError:
                log.warning("%s: a call was cancelled", self.handler.namespace)
            except Exception:
                log.exception("%s: a call failed", self.handler.namespace)
        self.worker = None
        self._busy.discard(self)
        self.connection.finished()
