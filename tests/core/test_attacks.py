"""What attackers try: to be heard before they are accepted, to be somebody else, to leave things behind."""

import asyncio
import logging
import time
from collections import Counter
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app.core import Client, ClientMetadata, DisconnectReason, SocketOk, SocketWrapper, socket_ok
from support import serving
from tests.core.behind import engine_of, ping_every, remembered, tasks, until, until_forgotten
from tests.core.people import GENEROUS, Person, by_name, people_wrapper
from tests.core.watched import Watched
from tests.core.wire import CLOSE, RawPolling, RawSocket, raw_polling, raw_socket
from tests.undeclared import undeclared

ADA = '40/people,{"token":"Ada"}'
NO_SUCH_EVENT = '{"code":"unknown_event","message":"There is no such event here","details":null}'
RESERVED = [
    *("connect", "disconnect", "connect_error", "disconnecting", "newListener", "removeListener"),
    *("closing", "accepted", "handshake"),
]
PLACEHOLDER = '{"_placeholder":true,"num":0}'


def counted(wrapper: SocketWrapper[Any]) -> int:
    """How many are connected, for all that the metrics know."""
    count: int = engine_of(wrapper).metrics._connections[wrapper.namespace]
    return count


async def tasks_of_nobody(url: str, wrapper: SocketWrapper[Any]) -> Counter[str]:
    """What runs in a server that has had a client and has none now."""
    async with raw_socket(url):
        pass
    await until_forgotten(wrapper)
    await asyncio.sleep(0.05)
    return tasks()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_no_shape_of_a_reserved_event_reaches_anything(transport: str) -> None:
    watched = Watched()
    forged: list[str | bytes] = []
    for number, event in enumerate(RESERVED):
        forged += [f'451-/people,{number}["{event}",{PLACEHOLDER}]', b"\x00", f'450-/people,["{event}"]']
        forged += [f'451-/people,["{event}",{{"auth":{PLACEHOLDER}}}]', b"\x00", f'42/people,["{event}"]']
        forged += [f'42/people,1{number}["{event}","Ada"]', f'43/people,1["{event}"]']
    ack = f'[{{"ok":false,"error":{NO_SUCH_EVENT}}}]'
    acks = [f"43/people,{prefix}{n}{ack}" for n in range(len(RESERVED)) for prefix in ("", "1")]
    async with serving(watched.wrapper) as url, AsyncExitStack() as stack:
        if transport == "websocket":
            client = await stack.enter_async_context(raw_socket(url))
            await client.join("/people", {"token": "Ada"})
            await client.send(*forged)
            assert [await client.receive() for _ in acks] == acks
        else:
            polling = await stack.enter_async_context(raw_polling(url))
            await polling.post(ADA)
            await polling.poll()
            assert await polling.post(*("bAA==" if isinstance(it, bytes) else it for it in forged)) == 200
            assert await polling.poll_until(len(acks)) == acks
        assert watched.calls == ["middleware", "welcome Ada"]
        assert list(watched.wrapper.connected_clients) == ["Ada"]


async def upgraded(stack: AsyncExitStack, polling: RawPolling) -> RawSocket:
    """The same session, over a WebSocket."""
    address = polling.url.replace("http", "ws").replace("transport=polling", "transport=websocket")
    websocket = await stack.enter_async_context(connect(address, proxy=None))
    await websocket.send("2probe")
    assert await websocket.recv() == "3probe"
    await websocket.send("5")
    return RawSocket(websocket)


# A client that is being checked may try all of this; the binary ones and the acks too.
TOO_EARLY = [
    '42/people,1["shout","let me in"]',
    '42/people,["connect",{"token":"Grace"}]',
    '42/people,2["disconnect"]',
    '42/people,3["renewToken","Grace"]',
    '450-/people,4["shout"]',
    '43/people,1["shout"]',
    '40/people,{"token":"Grace"}',
]


@pytest.mark.parametrize("upgrades", [False, True])
async def test_who_polls_and_waits_for_the_middleware_hears_nothing_and_reaches_nobody(
    upgrades: bool,
) -> None:
    watched = Watched()
    watched.may_decide.clear()
    people = watched.wrapper
    async with serving(people) as url, raw_polling(url) as polling, AsyncExitStack() as stack:
        assert await polling.post(ADA, *TOO_EARLY) == 200
        await until(lambda: watched.calls)
        client = await upgraded(stack, polling) if upgrades else None
        if client is not None:
            await client.send(*TOO_EARLY)
        await people.broadcast(undeclared("news"), b"\x00")
        await people.broadcast(undeclared("news"), "text")
        await people.send_to_room("anything", undeclared("news"))
        assert await people.send_to_client("Ada", undeclared("news")) == 0
        await asyncio.sleep(0.05)
        watched.may_decide.set()

        first = await client.receive() if client is not None else (await polling.poll())[0]

        assert str(first).startswith('40/people,{"sid"')
        await people.broadcast(undeclared("news"), "heard")
        news = await client.receive() if client is not None else (await polling.poll())[0]
        assert news == '42/people,["news","heard"]'
    assert watched.calls[:2] == ["middleware", "welcome Ada"]
    assert not [call for call in watched.calls if "shout" in call or "Grace" in call]


