"""The 25 cases of the Engine.IO protocol's own test suite, of which the Socket.IO protocol's has 16 as well.

Source: docs/engine.io-protocol/v4-test-suite in github.com/socketio/socket.io; the order is the same.
"""

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from app.engine import Limits
from tests.protocol.clients import Wire, greeting_in, receive, until_closed
from tests.protocol.suite_server import SUITE


@pytest.fixture
def limits() -> Limits:
    return SUITE


def greeting(sid: str, upgrades: list[str]) -> dict[str, Any]:
    return {
        "sid": sid,
        "upgrades": upgrades,
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 1_000_000,
    }


async def test_polling_opens_a_session(either: Wire) -> None:
    answer = await either.request("EIO=4&transport=polling")
    opened = greeting_in(answer.text)
    assert answer.status == 200
    assert isinstance(opened["sid"], str)
    assert opened == greeting(opened["sid"], ["websocket"])


async def test_polling_without_a_known_version_is_refused(either: Wire) -> None:
    assert (await either.request("transport=polling")).status == 400
    assert (await either.request("EIO=abc&transport=polling")).status == 400


async def test_a_request_without_a_known_transport_is_refused(either: Wire) -> None:
    assert (await either.request("EIO=4")).status == 400
    assert (await either.request("EIO=4&transport=abc")).status == 400


async def test_a_session_is_opened_by_get_only(either: Wire) -> None:
    assert (await either.request("EIO=4&transport=polling", "POST")).status == 400
    assert (await either.request("EIO=4&transport=polling", "PUT")).status == 400


async def test_a_websocket_opens_a_session(either: Wire) -> None:
    async with either.websocket() as websocket:
        opened = greeting_in(await receive(websocket))
        assert isinstance(opened["sid"], str)
        assert opened == greeting(opened["sid"], [])


async def test_a_websocket_without_a_known_version_is_closed(either: Wire) -> None:
    assert await either.websocket_is_refused("transport=websocket")
    assert await either.websocket_is_refused("EIO=abc&transport=websocket")


async def test_a_websocket_without_a_known_transport_is_closed(either: Wire) -> None:
    assert await either.websocket_is_refused("EIO=4")
    assert await either.websocket_is_refused("EIO=4&transport=abc")


async def test_polling_sends_and_receives_a_text(engine: Wire) -> None:
    sid = await engine.open_session()
    assert await engine.post(sid, "4hello") == (200, "ok")
    assert await engine.poll(sid) == (200, "4hello")


async def test_polling_sends_and_receives_several_texts(engine: Wire) -> None:
    sid = await engine.open_session()
    assert await engine.post(sid, "4test1", "4test2", "4test3") == (200, "ok")
    assert await engine.poll(sid) == (200, "4test1\x1e4test2\x1e4test3")


async def test_polling_sends_and_receives_text_and_bytes_together(engine: Wire) -> None:
    sid = await engine.open_session()
    assert await engine.post(sid, "4hello", "bAQIDBA==") == (200, "ok")
    assert await engine.poll(sid) == (200, "4hello\x1ebAQIDBA==")


async def test_polling_is_over_after_what_is_no_packet(engine: Wire) -> None:
    sid = await engine.open_session()
    assert (await engine.post(sid, "abc")).status == 400
    assert (await engine.poll(sid)).status == 400


async def test_polling_is_over_after_two_polls_at_once(engine: Wire) -> None:
    sid = await engine.open_session()

    async def second_poll() -> int:
        await asyncio.sleep(0.005)
        return (await engine.poll(sid, "&t=burst")).status

    first, second = await asyncio.gather(engine.poll(sid), second_poll())
    assert (first, second) == ((200, "1"), 400)
    assert (await engine.poll(sid)).status == 400


async def test_polling_is_over_after_a_poll_that_its_client_cancelled(engine: Wire) -> None:
    sid = await engine.open_session()
    poll = asyncio.create_task(engine.poll(sid))
    await asyncio.sleep(0.005)
    poll.cancel()
    with suppress(asyncio.CancelledError):
        await poll
    assert (await engine.poll(sid)).status == 400


async def test_a_websocket_sends_and_receives_a_text(engine: Wire) -> None:
    async with engine.greeted() as websocket:
        await websocket.send("4hello")
        assert await receive(websocket) == "4hello"


async def test_a_websocket_sends_and_receives_bytes(engine: Wire) -> None:
    async with engine.greeted() as websocket:
        await websocket.send(b"\x01\x02\x03\x04")
        assert await receive(websocket) == b"\x01\x02\x03\x04"


async def test_a_websocket_is_closed_after_what_is_no_packet(engine: Wire) -> None:
    async with engine.greeted() as websocket:
        await websocket.send("abc")
        await until_closed(websocket)


async def test_polling_sees_pings_and_goes_on_with_pongs(either: Wire) -> None:
    sid = await either.open_session()
    for _ in range(3):
        assert await either.poll(sid) == (200, "2")
        assert (await either.post(sid, "3")).status == 200


async def test_polling_is_over_without_a_pong(either: Wire) -> None:
    sid = await either.open_session()
    # Once more, since a server that is late with its ping gives the client all the time for the pong.
    await asyncio.sleep(SUITE.ping_interval_s + 2 * SUITE.ping_timeout_s)
    assert (await either.poll(sid)).status == 400


async def test_a_websocket_sees_pings_and_goes_on_with_pongs(either: Wire) -> None:
    async with either.greeted() as websocket:
        for _ in range(3):
            assert await receive(websocket) == "2"
            await websocket.send("3")


async def test_a_websocket_is_closed_without_a_pong(either: Wire) -> None:
    async with either.websocket() as websocket:
        await until_closed(websocket, within_s=2)


async def test_polling_is_over_when_its_client_says_so(either: Wire) -> None:
    sid = await either.open_session()
    poll, post = await asyncio.gather(either.poll(sid), either.post(sid, "1"))
    assert (poll, post) == ((200, "6"), (200, "ok"))
    assert (await either.poll(sid)).status == 400


async def test_a_websocket_is_closed_when_its_client_says_so(either: Wire) -> None:
    async with either.greeted() as websocket:
        await websocket.send("1")
        await until_closed(websocket, within_s=0.25)


async def goes_on(wire: Wire, websocket: ClientConnection) -> None:
    """The next message is answered, and nothing else was sent before."""
    sent, answer = ("40/none", '44/none,{"message":"Invalid namespace"}')
    if "engine.io" in wire.url:
        sent = answer = "4hello"
    await websocket.send(sent)
    assert await receive(websocket) == answer


async def test_polling_is_upgraded_to_a_websocket(either: Wire) -> None:
    sid = await either.open_session()
    async with either.websocket(f"EIO=4&transport=websocket&sid={sid}") as websocket:
        await websocket.send("2probe")
        assert await receive(websocket) == "3probe"
        assert await either.poll(sid) == (200, "6")
        await websocket.send("5")
        await goes_on(either, websocket)


async def test_an_upgraded_session_polls_no_more(either: Wire) -> None:
    sid = await either.open_session()
    async with either.upgraded(sid) as websocket:
        assert (await either.poll(sid)).status == 400
        await goes_on(either, websocket)


async def test_an_upgraded_session_has_one_websocket(either: Wire) -> None:
    sid = await either.open_session()
    async with either.upgraded(sid) as websocket:
        async with either.websocket(f"EIO=4&transport=websocket&sid={sid}") as second:
            assert await until_closed(second) == []
        await goes_on(either, websocket)
