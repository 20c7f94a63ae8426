"""Send what a person types, print what comes back."""

import asyncio
import contextlib
import json
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import aiohttp
import socketio
from account import LogInFailed
from socketio.exceptions import ConnectionError as NotConnected
from socketio.exceptions import SocketIOError

# How long to wait for the server's answer, in seconds.
ANSWER_WITHIN_S = 5.0


class Refused(Exception):
    """The server did not accept the connection, or ended it; the text says why."""


class NotSaid(Exception):
    """The server did not take what was said; the text says why."""


def as_text(line: str) -> tuple[Any, ...]:
    """A line as the only argument of an event."""
    return (line,)


def json_arguments(line: str) -> tuple[Any, ...]:
    """A line as the arguments of an event: a list in JSON, such as `["hello", true]`.

    Raises:
        NotSaid: It is none.
    """
    try:
        arguments = json.loads(line)
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, list):
        raise NotSaid(f'{line!r} is no list in JSON, such as ["hello", true]')
    return tuple(arguments)


def talk(
    url: str,
    namespace: str,
    event: str,
    *,
    say: str | None,
    authenticate: Callable[[], Awaitable[dict[str, Any]]],
    read: Callable[[str], tuple[Any, ...]] = as_text,
) -> None:
    """Connect, send `say` (or each line of the standard input) as `event`, and print all that is heard.

    `read` makes the event's arguments of what is said.

    Exits with 1 and a reason on the standard error when there is no server, or when it refuses.
    """

    async def converse() -> None:
        conversation = Conversation(url, namespace)
        try:
            await conversation.join(await authenticate())
            if say is None:
                await conversation.say_lines(event, read)
            else:
                await conversation.say(event, *read(say))
                await conversation.wait_for_an_event(within_s=1)
        finally:
            await conversation.leave()

    try:
        asyncio.run(converse())
    except (aiohttp.ClientConnectionError, NotConnected):
        sys.exit(f"error: no server answers at {url}\n  try: scripts/serve")
    except (LogInFailed, NotSaid, Refused) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        pass


class Conversation:
    """One connection to a namespace, that comes back by itself when the server restarts."""

    def __init__(self, url: str, namespace: str) -> None:
        self.url = url
        self.namespace = namespace
        # `Any`, since python-socketio has no type hints.
        self._socket: Any = socketio.AsyncClient(
            reconnection_delay=1,
            reconnection_delay_max=5,
            handle_sigint=False,  # asyncio handles Ctrl-C; two that do so end in a traceback.
        )
        self._heard = asyncio.Event()
        self._connected = asyncio.Event()
        self._refusal: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._socket.on("connect", self._on_connect, namespace=namespace)
        self._socket.on("connect_error", self._on_connect_error, namespace=namespace)
        self._socket.on("disconnect", self._on_disconnect, namespace=namespace)
        self._socket.on("closing", self._on_closing, namespace=namespace)
        self._socket.on("*", self._on_event, namespace=namespace)

    async def join(self, auth: dict[str, Any]) -> None:
        """Raises:
        Refused: The server does not accept `auth`.
        NotConnected: There is no server.
        """
        try:
            await self._socket.connect(self.url, auth=auth, namespaces=[self.namespace])
        except NotConnected:
            if self._refusal.done():
                raise Refused(self._refusal.result()) from None
            raise

    async def say_lines(self, event: str, read: Callable[[str], tuple[Any, ...]] = as_text) -> None:
        """Say each line of the standard input, until it ends.

        Raises:
            Refused: The server has ended the connection.
        """

        async def say_each() -> None:
            async for line in typed_lines():
                try:
                    await self.say(event, *read(line))
                except NotSaid as error:
                    print(f"! {error}", flush=True)

        await self._unless_refused(say_each())

    async def say(self, event: str, *arguments: Any) -> None:
        """Raises:
        NotSaid: The server refused this, or the connection broke before it answered.
        Refused: The server has ended the connection.
        """
        await self._unless_refused(self._connected.wait())
        try:
            ack = await self._socket.call(event, arguments, namespace=self.namespace, timeout=ANSWER_WITHIN_S)
        except SocketIOError:
            said = ", ".join(map(repr, arguments))
            raise NotSaid(f"no answer to {said}: the connection broke") from None
        if not ack["ok"]:
            raise NotSaid(describe(ack["error"]))

    async def wait_for_an_event(self, *, within_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._heard.wait(), within_s)

    async def leave(self) -> None:
        await self._socket.shutdown()
        await self._socket.disconnect()  # What Ctrl-C left of a connection that was just being made.

    async def _unless_refused(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do the work, or stop waiting for it when the server ends the connection."""
        working = asyncio.create_task(work)
        await asyncio.wait([working, self._refusal], return_when=asyncio.FIRST_COMPLETED)
        if self._refusal.done():
            working.cancel()
            raise Refused(self._refusal.result())
        working.result()

    async def _on_connect(self) -> None:
        print(f"* connected to {self.url}{self.namespace}", flush=True)
        self._connected.set()

    async def _on_connect_error(self, problem: object) -> None:
        if isinstance(problem, dict):  # The server's own words; anything else is a broken connection.
            self._end(describe({"code": (problem.get("data") or {}).get("code"), **problem}))

    async def _on_disconnect(self, reason: str) -> None:
        self._connected.clear()
        print(f"* disconnected: {reason}", flush=True)
        if reason == self._socket.reason.SERVER_DISCONNECT:
            self._end(reason)

    async def _on_closing(self, why: dict[str, Any]) -> None:
        self._end(describe(why))

    async def _on_event(self, event: str, *args: Any) -> None:
        texts = [arg["message"] if isinstance(arg, dict) and "message" in arg else str(arg) for arg in args]
        print(printable(f"{event}: {' '.join(texts)}"), flush=True)
        self._heard.set()

    def _end(self, why: str) -> None:
        if not self._refusal.done():
            self._refusal.set_result(why)


def describe(error: dict[str, Any]) -> str:
    """An error of the server's, for a person: its code, its message and the details."""
    details = [f"{problem['field']}: {problem['message']}" for problem in error.get("details") or []]
    return printable("; ".join([f"{error['code']}: {error['message']}", *details]))


def printable(text: str) -> str:
    """The text with control characters spelled out: other people's words must not command this terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


async def typed_lines() -> AsyncIterator[str]:
    """The lines of the standard input, without blank ones, until it ends."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line.strip())
        loop.call_soon_threadsafe(lines.put_nowait, None)

    # A daemon, since nothing can wake a thread that waits for a person to type.
    threading.Thread(target=read, daemon=True).start()
    while (line := await lines.get()) is not None:
        if line:
            yield line
