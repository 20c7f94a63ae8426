"""Send what a person types, print what comes back."""

import asyncio
import contextlib
import json
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

import aiohttp
from account import LogInFailed
from typed import Disconnected, Refused, SocketClient

Client = TypeVar("Client", bound=SocketClient)
Say = Callable[[Client, str], Awaitable[None]]


class NotSaid(Exception):
    """The server did not take what was said; the text says why."""


def json_arguments(line: str) -> list[Any]:
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
    return arguments


def talk(
    url: str, introduced: Callable[[], Awaitable[Client]], say: Say[Client], *, text: str | None
) -> None:
    """Connect, say `text` (or each line of the standard input), and print all that is heard.

    Exits with 1 and a reason on the standard error when there is no server, or when it refuses.

    Args:
        introduced: Makes the client, which is not connected yet.
    """

    async def converse() -> None:
        client = await introduced()
        heard = print_all_of(client)
        async with client:
            if text is None:
                await client.unless_ended(say_lines(client, say))
            else:
                await say_once(client, say, text)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(heard.wait(), 1)

    try:
        asyncio.run(converse())
    except (aiohttp.ClientConnectionError, ConnectionError):
        sys.exit(f"error: no server answers at {url}\n  try: scripts/serve")
    except (LogInFailed, NotSaid) as error:
        sys.exit(f"error: {error}")
    except Refused as error:
        sys.exit(f"error: {described(error)}")
    except KeyboardInterrupt:
        pass


def print_all_of(client: SocketClient) -> asyncio.Event:
    """Print what happens to a client, and what it hears; returns what is set with the first event."""
    heard = asyncio.Event()

    def on_event(event: str, *args: Any) -> None:
        texts = [arg["message"] if isinstance(arg, dict) and "message" in arg else str(arg) for arg in args]
        if event != "closing":  # It is the reason why the connection ends, and told then.
            print(printable(f"{event}: {' '.join(texts)}"), flush=True)
            heard.set()

    client.on_untyped("connect", lambda: print(f"* connected to {client.url}{client.namespace}", flush=True))
    client.on_untyped("disconnect", lambda reason: print(f"* disconnected: {reason}", flush=True))
    client.on_untyped("*", on_event)
    return heard


async def say_lines(client: Client, say: Say[Client]) -> None:
    """Say each line of the standard input, until it ends."""
    async for line in typed_lines():
        try:
            await say_once(client, say, line)
        except NotSaid as error:
            print(f"! {error}", flush=True)


async def say_once(client: Client, say: Say[Client], text: str) -> None:
    """Raises:
    NotSaid: The server refused this, or the connection broke before it answered.
    Disconnected: The server has ended the connection.
    """
    await client.connected()
    try:
        await say(client, text)
    except Disconnected:
        raise
    except Refused as error:
        raise NotSaid(described(error)) from None
    except (ConnectionError, TimeoutError):
        raise NotSaid(f"no answer to {text!r}: the connection broke") from None


def described(error: Refused) -> str:
    """An error of the server's, for a person: its code, its message and the details."""
    details = [f"{problem['field']}: {problem['message']}" for problem in error.details or []]
    return printable("; ".join([str(error), *details]))


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
