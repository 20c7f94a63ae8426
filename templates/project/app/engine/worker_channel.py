"""Both ends of the line on which a worker gets its connections, and says how it is getting on.

To the worker goes one byte for each connection, with its file descriptor. Back comes a report: how many it
has taken since it began, and how many it has now. Either end notices at once when the other one is gone.
"""

import asyncio
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable
from typing import Final

REPORT: Final = struct.Struct("!QI")
# Of a worker that is busy or stuck: more are for others, or have to wait for it.
MOST_UNTAKEN: Final = 128
# Since it has taken one: then it does something else, and others are the better choice.
BUSY_AFTER_S: Final = 0.5
# So that a worker also gets to serve those that it has.
TAKEN_AT_ONCE: Final = 32


class Giver:
    """The end of who accepts connections.

    A connection stays open here until it has been taken: when the worker ends before, another can have it.

    Args:
        on_ready: Called once, when the worker has sent its first report.
        on_end: Called once, when there is no worker any more, with the connections that it has not taken.
    """

    def __init__(
        self,
        channel: socket.socket,
        on_ready: Callable[[], None],
        on_end: Callable[[list[socket.socket]], None],
    ) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._on_ready = on_ready
        self._on_end = on_end
        self._untaken: deque[socket.socket] = deque()
        self._taken = 0
        self._open = 0
        self._now = asyncio.get_running_loop().time
        self._took_at = 0.0
        self._gave_at = 0.0
        self.has_reported = False
        asyncio.get_running_loop().add_reader(channel.fileno(), self._read)

    @property
    def is_ready(self) -> bool:
        return self.has_reported and self._channel.fileno() >= 0

    @property
    def rank(self) -> tuple[bool, int, float]:
        """Compared to those of others: the lowest is of who should be given the next connection."""
        is_busy = bool(self._untaken) and self._now() - self._took_at > BUSY_AFTER_S
        return is_busy, self._open + len(self._untaken), self._gave_at

    def give(self, connection: socket.socket) -> bool:
        """Whether there was room for it."""
        if sys.platform == "win32" or not self.is_ready or len(self._untaken) >= MOST_UNTAKEN:
            return False
        try:
            socket.send_fds(self._channel, [b"+"], [connection.fileno()])
        except OSError:  # There is no room; or no worker, of which _read is about to hear.
            return False
        self._gave_at = self._now()
        if not self._untaken:
            self._took_at = self._gave_at
        self._untaken.append(connection)
        return True

    def close(self) -> None:
        if self._channel.fileno() < 0:
            return
        asyncio.get_running_loop().remove_reader(self._channel.fileno())
        self._channel.close()
        self._on_end(list(self._untaken))

    def _read(self) -> None:
        try:
            reports = self._channel.recv(1_000 * REPORT.size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            reports = b""
        if not reports:
            self.close()
            return
        taken, self._open = REPORT.unpack(reports[-REPORT.size :])
        while self._taken < taken:
            self._untaken.popleft().close()
            self._taken += 1
            self._took_at = self._now()
        if not self.has_reported:
            self.has_reported = True
            self._on_ready()


class Taker:
    """The end of the worker.

    Args:
        on_connection: Called with each connection.
        on_end: Called once, when there is nobody any more to give it any.
        count: How many it has.
    """

    def __init__(
        self,
        channel: socket.socket,
        on_connection: Callable[[socket.socket], None],
        on_end: Callable[[], None],
        count: Callable[[], int],
    ) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._on_connection = on_connection
        self._on_end = on_end
        self._count = count
        self._taken = 0
        self._reported = b""
        asyncio.get_running_loop().add_reader(channel.fileno(), self._read)

    def report(self) -> None:
        """To be called first when the worker is ready, and then now and again."""
        report = REPORT.pack(self._taken, self._count())
        if report == self._reported or self._channel.fileno() < 0:
            return
        try:
            self._channel.send(report)
        except OSError:
            return  # There is no room, and the next one will say as much; or nobody, and _read hears of it.
        self._reported = report

    def close(self) -> None:
        """Take no more; what has been given will be somebody else's."""
        if self._channel.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._channel.fileno())
            self._channel.close()

    def _read(self) -> None:
        for _ in range(TAKEN_AT_ONCE):
            try:
                if not self._take():
                    self.close()
                    self._on_end()
                    return
            except (BlockingIOError, InterruptedError):
                break
        self.report()

    def _take(self) -> bool:
        """Whether there was one, and not the end."""
        if sys.platform == "win32":
            return False
        try:
            byte, descriptors, _, _ = socket.recv_fds(self._channel, 1, 1)
        except ConnectionError:
            return False
        if byte:
            self._taken += 1
        # None, when this process has as many files as it may: the connection is lost.
        for descriptor in descriptors:
            connection = socket.socket(fileno=descriptor)
            connection.set_inheritable(False)
            self._on_connection(connection)
        return bool(byte)
