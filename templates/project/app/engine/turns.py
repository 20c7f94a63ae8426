"""Calls that belong together, such as those about one client: one at a time, as they were posted."""

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine
from typing import Any, TypeAlias

log = logging.getLogger(__name__)

Call: TypeAlias = Coroutine[Any, Any, None]


class Turns:
    def __init__(self) -> None:
        self._waiting: dict[str, deque[Call]] = {}
        self._workers: set[asyncio.Task[None]] = set()

    def post(self, key: str, call: Call) -> None:
        """Run `call` after all that was posted for the same key before."""
        calls = self._waiting.get(key)
        if calls is not None:
            calls.append(call)
            return
        self._waiting[key] = deque([call])
        worker = asyncio.get_running_loop().create_task(self._work(key))
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)

    async def _work(self, key: str) -> None:
        calls = self._waiting[key]
        try:
            while calls:
                try:
                    await calls.popleft()
                except Exception:
                    log.exception("a call failed")
        finally:
            del self._waiting[key]
            for call in calls:
                call.close()

    async def finish(self, limit_s: float) -> None:
        """Wait for all calls; what takes longer than `limit_s` is cancelled."""
        if workers := list(self._workers):
            _, late = await asyncio.wait(workers, timeout=limit_s)
            for worker in late:
                worker.cancel()