@pytest.mark.parametrize("leaving", ["reset", "goodbye over polling", "abandoned poll", "silence", "upgrade"])
async def test_who_leaves_while_it_is_checked_is_no_ghost(leaving: str) -> None:
    watched = Watched()
    watched.may_decide.clear()
    people = watched.wrapper
    async with serving(people) as url, AsyncExitStack() as stack:
        if leaving == "silence":  # All others are noticed without.
            ping_every(people, 0.1, timeout_s=0.1)
        idle = await tasks_of_nobody(url, people)
        if leaving == "reset":
            client = await stack.enter_async_context(raw_socket(url))
            await client.send(ADA)
            await until(lambda: watched.calls)
            client.vanish()
        else:
            polling = await stack.enter_async_context(raw_polling(url))
            await polling.post(ADA)
            await until(lambda: watched.calls)
        if leaving == "goodbye over polling":
            await polling.post(CLOSE)
        elif leaving == "abandoned poll":
            with pytest.raises(TimeoutError):
                await polling.poll(within_s=0.05)
        elif leaving == "upgrade":
            (await upgraded(stack, polling)).vanish()
        await until(lambda: not engine_of(people).sessions)

        watched.may_decide.set()
        await until_forgotten(people)
        await people.broadcast(undeclared("news"), 1)
        await people.broadcast(undeclared("news"), b"\x00")

        assert (people.connected_clients, counted(people)) == ({}, 0)
        await stack.aclose()
        await until(lambda: not tasks() - idle)
    assert watched.calls == ["middleware"]


async def test_a_broadcast_of_text_and_bytes_is_whole_on_every_transport() -> None:
    people = people_wrapper()
    content = {"files": [b"\x00\x01", b"\xff"], "number": 1}
    files = f'[{PLACEHOLDER},{{"_placeholder":true,"num":1}}]'
    expected = [
        '42/people,["plain",1]',
        f'452-/people,["mixed",{{"files":{files},"number":1}}]',
        b"\x00\x01",
        b"\xff",
    ]
    expected += ['42/people,["plain",2]']
    async with serving(people) as url, AsyncExitStack() as stack:
        websocket = await stack.enter_async_context(raw_socket(url))
        await websocket.join("/people", {"token": "Ada"})
        polling, other = [await stack.enter_async_context(raw_polling(url)) for _ in range(2)]
        for client in (polling, other):
            await client.post(ADA)
            await client.poll()
        switched = await upgraded(stack, other)

        await people.broadcast(undeclared("plain"), 1)
        await people.broadcast(undeclared("mixed"), content)
        await people.broadcast(undeclared("plain"), 2)

        assert [await websocket.receive() for _ in expected] == expected
        assert [await switched.receive() for _ in expected] == expected
        in_base64 = [*expected[:2], "bAAE=", "b/w==", expected[-1]]
        assert await polling.poll_until(len(expected)) == in_base64


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_middleware_that_hangs_frees_everything_at_its_limit(transport: str) -> None:
    async def hang(*_: Any) -> Any:
        await asyncio.Event().wait()

    people = people_wrapper()
    people.connection_middleware = hang
    people.middleware_timeout_s = 0.1
    refused = '44/people,{"message":"The server took too long to decide","data":{"code":"timeout"}}'
    async with serving(people) as url, AsyncExitStack() as stack:
        idle = await tasks_of_nobody(url, people)
        if transport == "websocket":
            client = await stack.enter_async_context(raw_socket(url))
            await client.send(ADA)
            await client.receives(refused)
        else:
            polling = await stack.enter_async_context(raw_polling(url))
            await polling.post(ADA)
            assert await polling.poll() == [refused]
        # The connection stays; of the attempt nothing does.
        await until(lambda: set(remembered(people)) <= {"connections", "sockets", "environ", "tallies"})
        await until(lambda: "Session._work" not in tasks())
        assert counted(people) == 0
        assert engine_of(people).metrics._handshakes["/people", "timeout"] == 1
        await stack.aclose()
        ping_every(people, 0, timeout_s=0)
        if transport == "polling":
            (socket,) = engine_of(people).eio.sockets.values()
            await socket.close()
        await until_forgotten(people)
        await until(lambda: not tasks() - idle)


