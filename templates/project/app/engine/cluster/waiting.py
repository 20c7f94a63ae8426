"""Commands that wait to be sent to Redis, and for its answers."""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final, Literal, TypeAlias

from ...core.results import Unavailable

Command: TypeAlias = Sequence[str | bytes | int]
# Before all others; in a second or not at all, since somebody waits; whenever it can be.
When: TypeAlias = Literal["first", "soon", "whenever"]

AT_ONCE: Final = 1000
BYTES_AT_ONCE: Final = 1_000_000
# What comes when so much waits would be late, and is lost instead.
MAX_WAITING_BYTES: Final = 16_000_000


class NotAsked(Unavailable):
    """Redis has not heard of it."""


class Asked:
    """A command, and who waits for the answer.

    Args:
        message: It is something that other nodes are to hear.
    """

    __slots__ = ("answer", "command", "is_sent", "message", "size", "ticks", "when")

    def __init__(self, command: Command, *, message: bool, when: When) -> None:
        self.command = command
        self.message = message
        self.when = when
        self.is_sent = False
        self.ticks = 0
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.size = sum(len(part) for part in command if isinstance(part, bytes))

    def fail(self, cause: Exception | None) -> bool:
        """There is no answer, and there will be none; whether there was none before."""
        if self.answer.done():
            return False
        unavailable = Unavailable() if self.is_sent else NotAsked()
        unavailable.__cause__ = cause
        self.answer.set_exception(unavailable)
        self.answer.exception()  # Nobody may want to know.
        return True


class Waiting:
    """Those that are yet to be sent, and those that were, and are yet to be answered."""

    def __init__(self) -> None:
        self._first: deque[Asked] = deque()
        self._next: deque[Asked] = deque()
        self._bytes = 0
        self._sent: list[Asked] = []
        self._something = asyncio.Event()

    def put(self, asked: Asked) -> bool:
        """Whether there is room for one more."""
        if self._bytes + asked.size > MAX_WAITING_BYTES:
            return False
        (self._first if asked.when == "first" else self._next).append(asked)
        self._bytes += asked.size
        self._something.set()
        return True

    async def take(self) -> list[Asked]:
        """Those that go together, when those before them have been answered."""
        self._sent = []
        await self._something.wait()
        size = 0
        while (self._first or self._next) and len(self._sent) < AT_ONCE and size < BYTES_AT_ONCE:
            asked = (self._first or self._next).popleft()
            self._bytes -= asked.size
            # What Redis does though nobody hears of it any more would be told by nobody.
            if not asked.answer.done():
                asked.is_sent = True
                self._sent.append(asked)
                size += asked.size
        if not self._first and not self._next:
            self._something.clear()
        return self._sent

    def tick(self, most: int) -> list[Asked]:
        """Those whom somebody waits for, and has for more than so many ticks."""
        late = []
        for asked in chain(self._sent, self._next):
            asked.ticks += 1
            if asked.ticks > most and asked.when == "soon":
                late.append(asked)
        return late

    def give_up(self) -> list[Asked]:
        """All of them, none of which is waited for any longer."""
        lost = [*self._sent, *self._first, *self._next]
        self._sent, self._bytes = [], 0
        self._first.clear()
        self._next.clear()
        self._something.clear()
        return lost
