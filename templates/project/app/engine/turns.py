"""What is to be done when somebody comes or goes: for each key one at a time, as it was posted."""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, NamedTuple, TypeAlias

log = logging.getLogger(__name__)

Call: TypeAlias = Coroutine[Any, Any, None]

# For one key, when the calls take longer than its coming and going: then nothing is said of some of that.
MOST_WAITING: Final = 10


class Turn(NamedTuple):
    call: Call
    came: bool


class Turns:
    def __init__(self) -> None:
        self._waiting: dict[str, deque[Turn]] = {}
        self._workers: set[asyncio.Task[None]] = set()

    def post(self, key: str, call: Call, *, came: bool) -> None:
        """Run `call` after all that was posted for the same key before; or not, where too much waits."""
        turns = self._waiting.get(key)
        if turns is not None:
            add(turns, Turn(call, came))
            return
        self._waiting[key] = deque([Turn(call, came)])
        worker = asyncio.get_running_loop().create_task(self._work(key))
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)

    async def _work(self, key: str) -> None:
        turns = self._waiting[key]
        try:
            while turns:
                try:
                    await turns.popleft().call
                except Exception:
                    log.exception("a call failed")
        finally:
            del self._waiting[key]
            close(turns)

    async def finish(self, limit_s: float) -> None:
        """Wait for all calls; what takes longer than `limit_s` is cancelled."""
        if workers := list(self._workers):
            _, late = await asyncio.wait(workers, timeout=limit_s)
            # A hook that is cancelled ends, and would be followed by the next one.
            for turns in self._waiting.values() if late else ():
                close(turns)
            for worker in late:
                worker.cancel()


def close(turns: deque[Turn]) -> None:
    while turns:
        turns.pop().call.close()


def add(turns: deque[Turn], turn: Turn) -> None:
    """Have a turn wait with those that have not begun: one more of them than the most, at most."""
    if len(turns) < MOST_WAITING or (turn.came and not turns[-1].came):
        turns.append(turn)
        return
    last = turns.pop()
    last.call.close()
    if turn.came == last.came:
        # Another server has been told of what was in between.
        turns.append(turn)
    else:
        # Whoever has not heard that it came need not hear that it went.
        turn.call.close()
