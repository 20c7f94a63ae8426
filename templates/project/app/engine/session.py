"""One client in one namespace, and the calls about it: one at a time, in the order they were posted."""

import asyncio
import logging
from collections.abc import Coroutine

from ..core.transport import Handler
from . import log_context
from .connection import Connection
from .roster import Entry

log = logging.getLogger(__name__)


class Session:
    """The connection between an Engine.IO socket and a namespace.

    Args:
        sid: Its Socket.IO id, of this namespace only.
        connection: What other namespaces may share with it.
        busy: Has this session in it for as long as there is a call to make.
    """

    __slots__ = (
        *("_busy", "_calls", "accepted", "closed", "connection", "entry", "handler", "sid", "worker"),
    )

    def __init__(self, sid: str, handler: Handler, connection: Connection, busy: "set[Session]") -> None:
        self.sid = sid
        self.handler = handler
        self.connection = connection
        self.accepted = False
        self.closed = False
        self.entry: Entry | None = None  # Until the middleware has accepted it.
        self.worker: asyncio.Task[None] | None = None
        self._calls: list[tuple[Coroutine[None, None, None], int]] = []
        self._busy = busy
        connection.joined(self)

    @property
    def client_key(self) -> str | None:
        return None if self.entry is None else self.entry.key

    def post(self, call: Coroutine[None, None, None], size: int = 0) -> None:
        """Run `call` after all that was posted before.

        Args:
            size: How many bytes it keeps until then.
        """
        self._calls.append((call, size))
        self.connection.unhandled += 1
        self.connection.unhandled_bytes += size
        if self.worker is None:
            self._busy.add(self)
            self.worker = asyncio.get_running_loop().create_task(self._work())

    def discard(self) -> None:
        """Drop the calls that have not begun, but for the farewell of one that is closed: its last one."""
        while len(self._calls) > self.closed:
            call, size = self._calls.pop(0)
            call.close()
            self.connection.handled(size)

    def hurry(self) -> None:
        """Cancel the call that runs, and drop those after it, but for the farewell."""
        self.discard()
        if self.worker is not None:
            self.worker.cancel()

    async def _work(self) -> None:
        while self._calls:
            call, size = self._calls.pop(0)
            # Anew for each call: the task that posted it may be about another client.
            log_context.begin((self.handler.namespace, self.sid, self.client_key))
            try:
                await call
            except asyncio.CancelledError:
                log.warning("%s: a call was cancelled", self.handler.namespace)
            except Exception:
                log.exception("%s: a call failed", self.handler.namespace)
            # Not before: it has held what its client sent, also if that has left meanwhile.
            self.connection.handled(size)
        self.worker = None
        self._busy.discard(self)
