"""Packets that no library would send: they reach nobody, and the server goes on."""

import asyncio
import json

import pytest

from app.core import Client, SocketWrapper
from support import serving
from tests.core.behind import engine_of, remembered, until, until_forgotten
from tests.core.people import GENEROUS, joined, people_wrapper
from tests.core.watched import Watched
from tests.core.wire import CLOSE, RawSocket, raw_polling, raw_socket
from tests.undeclared import undeclared

UNKNOWN = {
    "ok": False,
    "error": {"code": "unknown_event", "message": "There is no such event here", "details": None},
}


ADA = {"token": "Ada"}


async def goes_on(client: RawSocket) -> None:
    """A good event is answered, and nothing else was sent before."""
    assert await client.ask("/people", 99, "shout", "hi") == {"ok": True, "data": "HI"}


@pytest.mark.parametrize("event", ["connect", "disconnect", "connect_error", "disconnecting", "error"])
async def test_a_forged_event_gets_an_error_and_runs_nothing(event: str) -> None:
    watched = Watched()
    async with serving(watched.wrapper) as url, raw_socket(url) as client:
        await client.join("/people", ADA)
        assert await client.ask("/people", 0, event) == UNKNOWN
        assert await client.ask("/people", 1, event, "Ada", {"token": "Grace"}) == UNKNOWN
        assert await client.ask("/people", 2, event, *range(500)) == UNKNOWN
        await client.send(f'42/people,["{event}"]', f'42/people,["{event}",{{}},null,"Grace"]')
        await goes_on(client)
        assert list(watched.wrapper.connected_clients) == ["Ada"]
        assert watched.calls == ["middleware", "welcome Ada", "shout Ada hi"]


async def test_an_event_that_is_no_name_of_a_listener_gets_an_error() -> None:
    names = [5, 1.5, None, True, [], {}, ["shout"], {"shout": 1}, "", "__class__", "\x00", "shout ", "*"]
    watched = Watched()
    async with serving(watched.wrapper) as url, raw_socket(url) as client:
        await client.join("/people", ADA)
        for number, name in enumerate(names):
            assert await client.ask("/people", number, name, "hi") == UNKNOWN
            await client.send(f"42/people,{json.dumps([name])}")
        await goes_on(client)
        assert watched.calls == ["middleware", "welcome Ada", "shout Ada hi"]


async def test_an_empty_event_gets_an_error() -> None:
    watched = Watched()
    async with serving(watched.wrapper) as url, raw_socket(url) as client:
        await client.join("/people", ADA)
        assert await client.ask("/people", 1) == UNKNOWN
        await client.send("42/people,[]")
        await goes_on(client)


FORGED = [
    '42/people,1["connect",{"token":"Grace"}]',
    '42/people,2["disconnect"]',
    '42/people,3["shout","too early"]',
    '42/people,["shout","too early"]',
    '451-/people,["shout",{"_placeholder":true,"num":0}]',
    '42["shout"]',
    "41/people,",
    "41",
    '43/people,1["ack of nothing"]',
]


@pytest.mark.parametrize("forged", FORGED)
async def test_whoever_begins_with_another_packet_than_connect_is_thrown_out(forged: str) -> None:
    watched = Watched()
    async with serving(watched.wrapper) as url:
        async with raw_socket(url) as client, raw_polling(url) as polling:
            await client.send(forged, '40/people,{"token":"Ada"}')
            await client.until_closed(within_s=1)
            assert await polling.post(forged, '40/people,{"token":"Grace"}') == 400
            assert await polling.post('40/people,{"token":"Grace"}') == 400
        await until_forgotten(watched.wrapper)
    assert watched.calls == []


async def test_events_before_acceptance_reach_nobody() -> None:
    watched = Watched()
    async with serving(watched.wrapper) as url:
        async with raw_socket(url) as client:
            await client.send("40/nowhere,", *(packet for packet in FORGED if packet[1] != "5"))
            assert "unknown_namespace" in str(await client.receive())
            await client.join("/people", ADA)
            await goes_on(client)
        assert watched.calls[:3] == ["middleware", "welcome Ada", "shout Ada hi"]


async def test_events_to_a_namespace_that_was_not_joined_reach_nobody() -> None:
    watched = Watched()
    other = people_wrapper()
    other.namespace = "/other"
    async with serving(watched.wrapper, other) as url, raw_socket(url) as client:
        await client.join("/other", ADA)
        await client.send('42/people,1["shout","hi"]', '42/nowhere,2["shout"]', "41/people,", "41/nowhere,")
        assert await client.ask("/other", 3, "shout") == UNKNOWN
    assert watched.calls == []


async def test_whoever_waits_for_the_middleware_hears_nothing_and_reaches_nobody() -> None:
    watched = Watched()
    people = watched.wrapper
    async with serving(people) as url, joined(url, "Grace") as grace:
        watched.may_decide.clear()
        async with raw_socket(url) as waiting:
            await waiting.send('40/people,{"token":"Ada"}', '42/people,1["shout","let me in"]')
            await waiting.send('42/people,["connect",{}]', '42/people,2["disconnect"]')
            await until(lambda: watched.calls.count("middleware") == 2)
            assert list(people.connected_clients) == ["Grace"]
            await people.broadcast(undeclared("news"), 1)
            await people.broadcast_except_client("Grace", undeclared("news"), 2)
            await people.send_to_room("anything", undeclared("news"), 3)
            assert await people.send_to_client("Ada", undeclared("news"), 4) == 0
            assert await grace.hears("news") == 1

            watched.may_decide.set()

            packet = await waiting.receive()
            assert str(packet).startswith('40/people,{"sid"')
            await people.broadcast(undeclared("news"), 5)
            await waiting.receives('42/people,["news",5]')
            await goes_on(waiting)
    assert "shout Ada let me in" not in watched.calls


