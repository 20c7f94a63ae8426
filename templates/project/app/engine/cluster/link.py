"""The way to Redis: one connection to ask on, one to listen on, both there or neither.

redis-py's own pool and pub/sub reconnect by themselves, one command at a time; here it is known at each
moment whether Redis is there, what was lost while it was not, and that there is one subscription and no more.
Commands keep their order, and those that wait for the answers to others go together.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio.connection import AbstractConnection
from redis.exceptions import (
    BusyLoadingError,
    MasterDownError,
    NoScriptError,
    ReadOnlyError,
    ResponseError,
)

from ...core.results import Unavailable
from .waiting import Asked, Command, Waiting, When

log = logging.getLogger(__name__)

# Redis that is silent for so long, when it was asked, is not there: in ticks, and in seconds.
TICK_S: Final = 0.2
TIMEOUT_TICKS: Final = 5
TIMEOUT_S: Final = TICK_S * TIMEOUT_TICKS
# Of texts: half a character, as a client may have sent it, is as good a name of nobody as any.
ENCODING_ERRORS: Final = "surrogatepass"
# Making the two connections takes several round trips, for which nobody waits.
CONNECT_TIMEOUT_S: Final = 3.0
RETRY_S: Final = 0.5
# A link that was there for so long is made again without a pause.
STEADY_S: Final = 1.0
# How often it is looked whether the connection that only listens is still there.
WATCH_TICKS: Final = 5
# These say that this is not the Redis that it was.
CHANGED: Final = (BusyLoadingError, MasterDownError, NoScriptError, ReadOnlyError)


class Link:
    """
    Args:
        connect: A new connection, which is yet to be opened.
        name: Where Redis is, for the log.
        channels: What to listen to.
        script: A Lua script, loaded each time Redis is there.
        check: What the script is asked first: Redis that refuses that is not there.
        heard: Called with each message, and its channel.
        turned: Called when Redis is there (True), and when it is not any more.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractConnection],
        name: str,
        channels: Sequence[str],
        script: str,
        check: Command,
        heard: Callable[[bytes, bytes], None],
        turned: Callable[[bool], None],
    ) -> None:
        self.up = False
        self.outages = 0
        self.messages = 0
        self.lost_messages = 0  # Those of which it is not known that Redis has them.
        self._connect, self._name, self._channels = connect, name, channels
        self._script, self._check = script, check
        self._heard, self._turned = heard, turned
        self._digest: Any = b""
        self._waiting = Waiting()
        self._unanswered: int | None = None  # Nothing is asked.
        self._unheard = 0
        self._outage: Outage | None = None
        self._was_refused = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Go on trying, until `close`."""
        self._task = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Let go, once what waits is done or lost."""
        if self._task is not None:
            with suppress(Unavailable):
                await self.ask("PING")
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self.up = False
            self._lose(self._waiting.give_up(), None)

    def ask(
        self, *command: str | bytes | int, message: bool = False, when: When = "whenever"
    ) -> Awaitable[Any]:
        """What Redis answers.

        Args:
            message: It is for other nodes: when it is lost, it is counted.
            when: How long it may wait for others before it: "soon" is `TIMEOUT_S`, with the answer.

        Raises:
            Unavailable: It says nothing for `TIMEOUT_S`, or that there is an error.
        """
        asked = Asked(command, message=message, when=when)
        self.messages += message
        if not self.up or not self._waiting.put(asked):
            self._lose([asked], None)
        return asked.answer

    def run(self, *args: str | bytes | int, message: bool = False, when: When = "whenever") -> Awaitable[Any]:
        """What the script answers. Raises as `ask` does."""
        return self.ask("EVALSHA", self._digest, 0, *args, message=message, when=when)

    async def _keep(self) -> None:
        while True:
            began_s = time.monotonic()
            connections: list[AbstractConnection] = []
            try:
                connections += [self._connect(), self._connect()]
                await self._use(*connections)
            except Exception as error:  # Whatever it is: without this task, there would be no way back.
                self._go_down(error)
            finally:
                for connection in connections:
                    with suppress(Exception):
                        await connection.disconnect(nowait=True)
            if time.monotonic() - began_s < STEADY_S:
                await asyncio.sleep(RETRY_S)

    async def _use(self, asking: AbstractConnection, listening: AbstractConnection) -> None:
        """Until one of them fails, with what it raises."""
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await self._open(asking, listening)
        self._come_up()
        await first_of(self._ask_all(asking), self._listen(listening), self._watch(listening))

    async def _open(self, asking: AbstractConnection, listening: AbstractConnection) -> None:
        await asking.connect()
        await asking.send_command("SCRIPT", "LOAD", self._script)
        self._digest = await asking.read_response()
        await asking.send_command("EVALSHA", self._digest, 0, *self._check)
        await asking.read_response()
        await listening.connect()
        await listening.send_command("SUBSCRIBE", *self._channels)
        for _ in self._channels:
            await listening.read_response()

    def _come_up(self) -> None:
        self.up, self._was_refused = True, False
        self._unanswered, self._unheard = None, 0
        if self._outage is not None:
            outage_s = time.monotonic() - self._outage.since_s
            lost = self.lost_messages - self._outage.lost_before
            log.warning(
                "Redis is back after %.1f s; messages to other nodes that were lost: %d", outage_s, lost
            )
            self._outage = None
        self._turned(True)

    def _go_down(self, error: Exception) -> None:
        was_up, self.up = self.up, False
        if self._outage is None:
            self.outages += 1
            self._outage = Outage(time.monotonic(), self.lost_messages)
            log.error(
                "Redis does not answer at %s (%s): this node's clients are cut off from those of others",
                self._name,
                str(error) or type(error).__name__,
            )
        self._lose(self._waiting.give_up(), error)
        if was_up:
            self._turned(False)

    async def _ask_all(self, connection: AbstractConnection) -> None:
        while True:
            together = await self._waiting.take()
            commands = connection.pack_commands([asked.command for asked in together])
            self._unanswered = 0
            await connection.send_packed_command(commands, check_health=False)
            for asked in together:
                await self._answer(asked, connection)
                self._unanswered = 0
            self._unanswered = None

    async def _answer(self, asked: "Asked", connection: AbstractConnection) -> None:
        try:
            answer = await connection.read_response()
        except CHANGED:
            raise
        except ResponseError as error:
            if not self._was_refused:
                log.error("Redis refuses a command, and perhaps others: %s", error)
            self._was_refused = True
            self._lose([asked], error)
        else:
            if not asked.answer.done():
                asked.answer.set_result(answer)

    async def _listen(self, connection: AbstractConnection) -> None:
        while True:
            heard: Any = await connection.read_response()
            kind, channel, *message = heard
            self._unheard = 0
            if kind == b"message":
                self._heard(channel, message[0])

    async def _watch(self, connection: AbstractConnection) -> None:
        """Notice that nothing is heard because nobody is there.

        By a clock, it would be Redis that was silent when this process stood still. By ticks, that is one of
        them, and before the next one is over, what came meanwhile has been read.
        """
        while True:
            await connection.send_command("PING", check_health=False)
            for _ in range(WATCH_TICKS):
                await asyncio.sleep(TICK_S)
                self._unheard += 1
                self._lose(self._waiting.tick(TIMEOUT_TICKS), None)
                if self._unanswered is not None:
                    self._unanswered += 1
                if max(self._unanswered or 0, self._unheard - WATCH_TICKS) >= TIMEOUT_TICKS:
                    raise TimeoutError("it does not answer in time")

    def _lose(self, lost: Iterable[Asked], cause: Exception | None) -> None:
        for asked in lost:
            if asked.fail(cause):
                self.lost_messages += asked.message


@dataclass(frozen=True, slots=True)
class Outage:
    """Redis is not there: since when, and what had been lost before."""

    since_s: float
    lost_before: int


async def first_of(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run them side by side until one ends; raises what that has raised."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
