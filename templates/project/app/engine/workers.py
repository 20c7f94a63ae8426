"""Several processes on one port: starts them, gives them connections, and starts those again that end.

This process answers no request itself. It waits neither for a client nor for a worker, or all of them would.
"""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from .acceptor import NO_FILES, Acceptor
from .uvicorn_patience import LimitedConfig
from .worker_channel import Giver

log = logging.getLogger(__name__)

# Those that are stopped say farewell to their clients meanwhile: see SocketServer.stop, and uvicorn's
# timeout_graceful_shutdown. Containers have 10 s for all of it.
PATIENCE_S: Final = 8
# Before a worker is started again; after each start that failed, twice as long.
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0
# When all workers have failed to start so often, they will not.
HOPELESS: Final = 3
# An end that is not its own doing: of an administrator, or of a system that is short of memory or of files.
FROM_OUTSIDE: Final = (-9, -15, -2)  # SIGKILL, SIGTERM, SIGINT, of which Windows has not all.
SCARCE: Final = (*NO_FILES, errno.EAGAIN)
# Sent as a terminal closes.
SIGHUP: Final = getattr(signal, "SIGHUP", signal.SIGTERM)


class NoWorkerStarts(Exception):
    """The text is how the last one ended; why, it has logged itself."""


class Worker:
    """One of them, in whichever process it is now.

    Args:
        command: What to start; as arguments it gets its number, the file descriptor of its channel, and how
            many workers there are.
    """

    def __init__(self, number: int, count: int, command: Sequence[str]) -> None:
        self._number, self._of = number, count
        self._command = command
        self.giver: Giver | None = None
        # In a row: how often it has ended before it was ready, and for how many of these it is to blame.
        self.vain_starts = self.failed_starts = 0

    def __str__(self) -> str:
        return f"worker {self._number}"

    @property
    def is_ready(self) -> bool:
        return self.giver is not None and self.giver.is_ready

    async def run(
        self,
        stopping: asyncio.Event,
        on_ready: Callable[[], None],
        on_end: Callable[[list[socket.socket]], None],
    ) -> str:
        """Start it; returns how it ended. When `stopping` is set, it is told to end.

        Args:
            on_ready: Called when it can be given connections.
            on_end: Called when it cannot any more, with those that it has not taken.
        """
        try:
            code = await self._run(stopping, on_ready, on_end)
        except OSError as error:  # It could not even be started.
            self._note(failed=error.errno not in SCARCE)
            return str(error)
        self._note(failed=code not in FROM_OUTSIDE)
        return f"exit code {code}" if code >= 0 else f"signal {-code} ({signal.strsignal(-code)})"

    def _note(self, *, failed: bool) -> None:
        if self.giver is not None and self.giver.has_reported:
            self.vain_starts = self.failed_starts = 0
        else:
            self.vain_starts += 1
            self.failed_starts += failed

    async def _run(
        self,
        stopping: asyncio.Event,
        on_ready: Callable[[], None],
        on_end: Callable[[list[socket.socket]], None],
    ) -> int:
        self.giver = None
        ours, theirs = socket.socketpair()
        self.giver = Giver(ours, on_ready, on_end)
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    str(self._number),
                    str(theirs.fileno()),
                    str(self._of),
                    pass_fds=[theirs.fileno()],
                    # Ctrl-C is for the process that starts it, and then tells it.
                    start_new_session=True,
                )
            return await self._end_of(process, stopping)
        finally:
            self.giver.close()

    async def _end_of(self, process: asyncio.subprocess.Process, stopping: asyncio.Event) -> int:
        ended = asyncio.ensure_future(process.wait())
        told = asyncio.ensure_future(stopping.wait())
        await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not ended.done():
            with suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait({ended}, timeout=PATIENCE_S)
        if not ended.done():
            log.warning("%s is stuck, and did not end within %s s: killed", self, PATIENCE_S)
            process.kill()
        return await ended


class Workers:
    """
    Args:
        count: How many there are; up to `session_ids.MOST_WORKERS`.
        command: See `Worker`.
    """

    def __init__(
        self, config: LimitedConfig, listening: socket.socket, *, count: int, command: Sequence[str]
    ) -> None:
        self._config = config
        self._listening = listening
        self._workers = [Worker(number + 1, count, command) for number in range(count)]
        self._stopping = asyncio.Event()
        # One has started: so can the others. Before, all would say the same about what is in the way.
        self._can_start = asyncio.Event()
        self._problem = ""

    def run(self) -> None:
        """Serve until a signal ends it.

        Raises:
            NoWorkerStarts: And it is not to be expected that one will.
        """
        with asyncio.Runner(loop_factory=self._config.get_loop_factory()) as runner:
            runner.run(self._serve())
        if self._problem:
            raise NoWorkerStarts(self._problem)

    async def _serve(self) -> None:
        ending = {signal.SIGTERM, signal.SIGINT}
        if signal.getsignal(SIGHUP) is not signal.SIG_IGN:  # As nohup has it.
            ending.add(SIGHUP)
        for number in ending:
            asyncio.get_running_loop().add_signal_handler(number, self._stop)
        self._acceptor = Acceptor(self._listening, self._config, self._hand_over)
        async with asyncio.TaskGroup() as keepers:
            for worker in self._workers:
                keepers.create_task(self._keep(worker))
            await self._stopping.wait()
            self._acceptor.close()

    def _stop(self) -> None:
        self._stopping.set()
        self._can_start.set()

    async def _keep(self, worker: Worker) -> None:
        """Run it, again and again."""
        if worker is not self._workers[0]:
            await self._can_start.wait()
        while not self._stopping.is_set():
            end = await worker.run(self._stopping, self._on_ready, self._on_end)
            if self._stopping.is_set():
                return
            if self._is_hopeless():
                self._problem = end
                self._stop()
                return
            pause_s = min(FIRST_PAUSE_S * 2 ** min(worker.vain_starts, 10), LONGEST_PAUSE_S)
            log.error("%s has ended (%s): started again in %s s", worker, end, pause_s)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)

    def _is_hopeless(self) -> bool:
        if not self._can_start.is_set():
            return self._workers[0].failed_starts > 0
        return all(not worker.is_ready and worker.failed_starts >= HOPELESS for worker in self._workers)

    def _on_ready(self) -> None:
        self._can_start.set()
        self._acceptor.open()

    def _on_end(self, untaken: list[socket.socket]) -> None:
        self._acceptor.take_back(untaken)
        if not any(worker.is_ready for worker in self._workers):
            self._acceptor.pause()

    def _hand_over(self, connection: socket.socket, number: int | None) -> bool:
        """Give it to the worker that has its session, else to the one with the least to do."""
        if number is not None and number <= len(self._workers):
            giver = self._workers[number - 1].giver
            if giver is not None and giver.is_ready:
                return giver.give(connection)
        givers = [worker.giver for worker in self._workers if worker.giver is not None]
        return any(giver.give(connection) for giver in sorted(givers, key=lambda giver: giver.rank))