async def test_timing_out_and_vanishing_at_once_is_leaving_once() -> None:
    welcomed: list[str] = []
    farewells: dict[str, list[DisconnectReason]] = {}
    people = people_wrapper()

    async def welcome(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
        welcomed.append(client.sid)

    async def farewell(
        wrapper: SocketWrapper[Person], client: Client[Person], reason: DisconnectReason
    ) -> None:
        farewells.setdefault(client.sid, []).append(reason)

    people.after_client_connect, people.on_client_disconnect = welcome, farewell
    async with serving(people) as url, AsyncExitStack() as stack:
        ping_every(people, 0.2, timeout_s=0.1)
        # The client's library complains when it is cut in the middle of saying goodbye.
        stack.enter_context(suppress(ConnectionClosed))
        clients: list[RawSocket] = []
        for _ in range(20):
            client = await stack.enter_async_context(raw_socket(url))
            client.silent = True
            await client.send(ADA)
            clients.append(client)
        began_s = time.monotonic()
        for number, client in enumerate(clients):
            # From well before the moment until well after it, a few milliseconds apart.
            await asyncio.sleep(max(0.0, began_s + 0.26 + number * 0.004 - time.monotonic()))
            client.vanish()
        stays = await stack.enter_async_context(raw_socket(url))
        stays.silent = True
        await stays.join("/people", {"token": "Grace"})
        await stays.until_closed()
        await until_forgotten(people)
    assert sorted(farewells) == sorted(welcomed)
    assert len(welcomed) == 21
    assert {tuple(reasons) for reasons in farewells.values()} <= {("ping timeout",), ("transport close",)}
    assert farewells[welcomed[-1]] == ["ping timeout"]


@pytest.mark.parametrize("ends", ["41/people,", CLOSE])
async def test_joining_and_leaving_while_it_is_checked_leaves_nothing(ends: str) -> None:
    watched = Watched()
    watched.may_decide.clear()
    people = watched.wrapper
    async with (
        serving(people, limits=GENEROUS) as url,
        raw_polling(url) as polling,
        raw_socket(url) as websocket,
    ):
        await websocket.send(ADA)
        assert await polling.post(ADA) == 200
        await until(lambda: len(watched.calls) == 2)
        both = [ADA, "41/people,", "40/nowhere,"] * 100
        await websocket.send(*both, ADA, ends)
        assert await polling.post(*both, ADA, ends) == 200
        await until(lambda: not engine_of(people).sessions)
        watched.may_decide.set()
        await until(lambda: set(remembered(people)) <= {"connections", "sockets", "environ", "tallies"})
        await until(lambda: "Session._work" not in tasks())
        await people.broadcast(undeclared("news"), 1)
    assert set(watched.calls) == {"middleware"}
    assert counted(people) == 0


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"token":'])
async def test_no_depth_of_auth_harms_the_server(opening: str, caplog: pytest.LogCaptureFixture) -> None:
    closing = {"[": "]"}.get(opening, "}")
    async with serving(people_wrapper()) as url:
        for depth in (10, 100, 500, 900, 990, 1100, 10_000, 60_000):
            async with raw_socket(url) as client:
                await client.send(f"40/people,{opening * depth}1{closing * depth}")
                # Too deep for the parser: no packet. Else: nobody's token.
                assert str(await client.receive()).startswith(("1", "44/people,"))
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Ada"})
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_token_that_expires_during_the_middleware_is_good_for_nothing() -> None:
    people = people_wrapper()
    shouts: list[str] = []

    async def slowly(
        wrapper: SocketWrapper[Person], client: Client[Person], comm_id: str | None, metadata: ClientMetadata
    ) -> SocketOk[Person]:
        expires_at = time.time() + 0.05
        await asyncio.sleep(0.1)
        return socket_ok(Person(str(comm_id)), expires_at=expires_at)

    @people.listener("shout")
    async def on_shout(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
        shouts.append(person.name)

    people.connection_middleware = slowly
    async with serving(people) as url, raw_socket(url) as client:
        await client.send(ADA)
        assert str(await client.receive()).startswith('40/people,{"sid"')
        await client.receives('42/people,["closing",{"code":"token_expired","message":"Log in again"}]')
        await client.receives("41/people,")
        await client.send('42/people,1["shout"]')
        people.connection_middleware = by_name
        await client.join("/people", {"token": "Ada"})
        assert shouts == []


async def test_the_size_of_a_message_is_counted_in_bytes() -> None:
    people = people_wrapper()
    async with serving(people) as url, raw_polling(url) as polling:
        # 1.02 MB, but fewer characters than a message may have bytes.
        text = "\N{SNOWMAN}" * 340_000
        assert await polling.post(ADA, f'42/people,["shout","{text}"]') == 413
        await until_forgotten(people)
