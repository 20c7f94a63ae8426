"""Packets that the Socket.IO protocol does not have, clients that do not join, and many packets at once."""

import asyncio
from typing import Any

import aiohttp
import pytest
import socketio

from app.engine import Limits
from tests.core.behind import until
from tests.protocol.clients import SEPARATOR, Wire, receive, receive_but_pings, send, until_closed
from tests.protocol.suite_server import SuiteSocketServer, serving

PLACEHOLDER = '{"_placeholder":true,"num":0}'
MALFORMED = [
    "4",
    "4abc",
    "47",
    "49[]",
    "4null",
    '4"2[\\"message\\"]"',
    "4{}",
    "4[]",
    "42",
    "42{}",
    "42null",
    '42"message"',
    '42["message"',
    '42["message"]]',
    '42["message",NaN]',
    '42["message",-Infinity]',
    '42abc["message"]',
    '42-1["message"]',
    '42²["message"]',
    '42٢["message"]',
    '421.5["message"]',
    "42" + "1" * 500 + '["message"]',
    "42[" + "1" * 5000 + "]",
    "42" + "[" * 100_000,
    '421-["message"]',
    '42/custom["message"]',
    '43["message"]',
    "431{}",
    "431",
    "40{",
    '41"bye"',
    '44{"message":"no"}',
    '45["message"]',
    f'45["message",{PLACEHOLDER}]',
    f'450-["message",{PLACEHOLDER}]',
    '45-["message"]',
    '451["message"]',
    '45-1-["message"]',
    "451-",
    "451-{}",
    '46["message"]',
    "460-[]",
]


@pytest.mark.parametrize("packet", MALFORMED)
async def test_a_malformed_packet_ends_the_connection(
    sockets: SuiteSocketServer, wire: Wire, packet: str
) -> None:
    async with wire.joined() as websocket:
        await websocket.send(packet)
        await websocket.send('42["message","after"]')
        reason, farewell = await until_closed(websocket)
        assert reason.startswith('42["closing",{"code":"')
        assert farewell == "1"
    sid = await wire.open_session()
    assert (await wire.post(sid, "40")).status == 200
    assert (await wire.post(sid, packet, '42["message","after"]')).status == 400
    assert (await wire.poll(sid)).status == 400
    assert (sockets.main.heard, sockets.main.farewells) == ([], ["transport error"] * 2)


BAD_ATTACHMENTS: list[list[str | bytes]] = [
    [b"attachment of nothing"],
    ["bAQIDBA=="],
    [f'451-["message",{PLACEHOLDER}]', '42["message"]'],
    [f'452-["message",{PLACEHOLDER}]', b"one", "41"],
    ['451-["message",{"_placeholder":true,"num":1}]', b"one"],
    [f'451-["message",{PLACEHOLDER},{PLACEHOLDER}]', b"one"],
    ['451-["message",{"_placeholder":true,"num":-1}]', b"one"],
    ['451-["message",{"_placeholder":true,"num":0.0}]', b"one"],
    ['451-["message",{"_placeholder":true,"num":true}]', b"one"],
    ['451-["message",{"_placeholder":true,"num":"0"}]', b"one"],
    ['451-["message",{"_placeholder":true}]', b"one"],
    [f'451-["message",{PLACEHOLDER}]', b"one", b"two"],
]


@pytest.mark.parametrize("frames", BAD_ATTACHMENTS)
async def test_attachments_that_do_not_fit_end_the_connection(
    sockets: SuiteSocketServer, wire: Wire, frames: list[str | bytes]
) -> None:
    async with wire.joined() as websocket:
        await send(websocket, *frames)
        assert (await until_closed(websocket))[-1] == "1"
    await until(lambda: sockets.main.farewells)
    assert sockets.main.farewells == ["transport error"]


async def test_a_binary_event_without_attachments_is_an_event(wire: Wire) -> None:
    async with wire.joined() as websocket:
        await websocket.send('450-7["message-with-ack",1]')
        assert await receive(websocket) == "437[1]"


async def test_what_looks_like_a_placeholder_in_a_text_event_is_text(wire: Wire) -> None:
    async with wire.joined() as websocket:
        await websocket.send(f'427["message-with-ack",{PLACEHOLDER}]')
        assert await receive(websocket) == f"437[{PLACEHOLDER}]"


