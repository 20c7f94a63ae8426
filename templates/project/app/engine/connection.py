"""What the server knows of an Engine.IO connection, which several namespaces may share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from .admission import Admission
from .engineio_socket import EngineSocket
from .packets import CONNECT, BadPacket, Packet, read_packet
from .rates import TokenBucket
from .request import Request
from .roster import Entry
from .timer import Timer

if TYPE_CHECKING:
    from .session import Session

# Of the rate of events: how often a client may be refused more, in the long run, before it is disconnected.
PATIENCE: Final = 0.1


class Connection:
    """Puts a client's packets together, and gives up when it is in no namespace for too long.

    Args:
        socket: The Engine.IO client; it has entered under its `origin`, and leaves when this is `closed`.
        request: What it came with.
    """

    __slots__ = (
        *("_admission", "_closed", "_events", "_greeted", "_handshakes", "_strikes", "_timer"),
        *("_warned", "half", "limits", "request", "sessions", "socket", "unhandled", "unhandled_bytes"),
    )

    def __init__(self, socket: EngineSocket, request: Request, admission: Admission) -> None:
        self.socket = socket
        self.request = request
        self.limits = admission.limits
        self.half: Packet | None = None
        self.sessions: dict[str, Session] = {}  # By namespace.
        self._handshakes: dict[str, tuple[asyncio.Lock, int]] = {}
        self._admission = admission
        self._warned = False
        self._greeted = False
        # Calls that its sessions have yet to make, and what they keep for that.
        self.unhandled = 0
        self.unhandled_bytes = 0
        self._closed = False
        # Made for the first event: many clients only listen.
        self._events: TokenBucket | None = None
        self._strikes: TokenBucket | None = None
        self._timer = Timer()
        self._wait()

    def read(self, message: str | bytes) -> Packet | None:
        """The packet that a message completes; None: attachments have yet to come.

        Raises:
            BadPacket: There is no way to go on.
        """
        packet, self.half = self.half, None
        if packet is not None:
            packet.attach(message, self.limits)
        elif isinstance(message, bytes):
            raise BadPacket("an attachment came without its packet")
        else:
            packet = read_packet(message, self.limits)
        if packet.kind == CONNECT:
            self._greeted = True
        elif not self._greeted:
            raise BadPacket("the first packet must be CONNECT")
        if not packet.missing:
            return packet
        self.half = packet
        return None

    def admits(self, size: int = 0) -> bool:
        """Count an event of this many bytes: whether it may wait for its listener, beside those that do.

        Raises:
            BadPacket: As `refuse` does.
        """
        if self._events is None:
            self._events = TokenBucket(self.limits.events_per_second, self.limits.events_burst)
        if not self._events.take():
            self.refuse(f"over {self.limits.events_per_second} events per second")
            return False
        # What sessions have left behind counts: a client can leave, join again, and send more.
        if (
            self.unhandled > self.limits.max_queued_events  # One of them does not wait any more.
            or self.unhandled_bytes + size > self.limits.max_queue_bytes
        ):
            self.refuse(f"{self.unhandled} events are not handled yet")
            return False
        return True

    def admits_of(self, client: Entry | None) -> bool:
        """Count an event of a client, which may have other connections, also to other servers.

        Raises:
            BadPacket: As `refuse` does.
        """
        if client is None or (client.connections == 1 and client.nodes == 1):
            return True  # It has this connection only, which has counted the event.
        if client.events is None:
            client.events = TokenBucket(self.limits.events_per_second, self.limits.events_burst)
        if client.events.take(client.nodes):
            return True
        self.refuse(f"over {self.limits.events_per_second} events per second, with its other connections")
        return False

    def refuse(self, why: str) -> None:
        """Count an event that is refused; the first one of a connection is logged.

        Raises:
            BadPacket: There have been too many: the client goes on though it is told.
        """
        if self._strikes is None:
            self._strikes = TokenBucket(self.limits.events_per_second * PATIENCE, self.limits.events_burst)
        if not self._strikes.take():
            raise BadPacket("too many events, though earlier ones were refused", "rate_limited")
        self._admission.refused("rate_limited", self.socket.origin, why, quietly=self._warned)
        self._warned = True

    def handled(self, size: int) -> None:
        """A session has made a call, or will not make it, for which it has kept so many bytes."""
        self.unhandled -= 1
        self.unhandled_bytes -= size
        if self._closed:
            self._leave_if_over()

    def joined(self, session: "Session") -> None:
        """A session has begun."""
        self.sessions[session.handler.namespace] = session
        self._timer.cancel()

    def left(self, session: "Session") -> None:
        """A session is over."""
        del self.sessions[session.handler.namespace]
        if not self.sessions and not self.socket.closing:
            self._wait()

    @asynccontextmanager
    async def turn(self, namespace: str) -> AsyncIterator[None]:
        """For a handshake: one at a time, also of who has left, or failures would be counted too late."""
        lock, count = self._handshakes.get(namespace) or (asyncio.Lock(), 0)
        self._handshakes[namespace] = (lock, count + 1)
        try:
            async with lock:
                yield
        finally:
            lock, count = self._handshakes.pop(namespace)
            if count > 1:
                self._handshakes[namespace] = (lock, count - 1)

    def closed(self) -> None:
        self._timer.cancel()
        self._closed = True
        self._leave_if_over()

    def _leave_if_over(self) -> None:
        # Not while events are handled that it left behind: leaving must not make room for more of them.
        if not self.unhandled:
            self._admission.leave(self.socket.origin)

    def _wait(self) -> None:
        self._timer.set(self.limits.connect_timeout_s, self._end)

    def _end(self) -> None:
        self._admission.refused("connect_timeout", self.socket.origin, "in no namespace")
        self.socket.give_up()
