"""Nodes that are stopped and started again while their clients talk."""

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

from support import free_port
from tests.core.noting import Server, noting

SCRIPT = Path(__file__).with_name("node.py")


class NodeApart:
    """A node, in one process after the other, on the same port."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.port = free_port()
        self.restarts = 0
        self.away: list[tuple[float, float]] = []
        """From when until when it was not there."""
        self._folder, self._args = folder, args
        self._servers: list[Server] = []
        self._running = ExitStack()

    async def start(self) -> None:
        starting = noting(SCRIPT, self._folder, *self._args, port=self.port)
        self._servers.append(await asyncio.to_thread(self._running.enter_context, starting))

    async def restart(self, *, after_s: float) -> None:
        began_s = time.monotonic()
        await self.stop()
        await asyncio.sleep(after_s)
        await self.start()
        self.restarts += 1
        self.away.append((began_s, time.monotonic()))

    async def stop(self) -> None:
        await asyncio.to_thread(self._servers[-1].stop)

    def kill(self) -> None:
        self._running.close()

    @property
    def told(self) -> list[str]:
        """Who came and who went."""
        return [note for server in self._servers for note in server.notes if note != "ready"]

    @property
    def warnings(self) -> list[str]:
        """What it has logged that is not as it should be."""
        lines = [line for server in self._servers for line in server.log_path.read_text().splitlines()]
        return [line for line in lines if any(word in line for word in ("WARNING", "ERROR", "Traceback"))]
