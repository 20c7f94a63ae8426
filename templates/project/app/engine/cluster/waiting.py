"""Commands that wait to be sent to Redis, and for its answers."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from ...core.results import Unavailable

Command: TypeAlias = Sequence[str | bytes | int]

AT_ONCE: Final = 200
BYTES_AT_ONCE: Final = 1_000_000
# What comes when so much waits would be late, and is lost instead.
MAX_WAITING_BYTES: Final = 16_000_000


class Asked:
    """A command, and who waits for the answer.

    Args:
        message: It is something that other nodes are to hear.
    """

    __slots__ = ("answer", "command", "message", "size")

    def __init__(self, command: Command, *, message: bool) -> None:
        self.command = command
        self.message = message
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.size = sum(len(part) for part in command if isinstance(part, bytes))

    def fail(self, cause: Exception | None) -> bool:
        """There is no answer, and there will be none; whether there was none before."""
        if self.answer.done():
            return False
        unavailable = Unavailable()
        unavailable.__cause__ = cause
        self.answer.set_exception(unavailable)
        self.answer.exception()  # Nobody may want to know.
        return True


class Waiting:
    """Those that are yet to be sent, and those that were, and are yet to be answered."""

    def __init__(self) -> None:
        self._next: deque[Asked] = deque()
        self._bytes = 0
        self._sent: list[Asked] = []
        self._something = asyncio.Event()

    def put(self, asked: Asked) -> bool:
        """Whether there is room for one more."""
        if self._bytes + asked.size > MAX_WAITING_BYTES:
            return False
        self._next.append(asked)
        self._bytes += asked.size
        self._something.set()
        return True

    async def take(self) -> list[Asked]:
        """Those that go together, when those before them have been answered."""
        self._sent = []
        await self._something.wait()
        size = 0
        while self._next and len(self._sent) < AT_ONCE and size < BYTES_AT_ONCE:
            asked = self._next.popleft()
            self._bytes -= asked.size
            # What Redis does though nobody hears of it any more would be told by nobody.
            if not asked.answer.cancelled():
                self._sent.append(asked)
                size += asked.size
        if not self._next:
            self._something.clear()
        return self._sent

    def give_up(self) -> list[Asked]:
        """All of them, none of which is waited for any longer."""
        lost = [*self._sent, *self._next]
        self._sent, self._bytes = [], 0
        self._next.clear()
        self._something.clear()
        return lost
