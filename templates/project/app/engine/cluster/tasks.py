"""What goes on beside everything else."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = (
            set()
        )  # The event loop itself holds them by weak references only.

    def begin(self, coroutine: Coroutine[Any, Any, object]) -> None:
        task = asyncio.create_task(coroutine)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def finish(self, limit_s: float) -> None:
        """Wait for them; what takes longer than that is cancelled."""
        if self._running:
            await asyncio.wait(self._running, timeout=limit_s)
        self.cancel()

    def cancel(self) -> None:
        for task in self._running:
            task.cancel()
