"""What the server knows of an Engine.IO connection, which several namespaces may share."""

import asyncio
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from .admission import Admission
from .packets import CONNECT, BadPacket, Packet, read_packet
from .rates import TokenBucket
from .timer import Timer

# Of the rate of events: how often a client may be refused more, in the long run, before it is disconnected.
PATIENCE: Final = 0.1


class Connection:
    """Puts a client's packets together, and gives up when it is in no namespace for too long.

    Args:
        origin: Where it comes from, for limits; it has entered there.
        give_up: Closes the connection.
    """

    def __init__(self, origin: str, admission: Admission, give_up: Callable[[], None]) -> None:
        self.origin = origin
        self.limits = limits = admission.limits
        self.half: Packet | None = None
        # By namespace: one handshake at a time, also of who has left, or failures would be counted too late.
        self.handshakes: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._admission = admission
        self._warned = False
        self._greeted = False
        self._sessions = 0
        self._unhandled = 0
        self._unhandled_bytes = 0
        self._closed = False
        self._events = TokenBucket(limits.events_per_second, limits.events_burst)
        self._strikes = TokenBucket(limits.events_per_second * PATIENCE, limits.events_burst)
        self._give_up = give_up
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

    def is_too_fast(self) -> bool:
        """Count an event: whether it has to be refused.

        Raises:
            BadPacket: As `refuse` does.
        """
        is_too_fast = not self._events.take()
        if is_too_fast:
            self.refuse(f"over {self.limits.events_per_second} events per second")
        return is_too_fast

    def refuse(self, why: str) -> None:
        """Count an event that is refused; the first one of a connection is logged.

        Raises:
            BadPacket: There have been too many: the client goes on though it is told.
        """
        if not self._strikes.take():
            raise BadPacket("too many events, though earlier ones were refused", "rate_limited")
        self._admission.refused("rate_limited", self.origin, why, quietly=self._warned)
        self._warned = True

    def has_room_for(self, size: int) -> bool:
        """Whether an event of this many bytes may wait, beside all that is not handled yet.

        Raises:
            BadPacket: As `refuse` does.
        """
        # What sessions have left behind counts: a client can leave, join again, and send more.
        has_room = (
            self._unhandled <= self.limits.max_queued_events  # One of them does not wait any more.
            and self._unhandled_bytes + size <= self.limits.max_queue_bytes
        )
        if not has_room:
            self.refuse(f"{self._unhandled} events are not handled yet")
        return has_room

    def posted(self, size: int) -> None:
        """A session has another call to make, for which it keeps this many bytes."""
        self._unhandled += 1
        self._unhandled_bytes += size

    def handled(self, size: int) -> None:
        """A session has made that call, or will not make it."""
        self._unhandled -= 1
        self._unhandled_bytes -= size
        self._leave_if_over()

    def joined(self) -> None:
        """A session has begun."""
        self._sessions += 1
        self._timer.cancel()

    def left(self) -> None:
        """A session is over."""
        self._sessions -= 1
        if not self._sessions:
            self._wait()

    def closed(self) -> None:
        self._timer.cancel()
        self._closed = True
        self._leave_if_over()

    def _leave_if_over(self) -> None:
        # Not while events are handled that it left behind: leaving must not make room for more of them.
        if self._closed and not self._unhandled:
            self._admission.leave(self.origin)

    def _wait(self) -> None:
        self._timer.set(self.limits.connect_timeout_s, self._end)

    def _end(self) -> None:
        self._admission.refused("connect_timeout", self.origin, "in no namespace")
        self._give_up()