async def test_a_second_connect_does_nothing() -> None:
    watched = Watched()
    async with serving(watched.wrapper) as url, raw_socket(url) as client:
        await client.join("/people", ADA)
        await client.send('40/people,{"token":"Grace"}', "40/people,", "40/people,[]")
        await goes_on(client)
        assert watched.calls == ["middleware", "welcome Ada", "shout Ada hi"]
        assert list(watched.wrapper.connected_clients) == ["Ada"]


async def test_a_second_connect_while_the_first_is_checked_does_nothing() -> None:
    watched = Watched()
    watched.may_decide.clear()
    async with serving(watched.wrapper) as url, raw_socket(url) as client:
        await client.send('40/people,{"token":"Ada"}', '40/people,{"token":"Grace"}', "40/people,")
        await until(lambda: watched.calls)
        watched.may_decide.set()
        assert str(await client.receive()).startswith('40/people,{"sid"')
        await goes_on(client)
        assert watched.calls == ["middleware", "welcome Ada", "shout Ada hi"]


async def test_a_flood_of_connects_leaves_one_connection() -> None:
    watched = Watched()
    async with serving(watched.wrapper, limits=GENEROUS) as url:
        async with raw_socket(url) as client, asyncio.timeout(20):
            for number in range(500):
                await client.send('40/people,{"token":"Ada"}', f"40/nowhere{number},")
            answers = [str(await client.receive()) for _ in range(501)]
            assert sum("unknown_namespace" in answer for answer in answers) == 500
            await goes_on(client)
            engine = engine_of(watched.wrapper)
            assert len(engine.sessions) == 1
            assert list(engine.manager.rooms) == ["/people"]
        await until_forgotten(watched.wrapper)
        assert watched.calls.count("welcome Ada") == 1


async def test_connecting_and_leaving_over_and_over_leaves_nothing() -> None:
    watched = Watched()
    async with serving(watched.wrapper) as url, raw_socket(url) as client, asyncio.timeout(20):
        for _ in range(200):
            await client.send('40/people,{"token":"Ada"}', "41/people,")
        await client.send('40/people,{"token":"Grace"}')
        await until(lambda: "welcome Grace" in watched.calls)
        assert list(watched.wrapper.connected_clients) == ["Grace"]
        assert watched.calls.count("welcome Ada") == watched.calls.count("farewell Ada: client disconnect")


@pytest.mark.parametrize("last_words", [[CLOSE, '40/people,{"token":"Ada"}'], [CLOSE, "40/nowhere,"]])
async def test_a_connect_after_the_goodbye_leaves_nothing(last_words: list[str]) -> None:
    watched = Watched()
    async with serving(watched.wrapper) as url:
        async with raw_socket(url) as websocket, raw_polling(url) as polling:
            await websocket.send(*last_words)
            await polling.post(*last_words)
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Grace"})
            await goes_on(client)
            assert list(watched.wrapper.connected_clients) == ["Grace"]
        await until_forgotten(watched.wrapper)
    assert "welcome Ada" not in watched.calls


async def test_leaving_twice_is_leaving_once() -> None:
    watched = Watched()
    async with serving(watched.wrapper) as url:
        async with raw_socket(url) as client:
            await client.join("/people", ADA)
            await client.send("41/people,", "41/people,", '42/people,1["shout"]', CLOSE, CLOSE)
            await until_forgotten(watched.wrapper)
        assert watched.calls == ["middleware", "welcome Ada", "farewell Ada: client disconnect"]


async def test_half_a_binary_event_is_forgotten_with_its_sender() -> None:
    watched = Watched()
    async with serving(watched.wrapper) as url:
        async with raw_socket(url) as client:
            await client.join("/people", ADA)
            await client.send('452-/people,1["shout",{"_placeholder":true,"num":0}]', b"half")
            await until(lambda: "half a binary packet" in remembered(watched.wrapper))
        await until_forgotten(watched.wrapper)


async def test_a_binary_event_survives_that_another_namespace_is_left_meanwhile() -> None:
    files: SocketWrapper[None] = SocketWrapper(socket_namespace="files")

    @files.listener("upload")
    async def on_upload(wrapper: SocketWrapper[None], client: Client[None], _: None, content: bytes) -> int:
        return len(content)

    people = people_wrapper()
    async with serving(files, people) as url, raw_socket(url) as client:
        await client.join("/files")
        await client.join("/people", ADA)
        await client.send('451-/files,1["upload",{"_placeholder":true,"num":0}]')
        await until(lambda: "half a binary packet" in remembered(files))
        (ada,) = people.get_connected_sockets()
        await ada.disconnect()
        await client.send(b"12345")
        packets = [await client.receive() for _ in range(3)]
        assert packets[-1] == '43/files,1[{"ok":true,"data":5}]'
