"""Requests and packets that the Engine.IO protocol does not have, and connections that end in the middle."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import pytest
from websockets.exceptions import ConnectionClosed

from app.engine import Limits
from tests.core.behind import until
from tests.protocol.clients import SEPARATOR, Wire, greeting_in, receive, send, until_closed
from tests.protocol.suite_server import SUITE, SuiteSocketServer, serving

REFUSED = [
    ("GET", "", (0, "Transport unknown")),
    ("GET", "EIO=4", (0, "Transport unknown")),
    ("GET", "EIO=4&transport=", (0, "Transport unknown")),
    ("GET", "EIO=4&transport=Polling", (0, "Transport unknown")),
    ("GET", "EIO=4&transport=polling&transport=polling", (3, "Bad request")),
    ("GET", "EIO=4&transport=polling&transport=websocket", (3, "Bad request")),
    ("GET", "EIO=4&transport=websocket", (3, "Bad request")),
    ("GET", "EIO=4&EIO=4&transport=polling", (3, "Bad request")),
    ("GET", "EIO=3&transport=polling", (5, "Unsupported protocol version")),
    ("GET", "EIO=4&transport=polling&j=0", (3, "Bad request")),
    ("GET", "EIO=4&transport=polling&sid=", (1, "Session ID unknown")),
    ("GET", "EIO=4&transport=polling&sid=nobody", (1, "Session ID unknown")),
    ("POST", "EIO=4&transport=polling&sid=nobody", (1, "Session ID unknown")),
    ("POST", "EIO=4&transport=polling", (2, "Bad handshake method")),
    ("DELETE", "EIO=4&transport=polling", (2, "Bad handshake method")),
    ("PUT", "EIO=4&transport=polling&sid={sid}", (3, "Bad request")),
    ("PATCH", "EIO=4&transport=polling&sid={sid}", (3, "Bad request")),
    ("GET", "EIO=4&transport=polling&sid={sid}&sid={sid}", (3, "Bad request")),
    ("GET", "EIO=4&transport=websocket&sid={sid}", (3, "Bad request")),
    ("POST", "EIO=4&transport=websocket&sid={sid}", (3, "Bad request")),
    ("GET", "EIO=4&sid={sid}", (0, "Transport unknown")),
]


@pytest.mark.parametrize(("method", "query", "problem"), REFUSED)
async def test_a_request_that_makes_no_sense_is_refused_and_harms_no_session(
    engine: Wire, method: str, query: str, problem: tuple[int, str]
) -> None:
    sid = await engine.open_session()
    answer = await engine.request(query.format(sid=sid), method, "4hello")
    assert (answer.status, json.loads(answer.text)) == (400, {"code": problem[0], "message": problem[1]})
    assert await engine.post(sid, "4still here") == (200, "ok")
    assert await engine.poll(sid) == (200, "4still here")


@pytest.mark.parametrize("query", ["&sid=nobody", "&sid=", "&transport=websocket", "&EIO=4", "&j=1"])
async def test_a_websocket_that_makes_no_sense_is_refused(engine: Wire, query: str) -> None:
    assert await engine.websocket_is_refused(f"EIO=4&transport=websocket{query}")


async def test_a_websocket_cannot_poll(engine: Wire) -> None:
    sid = await engine.open_session()
    assert await engine.websocket_is_refused("EIO=4&transport=polling")
    assert await engine.websocket_is_refused(f"EIO=4&transport=polling&sid={sid}")
    assert (await engine.post(sid, "1")).status == 200


NO_PACKETS = ["", "7", "9hello", "abc", "bAQIDBA", "b???", "bä", "-1", " 4", "٤hello", "²"]
OF_SERVERS = ["0{}", "2", "2probe", "5", "6"]


@pytest.mark.parametrize("packet", NO_PACKETS + OF_SERVERS)
async def test_a_packet_that_makes_no_sense_ends_the_connection(engine: Wire, packet: str) -> None:
    async with engine.greeted() as websocket:
        await send(websocket, "4before", packet, "4after")
        assert await until_closed(websocket) == ["4before", "1"]
    sid = await engine.open_session()
    assert (await engine.post(sid, "4before", packet, "4after")).status == 400
    assert (await engine.poll(sid)).status == 400


async def test_a_body_that_is_not_text_ends_the_session(engine: Wire) -> None:
    sid = await engine.open_session()
    query = f"EIO=4&transport=polling&sid={sid}"
    assert (await engine.request(query, "POST", b"4\xff\xfe")).status == 400
    assert (await engine.poll(sid)).status == 400


async def test_a_malformed_packet_ends_the_poll_that_is_pending(engine: Wire) -> None:
    sid = await engine.open_session()
    poll = asyncio.create_task(engine.poll(sid))
    await asyncio.sleep(0.02)
    assert (await engine.post(sid, "abc")).status == 400
    assert await poll == (200, "1")


async def slowly(*chunks: bytes, may_end: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    """A body without a Content-Length."""
    for chunk in chunks:
        yield chunk
    if may_end is not None:
        await may_end.wait()


def post_of(engine: Wire, sid: str, body: AsyncIterator[bytes]) -> aiohttp.client._RequestContextManager:
    return engine.http.post(f"{engine.url}?EIO=4&transport=polling&sid={sid}", data=body)


async def test_a_body_without_its_length_is_read(engine: Wire) -> None:
    sid = await engine.open_session()
    async with post_of(engine, sid, slowly(b"4hel", b"lo\x1e4you")) as answer:
        assert (answer.status, await answer.text()) == (200, "ok")
    assert await engine.poll(sid) == (200, "4hello\x1e4you")


async def test_a_body_that_is_too_large_ends_the_session(engine: Wire) -> None:
    for size, status in ((999_999, 200), (1_000_000, 413)):
        sid = await engine.open_session()
        async with post_of(engine, sid, slowly(b"4", b"x" * size)) as answer:
            assert answer.status == status
        assert (await engine.poll(sid)).status == (200 if status == 200 else 400)


async def test_two_posts_at_once_end_the_session(engine: Wire) -> None:
    sid = await engine.open_session()
    may_end = asyncio.Event()

    async def first_post() -> int:
        async with post_of(engine, sid, slowly(b"4one", may_end=may_end)) as answer:
            return answer.status

    first = asyncio.create_task(first_post())
    await asyncio.sleep(0.02)
    assert (await engine.post(sid, "4two")).status == 400
    may_end.set()
    assert await first == 400
    assert (await engine.poll(sid)).status == 400


async def test_half_a_body_is_not_taken_for_a_whole_one(engine: Wire) -> None:
    sid = await engine.open_session()
    poll = asyncio.create_task(engine.poll(sid))
    host, _, port = engine.url.removeprefix("http://").partition("/")[0].partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = f"POST /engine.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: {host}\r\n"
    writer.write(f"{head}Content-Length: 100\r\n\r\n4transfer 100".encode())
    await writer.drain()
    await asyncio.sleep(0.02)
    writer.close()
    assert await poll == (200, "1")


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_a_body_that_means_nothing_is_not_waited_for(
    engine: Wire, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    host, _, port = engine.url.removeprefix("http://").partition("/")[0].partition(":")
    head = f"{method} /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"
    for patient in (True, False):
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(head.encode())
            if patient:
                assert await asyncio.wait_for(reader.readline(), 5) == b"HTTP/1.1 200 OK\r\n"
        finally:
            writer.close()
    await engine.open_session()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_each_of_many_packets_in_a_post_is_handled(engine: Wire) -> None:
    sid = await engine.open_session()
    packets = [f"4{number}" for number in range(200)]
    assert await engine.post(sid, *packets) == (200, "ok")
    assert await engine.poll_until(sid, len(packets)) == packets


async def test_what_comes_after_the_goodbye_is_not_handled(engine: Wire) -> None:
    sid = await engine.open_session()
    poll = asyncio.create_task(engine.poll(sid))
    await asyncio.sleep(0.02)
    assert await engine.post(sid, "4before", "1", "4after") == (200, "ok")
    assert (await poll).text in ("4before", f"4before{SEPARATOR}6")


async def test_a_second_websocket_does_not_disturb_an_upgrade(engine: Wire) -> None:
    sid = await engine.open_session()
    async with engine.websocket(f"EIO=4&transport=websocket&sid={sid}") as websocket:
        await websocket.send("2probe")
        assert await receive(websocket) == "3probe"
        async with engine.websocket(f"EIO=4&transport=websocket&sid={sid}") as second:
            with suppress(ConnectionClosed):
                await second.send("2probe")
            assert await until_closed(second) == []
        await websocket.send("5")
        await websocket.send("4hello")
        assert await receive(websocket) == "4hello"


async def test_a_session_that_began_as_a_websocket_has_no_second_one(engine: Wire) -> None:
    async with engine.websocket() as websocket:
        sid = greeting_in(await receive(websocket))["sid"]
        async with engine.websocket(f"EIO=4&transport=websocket&sid={sid}") as second:
            assert await until_closed(second) == []
        assert (await engine.poll(sid)).status == 400
        assert (await engine.post(sid, "4hello")).status == 400
        await websocket.send("4hello")
        assert await receive(websocket) == "4hello"


@pytest.mark.parametrize("frames", [[], ["4hello"], ["2"], [b"2probe"], ["2probe"], ["2probe", "4hello"]])
async def test_after_an_upgrade_that_failed_the_session_goes_on_polling(
    engine: Wire, frames: list[str | bytes]
) -> None:
    sid = await engine.open_session()
    async with engine.websocket(f"EIO=4&transport=websocket&sid={sid}") as websocket:
        await send(websocket, *frames)
        if frames and frames != ["2probe"]:
            assert await until_closed(websocket) == ["3probe"] * (len(frames) - 1)
    assert await engine.post(sid, "4still here") == (200, "ok")
    assert await engine.poll(sid) == (200, "4still here")
    async with engine.upgraded(sid) as websocket:
        await websocket.send("4hello")
        assert await receive(websocket) == "4hello"


async def test_nothing_is_lost_in_an_upgrade(engine: Wire) -> None:
    sid = await engine.open_session()
    pending = asyncio.create_task(engine.poll(sid))
    await asyncio.sleep(0.02)
    async with engine.websocket(f"EIO=4&transport=websocket&sid={sid}") as websocket:
        await websocket.send("2probe")
        assert await receive(websocket) == "3probe"
        assert await pending == (200, "6")
        assert await engine.post(sid, "4one", "4two") == (200, "ok")
        await websocket.send("5")
        await websocket.send("4three")
        assert [await receive(websocket) for _ in range(3)] == ["4one", "4two", "4three"]


async def test_a_session_that_ends_while_it_upgrades_is_over(engine: Wire) -> None:
    sid = await engine.open_session()
    async with engine.websocket(f"EIO=4&transport=websocket&sid={sid}") as websocket:
        await websocket.send("2probe")
        assert await receive(websocket) == "3probe"
        assert await engine.post(sid, "1") == (200, "ok")
        await websocket.send("5")
        assert await until_closed(websocket) == []
    assert (await engine.poll(sid)).status == 400


async def test_the_intervals_are_announced_as_they_are(http: aiohttp.ClientSession) -> None:
    sockets = SuiteSocketServer(Limits(ping_interval_s=0.125, ping_timeout_s=1.0625))
    async with serving(sockets) as url:
        wire = Wire(http, f"{url}/socket.io/")
        greeting = greeting_in((await wire.request("EIO=4&transport=polling")).text)
        assert (greeting["pingInterval"], greeting["pingTimeout"]) == (125, 1062)
        before = asyncio.get_running_loop().time()
        assert await wire.poll(greeting["sid"]) == (200, "2")
        assert asyncio.get_running_loop().time() - before < 0.5


async def test_sessions_that_are_over_are_forgotten(http: aiohttp.ClientSession) -> None:
    sockets = SuiteSocketServer(SUITE)
    async with serving(sockets) as url:
        wire = Wire(http, f"{url}/socket.io/")
        for _ in range(3):
            await wire.open_session()
            async with wire.greeted():
                pass
        await until(lambda: not sockets._server.eio.sockets)
        assert sockets._server.connections == {}


async def test_a_poll_brings_large_packets_one_by_one(engine: Wire) -> None:
    sid = await engine.open_session()
    await engine.post(sid, "4" + "a" * 70_000, "4" + "b" * 70_000, "4c", "4d")
    polls = [(await engine.poll(sid)).text for _ in range(3)]
    assert [poll[:2] for poll in polls] == ["4a", "4b", "4c"]
    assert polls[2] == f"4c{SEPARATOR}4d"
