"""A server to fuzz, and what must hold once all have gone: nothing failed, nothing is left, it serves."""

import asyncio
import gc
import logging
import socket
import sys
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final

from fastapi import FastAPI

from app.engine import STATE_KEY, Limits, SocketServer
from app.engine.uvicorn_server import UvicornServer, uvicorn_config
from tests.core.behind import remembered, tasks, until
from tests.core.people import GENEROUS
from tests.core.wire import raw_socket
from tests.protocol.fuzzing.company import Company, Planned, PlannedCancel, PlannedExit
from tests.protocol.fuzzing.crowd import Counts, Crowd
from tests.protocol.fuzzing.steps import Act, Step

# Short, so that those who vanish are soon found gone.
SOON: Final = {"ping_interval_s": 0.3, "ping_timeout_s": 0.4, "connect_timeout_s": 2}
# Clients may do what they like ...
LOOSE: Final = GENEROUS.model_copy(update=SOON)
# ... or are over one limit or another most of the time; the witness is not.
TIGHT: Final = LOOSE.model_copy(
    update={
        "events_per_second": 5,
        "events_burst": 4,
        "max_queued_events": 2,
        "max_queue_bytes": 20_000,
        "max_message_bytes": 10_000,
        "max_attachments": 1,
        "max_nesting": 5,
        "connections_per_client": 1,
    }
)
# What uvicorn has to say of what never reaches the engine.
NOT_OURS: Final = ("Invalid UTF-8 sequence received from client.",)


class Served(UvicornServer):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ctrl-C is for the one who fuzzes: a server that ends would look like trouble."""
        yield


class Trouble(AssertionError):
    """Something that must not be, whatever clients do."""


class Watch(logging.Handler):
    """Notes everything that failed and was not meant to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.heard: deque[str] = deque(maxlen=20)

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage()[:200])
        error = record.exc_info[1] if record.exc_info else None
        if record.getMessage() in NOT_OURS or isinstance(error, Planned | PlannedCancel | PlannedExit):
            return
        if record.levelno < logging.ERROR:
            return
        if error is not None or (record.name.startswith("app.") and not record.name.endswith(".library")):
            self.found.append(logging.Formatter().format(record))

    def on_loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.found.append(f"the event loop: {context}")

    def on_unraisable(self, unraisable: Any) -> None:
        self.found.append(f"nobody was told: {unraisable.exc_value!r} in {unraisable.object!r}")

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Hear of everything that the interpreter and all loggers have to complain about."""
        root, app, hook = logging.getLogger(), logging.getLogger("app"), sys.unraisablehook
        level = app.level
        root.addHandler(self)
        app.setLevel(logging.INFO)
        sys.unraisablehook = self.on_unraisable
        try:
            yield
        finally:
            root.removeHandler(self)
            app.setLevel(level)
            sys.unraisablehook = hook

    def check(self) -> None:
        found, self.found = self.found, []
        if found:
            raise Trouble("\n".join(found))


class Arena:
    """Runs sequences, one after the other, on one server; after trouble, on a new one."""

    def __init__(self, limits: Limits) -> None:
        self.counts = Counts()
        self.sequences = 0
        self._limits = limits
        self._watch = Watch()
        self._runner: asyncio.Runner | None = None
        self._ring: _Ring | None = None
        self._running: Any = None

    @property
    def summary(self) -> str:
        frames, requests = self.counts.frames, self.counts.requests
        return f"{self.sequences} sequences, {frames} WebSocket frames and {requests} requests"

    def run(self, steps: Sequence[Step]) -> None:
        """Raises:
        Trouble: With what is wrong.
        """
        with self._watch.watching():
            try:
                runner = self._runner or self._start()
                runner.run(self._sequence(steps))
                self._watch.check()
            except Exception as error:
                # What the server said of it may explain it.
                trouble = Trouble("\n".join([repr(error), *self._watch.heard]))
                self.close()
                raise trouble from error
        self.sequences += 1

    def collect(self) -> None:
        """Have everything that nobody refers to any more say what it has to say."""
        with self._watch.watching():
            gc.collect()
            self._watch.check()

    def close(self) -> None:
        if self._runner is not None:
            runner, self._runner = self._runner, None
            if self._ring is not None:
                self._ring = None
                runner.run(self._running.__aexit__(None, None, None))
            runner.close()
            self._watch.found.clear()

    def _start(self) -> asyncio.Runner:
        self._runner = asyncio.Runner()
        self._runner.get_loop().set_exception_handler(self._watch.on_loop_error)
        self._running = ring(self._limits)
        self._ring = self._runner.run(self._running.__aenter__())
        return self._runner

    async def _sequence(self, steps: Sequence[Step]) -> None:
        assert self._ring is not None
        company, port = self._ring.company, self._ring.port
        crowd = Crowd(port, self.counts)
        try:
            for step in steps:
                await (company.act(step) if isinstance(step, Act) else crowd.take(step))
        finally:
            await crowd.go_home()
        await self._ring.until_empty()
        await self._ring.serves()
        await self._ring.until_empty()


class _Ring:
    def __init__(self, company: Company, port: int) -> None:
        self.company = company
        self.port = port
        self._idle: Counter[str] = Counter()

    async def settle(self) -> None:
        """What runs from now on is what runs when nobody is there."""
        await self.serves()
        await asyncio.sleep(0.1)
        self._idle = tasks()

    def leftovers(self) -> dict[str, Any]:
        left: dict[str, Any] = {
            wrapper.namespace: found for wrapper in self.company.wrappers if (found := remembered(wrapper))
        }
        if extra := tasks() - self._idle:
            left["tasks"] = extra
        if self.company.without_farewell:
            left["no farewell"] = self.company.without_farewell
        return left

    async def until_empty(self) -> None:
        try:
            await until(lambda: not self.leftovers(), within_s=4)
        except AssertionError:
            raise Trouble(f"left over: {self.leftovers()}") from None
        if wrong := self.company.wrong():
            raise Trouble(wrong)

    async def serves(self) -> None:
        """Somebody who behaves is served."""
        async with asyncio.timeout(5), raw_socket(f"http://127.0.0.1:{self.port}") as client:
            await client.join("/people", {"token": "Witness"})
            assert await client.ask("/people", 1, "count", 41) == {"ok": True, "data": 42}


@asynccontextmanager
async def ring(limits: Limits) -> Any:
    """A server as the project runs it, on a port of its own."""
    company = Company()
    sockets = SocketServer(company.wrappers, limits=limits)
    company.metrics = sockets.metrics

    @asynccontextmanager
    async def lifespan(http: FastAPI) -> Any:
        yield {STATE_KEY: sockets}

    app = sockets.asgi_app(FastAPI(lifespan=lifespan))
    server = Served(uvicorn_config(lambda: app, limits=limits))
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        await until(lambda: server.started)
        found = _Ring(company, listening.getsockname()[1])
        await found.settle()
        try:
            yield found
        finally:
            server.should_exit = True
            await running
