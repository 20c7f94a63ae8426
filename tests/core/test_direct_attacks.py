"""What a client can do to a WebSocket that ASGI lets go of, and afterwards.

All of it holds as well where WebSockets are left to ASGI.
"""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import aiohttp
import pytest

from app.core import Client, DisconnectReason, SocketWrapper
from app.engine import Limits
from support import serving
from tests.core.behind import engine_of, tasks, until, until_forgotten
from tests.core.people import Person, people_wrapper
from tests.core.tcp import OPEN_WEBSOCKET, Tcp, tcp, text_frame
from tests.core.wire import RawPolling, raw_polling
from tests.undeclared import undeclared

PROBED = b"\x81\x063probe"
JOINED = b'40/people,{"sid":"'
# Masked with zeros, as in `text_frame`.
CLOSE = b"\x88\x82" + bytes(4) + (1000).to_bytes(2)


@asynccontextmanager
async def websocket(url: str, query: str = "") -> AsyncIterator[Tcp]:
    """A WebSocket, byte by byte, that has been answered with 101."""
    async with tcp(int(url.rpartition(":")[2])) as client:
        target = b"/socket.io/?EIO=4&transport=websocket" + query.encode()
        await client.send(OPEN_WEBSOCKET.replace(b"/", target, 1))
        assert (await client.receive()).startswith(b"HTTP/1.1 101 ")
        yield client


@asynccontextmanager
async def upgrading(url: str) -> AsyncIterator[tuple[RawPolling, Tcp]]:
    """A session that polls, and a WebSocket to which it wants to change."""
    async with raw_polling(url) as polling, websocket(url, f"&sid={polling.sid}") as client:
        yield polling, client


@contextmanager
def collecting_by_hand() -> Iterator[list[object]]:
    """What the garbage collector would have had to find in the block, once that is left."""
    collected: list[object] = []
    gc.collect()
    gc.disable()
    try:
        yield collected
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        collected += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def receive_until(client: Tcp, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        more = await client.receive()
        assert more, received
        received += more
    return received


async def test_a_frame_may_be_cut_anywhere_while_its_websocket_changes_hands() -> None:
    join = text_frame('40/people,{"token":"Ada"}')
    async with serving(people_wrapper()) as url:
        for size in range(1, 18):  # Its head has 14 bytes, which are read in four parts.
            async with upgrading(url) as (_, client):
                await client.send(text_frame("2probe"))
                assert await client.receive() == PROBED
                await client.send(text_frame("5") + join[:size])
                await asyncio.sleep(0.02)
                await client.send(join[size:])
                assert JOINED in await client.receive(), f"after {size} bytes"


async def test_a_poll_ends_though_its_client_changes_to_a_websocket_without_waiting_for_it() -> None:
    people = people_wrapper()
    async with serving(people) as url, raw_polling(url) as polling:
        poll = asyncio.create_task(polling.poll())
        await until(lambda: tasks()["PollingSocket.poll"])
        async with websocket(url, f"&sid={polling.sid}") as client:
            join = text_frame('40/people,{"token":"Ada"}')
            await client.send(text_frame("2probe") + text_frame("5") + join)
            await receive_until(client, JOINED)
        with suppress(aiohttp.ClientResponseError):  # 400: it was too late to be told to go.
            assert await asyncio.wait_for(poll, 5) == ["6"]
        assert not tasks()["PollingSocket.poll"]


async def test_messages_that_come_before_a_websocket_changes_hands_are_counted_quietly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR)
    people = people_wrapper()
    async with serving(people) as url, upgrading(url) as (_, client):
        await client.send(text_frame("2probe"))
        assert await client.receive() == PROBED
        # No packet, and then more than is let through of what comes too late: small ones, and some that are
        # not counted before. All must be there at once.
        small, large = b"\x81\x80" + bytes(4), b"\x81\xfe\x01\x00" + bytes(4 + 256)
        await client.send(text_frame("5") + text_frame("9") + small * 2_480 + large * 180)
        await until_forgotten(people)
        with suppress(ConnectionError):  # It may be cut already.
            await client.send(CLOSE)
        await client.until_closed()
    assert caplog.messages == []


@asynccontextmanager
async def upgraded_with_much_to_read() -> AsyncIterator[tuple[SocketWrapper[Person], Tcp]]:
    """A client that has just changed to a WebSocket, and more waits for it than fits into any buffer."""
    people = people_wrapper()
    async with (
        serving(people, limits=Limits(write_timeout_s=0.4)) as url,
        upgrading(url) as (polling, client),
    ):
        await polling.post('40/people,{"token":"Ada"}')
        await until(lambda: people.connected_clients)
        for _ in range(6):
            await people.broadcast(undeclared("news"), "x" * 500_000)
        await client.send(text_frame("2probe"))
        assert await client.receive() == PROBED
        await client.send(text_frame("5"))
        (socket,) = engine_of(people).eio.sockets.values()
        await until(lambda: socket.upgraded)
        yield people, client