async def test_one_namespace_is_not_waited_for_while_the_other_sends_attachments(wire: Wire) -> None:
    """An event for a namespace that was not joined is passed over with its attachments."""
    async with wire.joined() as websocket:
        await send(websocket, f'451-/custom,["message",{PLACEHOLDER}]', b"nobody hears this")
        await websocket.send('427["message-with-ack"]')
        assert await receive(websocket) == "437[]"


async def test_a_bug_in_the_server_ends_the_connection(
    sockets: SuiteSocketServer, wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*_: Any) -> None:
        raise RuntimeError("a bug")

    async with wire.joined() as websocket:
        monkeypatch.setattr(sockets._server, "_take_event", crash)
        await websocket.send('42["message"]')
        assert await until_closed(websocket) == ["1"]
    assert "RuntimeError: a bug" in caplog.text


async def answer_pings(websocket: Any, *, for_s: float) -> None:
    """Live for as long; fails when the connection ends before."""
    try:
        async with asyncio.timeout(for_s):
            while True:
                if await websocket.recv() == "2":
                    await websocket.send("3")
    except TimeoutError:
        pass


IMPATIENT = Limits(connect_timeout_s=0.3)


@pytest.mark.parametrize("packets", [[], ["40/nowhere,"], ["40", "41"]])
async def test_a_connection_that_is_in_no_namespace_is_closed(
    http: aiohttp.ClientSession, packets: list[str]
) -> None:
    async with serving(SuiteSocketServer(IMPATIENT)) as url:
        wire = Wire(http, f"{url}/socket.io/")
        sid = await wire.open_session()
        async with wire.greeted() as websocket:
            for packet in packets:
                await websocket.send(packet)
                await wire.post(sid, packet)
            assert (await until_closed(websocket))[-1] == "1"
        async with asyncio.timeout(5):
            while (await wire.poll(sid)).status != 400:
                pass


async def test_a_connection_that_is_in_a_namespace_stays(http: aiohttp.ClientSession) -> None:
    async with serving(SuiteSocketServer(IMPATIENT)) as url:
        wire = Wire(http, f"{url}/socket.io/")
        async with wire.joined() as websocket:
            await websocket.send("40/custom")
            await websocket.send("41")
            await answer_pings(websocket, for_s=0.5)
            await websocket.send('42/custom,7["message-with-ack"]')
            assert await receive(websocket) == "43/custom,7[]"


async def test_each_of_many_events_in_a_post_is_answered_in_order(wire: Wire) -> None:
    sid = await wire.open_session()
    events = [f'42{number}["message-with-ack",{number}]' for number in range(100)]
    await wire.post(sid, "40")
    await wire.poll_until(sid, 2)
    assert await wire.post(sid, *events) == (200, "ok")
    assert await wire.poll_until(sid, 100) == [f"43{n}[{n}]" for n in range(100)]


async def test_a_binary_broadcast_reaches_websockets_and_polling_clients_together(
    sockets: SuiteSocketServer, wire: Wire
) -> None:
    sid = await wire.open_session()
    assert (await wire.post(sid, "40")).status == 200
    async with wire.joined() as one, wire.joined() as two:
        await wire.poll_until(sid, 2)
        await sockets.broadcast("news", {"file": b"\x00\x01"})
        expected = ['451-["news",{"file":{"_placeholder":true,"num":0}}]', b"\x00\x01"]
        assert await receive_but_pings(one, 2) == expected
        assert await receive_but_pings(two, 2) == expected
        assert await wire.poll(sid) == (200, f"{expected[0]!s}{SEPARATOR}bAAE=")


async def test_a_python_client_that_polls_gets_everything_that_waited(
    sockets: SuiteSocketServer, url: str
) -> None:
    heard: list[int] = []
    async with socketio.AsyncSimpleClient() as client:
        await client.connect(url, transports=["polling"])
        assert await client.receive(timeout=5) == ["auth", {}]
        await asyncio.gather(*(sockets.broadcast("news", number) for number in range(100)))
        while len(heard) < 100:
            heard.append((await client.receive(timeout=5))[1])
    assert sorted(heard) == list(range(100))
