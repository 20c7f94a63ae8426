"""A connection of which it is not known yet which of several processes it is for.

Requests of a session that polls come on several connections, and so does its WebSocket; all have to reach
the process that has the session. Its id is in the first line of a request, and says which one that is. The
line is looked at, and left for that process to read.
"""

import asyncio
import re
import select
import socket
import sys
from collections.abc import Callable
from typing import Final

from .session_ids import worker_of
from .timer import Timer

# A line that is longer is refused, whoever gets it.
MAX_LINE_BYTES: Final = 8_192
# Before a line is looked at again; then twice as long, since who sends it in parts is slow, or means no good.
FIRST_PAUSE_S: Final = 0.01
LONGEST_PAUSE_S: Final = 0.64

# Gives a connection to this worker, if there is such a one, else to any; says whether there was room for it.
HandOver = Callable[[socket.socket, int | None], bool]

# No client writes its id in another way, such as %41. The number is for who wants to know of each of them.
_SID_OR_NUMBER: Final = re.compile(rb"[?&](?:sid=([\w-])|worker=([1-9][0-9]?)(?=[& ]))", re.ASCII)


def line_of(begun: bytes) -> bytes | None:
    """The first line of a request that has begun; None: there is more to come of it.

    Source: RFC 9112, section 2.2: there may be an empty line before it.
    """
    line, end, _ = begun.lstrip(b"\r\n").partition(b"\n")
    return line if end or len(begun) >= MAX_LINE_BYTES else None


def worker_for(line: bytes) -> int | None:
    """Which worker a request is for: it has its session, or is asked for by its number; None: any."""
    found = _SID_OR_NUMBER.search(line)
    if not found:
        return None
    return worker_of(found[1].decode()) if found[1] else int(found[2])


def ended(connection: socket.socket) -> tuple[bool, bool]:
    """Whether the client says no more, and whether it is gone altogether.

    Reading tells neither, as long as there is something that has not been read.
    """
    if sys.platform == "win32":
        return False, False
    half = getattr(select, "POLLRDHUP", 0)  # Linux has it.
    both = select.POLLHUP | select.POLLERR
    watch = select.poll()
    watch.register(connection, half)
    events = sum(event for _, event in watch.poll(0))
    return bool(events & (half | both)), bool(events & both)


class Arrival:
    __slots__ = ("_again", "_connection", "_deadline", "_hand_over", "_is_watched", "_on_end", "_pause_s")

    def __init__(self, connection: socket.socket, hand_over: HandOver) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._hand_over = hand_over
        self._is_watched = False
        self._pause_s = FIRST_PAUSE_S
        self._again = Timer()
        self._deadline = Timer()
        self._on_end: Callable[[], None] | None = None

    def look(self) -> bool:
        """Whether it is over: handed over, or given up by its client."""
        # Asked first: what has come by then is all that ever will.
        says_no_more, is_gone = ended(self._connection)
        begun = self._peek()
        line = line_of(begun) if begun else None
        if line is not None and self._give(worker_for(line)):
            return True
        if begun is None or is_gone or (says_no_more and line is None):
            self.close()
            return True
        return False

    def wait(self, limit_s: float, on_end: Callable[[], None]) -> None:
        """Look again and again; when that takes longer than `limit_s`, somebody else is to deal with it.

        Args:
            on_end: Called once it is over.
        """
        self._on_end = on_end
        self._deadline.set(limit_s, self._be_late)
        self._look_again()

    def give_up(self) -> None:
        """Whoever gets it has limits, and says so, such as with HTTP 408."""
        if not self._give(None):
            self.close()

    def close(self) -> None:
        self._end()
        self._connection.close()

    def _look_again(self) -> None:
        if self.look():
            return
        if self._peek():
            # What has come would wake us again and again.
            self._unwatch()
            self._again.set(self._pause_s, self._look_again)
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        elif not self._is_watched:
            self._is_watched = True
            asyncio.get_running_loop().add_reader(self._connection.fileno(), self._look_again)

    def _be_late(self) -> None:
        # A browser that connects ahead of its first request would take an answer for the one to that.
        if self._peek():
            self.give_up()
        else:
            self.close()

    def _peek(self) -> bytes | None:
        """What has come, at least the beginning; None: the client is gone."""
        try:
            return self._connection.recv(MAX_LINE_BYTES, socket.MSG_PEEK) or None
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError:
            return None

    def _give(self, worker: int | None) -> bool:
        is_given = self._hand_over(self._connection, worker)
        if is_given:
            self._end()
        return is_given

    def _end(self) -> None:
        self._unwatch()
        self._again.cancel()
        self._deadline.cancel()
        if self._on_end is not None:
            self._on_end()
            self._on_end = None

    def _unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            asyncio.get_running_loop().remove_reader(self._connection.fileno())