async def test_a_client_that_has_read_what_waited_for_its_websocket_is_left_alone() -> None:
    async with upgraded_with_much_to_read() as (people, client):
        missing = 3_000_000
        while missing > 0:
            missing -= len(await client.receive())
        await asyncio.sleep(1)  # More than twice the limit.
        assert engine_of(people).metrics._refused["slow_reader"] == 0
        await people.broadcast(undeclared("news"), "still here")
        await receive_until(client, b"still here")


async def test_what_waited_for_a_websocket_leaves_no_more_room_than_before() -> None:
    async with upgraded_with_much_to_read() as (people, _):
        for _ in range(4):
            await people.broadcast(undeclared("news"), "x" * 500_000)
        assert engine_of(people).metrics._refused["slow_reader"] == 1
        await until_forgotten(people)


@pytest.mark.parametrize("then", [b"", CLOSE])
async def test_a_text_that_is_none_ends_an_upgrade_quietly(
    caplog: pytest.LogCaptureFixture, then: bytes
) -> None:
    caplog.set_level(logging.ERROR)
    async with serving(people_wrapper()) as url, upgrading(url) as (_, client):
        await client.send(b"\x81\x81" + bytes(4) + b"\xff" + then)
        code = 1000 if then else 1007
        assert await client.until_closed() == b"\x88\x02" + code.to_bytes(2)
    assert caplog.messages == []


async def test_who_says_goodbye_is_gone_at_once_and_is_sent_nothing_more() -> None:
    people, left = people_wrapper(), []

    async def farewell(wrapper: SocketWrapper[Any], client: Client[Any], reason: DisconnectReason) -> None:
        left.append(reason)

    people.on_client_disconnect = farewell
    async with serving(people) as url, websocket(url) as client:
        await client.send(text_frame('40/people,{"token":"Ada"}'))
        await receive_until(client, JOINED)
        for _ in range(6):  # More than the system's buffers take, and than the transport has room for.
            await people.broadcast(undeclared("news"), "x" * 500_000)

        await client.send(CLOSE)

        await until(lambda: left)  # Though it has read nothing yet.
        await people.broadcast(undeclared("news"), "too late")
        received = await client.until_closed()
        assert received.endswith(CLOSE.replace(b"\x82" + bytes(4), b"\x02"))
        assert left == ["transport close"]


async def test_a_connection_that_is_cut_leaves_no_timer_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    people = people_wrapper()
    timers: list[asyncio.TimerHandle] = []
    loop = asyncio.get_running_loop()
    call_later = loop.call_later

    def watched(*args: Any, **more: Any) -> asyncio.TimerHandle:
        timers.append(call_later(*args, **more))
        return timers[-1]

    async with serving(people) as url:
        monkeypatch.setattr(loop, "call_later", watched)
        async with websocket(url) as client:
            await client.send(text_frame('40/people,{"token":"Ada"}'))
            await receive_until(client, JOINED)
        await until_forgotten(people)
        await until(lambda: all(timer.cancelled() or timer.when() <= loop.time() for timer in timers))


@pytest.mark.parametrize("event", ["nothing", '42/people,1["unknown"]', '42/people,1["echo"]', "cut off"])
async def test_nothing_of_a_connection_waits_for_the_garbage_collector(event: str) -> None:
    people = people_wrapper()

    @people.listener("echo")
    async def echo(wrapper: SocketWrapper[Person], client: Client[Person], person: Person, it: str) -> str:
        return it

    async with serving(people) as url:
        with collecting_by_hand() as collected:
            for _ in range(3):
                async with websocket(url) as client:
                    await client.send(text_frame('40/people,{"token":"Ada"}'))
                    await receive_until(client, JOINED)
                    if event == "cut off":
                        for _ in range(14):
                            await people.broadcast(undeclared("news"), "x" * 500_000)
                        await until_forgotten(people)
                    elif event != "nothing":
                        await client.send(text_frame(event))
                        await receive_until(client, b'43/people,1[{"ok":false')
                await until_forgotten(people)
        # asyncio's own transport refers to itself.
        modules = {type(each).__module__.partition(".")[0] for each in collected}
        assert modules <= {"builtins", "asyncio", "socket"}


@pytest.mark.parametrize("where", ["middleware", "listener"])
async def test_acks_that_nobody_asked_for_do_not_pile_up(where: str) -> None:
    people = people_wrapper()
    go_on = asyncio.Event()
    accept: Any = people.connection_middleware

    async def middleware(*args: Any) -> Any:
        if where == "middleware":
            await go_on.wait()
        return await accept(*args)

    people.connection_middleware = middleware

    @people.listener("wait")
    async def wait(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
        await go_on.wait()

    ack = text_frame(f'43/people,1["{"x" * 500_000}"]')
    async with serving(people) as url, websocket(url) as client:
        await client.send(text_frame('40/people,{"token":"Ada"}'))
        if where == "listener":
            await receive_until(client, JOINED)
            await client.send(text_frame('42/people,["wait"]'))
        for _ in range(20):
            await client.send(ack)
        await until(lambda: engine_of(people).metrics._refused["rate_limited"] == 13)
        (connection,) = engine_of(people).connections.values()
        assert connection.unhandled_bytes < 4_000_000
        go_on.set()
        await until(lambda: not connection.unhandled)
        await client.send(text_frame('42/people,2["wait"]'))
        await receive_until(client, b'43/people,2[{"ok":true,"data":null}]')
