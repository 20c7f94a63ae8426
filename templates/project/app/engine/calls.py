"""Events that are sent to all connections of a client, and the acks that come back."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any


class Call:
    """One such event, and the answers so far."""

    def __init__(self) -> None:
        self._answers: list[Sequence[Any]] = []
        self._gone = 0
        self._expected: int | None = None
        self._complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add(self, answer: Sequence[Any] | None) -> None:
        """A connection has answered, or is gone (None)."""
        if answer is None:
            self._gone += 1
        else:
            self._answers.append(answer)
        self._look()

    def expect(self, answers: int) -> None:
        """It has been sent to so many."""
        self._expected = answers
        self._look()

    async def answers(self, within_s: float) -> list[Sequence[Any]]:
        """Those that come in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._complete
        return self._answers

    def _look(self) -> None:
        settled = len(self._answers) + self._gone
        if self._expected is not None and settled >= self._expected and not self._complete.done():
            self._complete.set_result(None)
