"""Open WebSockets are taken away from ASGI, which nobody outside may notice."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from app.core import Client, SocketWrapper
from app.engine import SocketServer, libraries
from app.engine.direct_websocket import DirectWebSocket
from app.engine.frames import NO_STATUS, close_frame
from app.engine.limits import ENOUGH_BYTES
from support import serving
from tests.undeclared import undeclared

from .behind import engine_of, tasks, until, until_forgotten
from .people import GENEROUS, Person, people_wrapper
from .tcp import serving_app, text_frame
from .wire import RawSocket, raw_polling, raw_socket

Wrapper = SocketWrapper[Person]

pytestmark = pytest.mark.skipif(
    "config.getoption('--through-asgi')", reason="WebSockets are left to ASGI, as was asked for"
)


@pytest.fixture
def people() -> Wrapper:
    people = people_wrapper()

    @people.listener("echo")
    async def on_echo(wrapper: Wrapper, client: Client[Person], person: Person, anything: Any) -> Any:
        return anything

    return people


@pytest.fixture
async def url(people: Wrapper) -> AsyncIterator[str]:
    async with serving(people, limits=GENEROUS) as url:
        yield url


def direct_of(people: Wrapper) -> Any:
    """What the server has of the one client that there is."""
    (socket,) = engine_of(people).eio.sockets.values()
    return socket._direct


@pytest.mark.parametrize("missing", ["transport", "frames", "conn", "queue", "writable"])
def test_what_is_relied_on_in_the_libraries_is_looked_at(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = WebSocketsSansIOProtocol.__init__

    def make_another(self: Any, *args: Any, **more: Any) -> None:
        make(self, *args, **more)
        delattr(self, missing)

    monkeypatch.setattr(WebSocketsSansIOProtocol, "__init__", make_another)
    assert missing in {what.partition(" ")[0].partition(".")[0] for what in libraries.differences()}


def test_a_parser_that_waits_elsewhere_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        StreamReader.at_eof, "__code__", StreamReader.at_eof.__code__.replace(co_qualname="x")
    )
    assert libraries.differences() == ["conn.parser is in reader.at_eof between frames"]


def test_the_libraries_are_as_the_direct_way_expects_them() -> None:
    """If this fails after an upgrade, the first lines of app/engine/libraries.py say what to do."""
    assert libraries.differences() == []


async def test_a_library_that_changed_leaves_websockets_to_asgi_with_one_warning(
    people: Wrapper, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*_: object) -> None:
        raise AttributeError("reader")

    monkeypatch.setattr(libraries, "_protocol", crash)
    libraries.are_as_expected.cache_clear()
    try:
        for _ in range(2):
            async with serving(people) as url, raw_socket(url) as client:
                await client.join("/people", {"token": "Ada"})
                assert direct_of(people) is None
                assert await client.ask("/people", 1, "echo", "hi") == {"ok": True, "data": "hi"}
    finally:
        libraries.are_as_expected.cache_clear()
    (warning,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert "a protocol can be made (AttributeError('reader'))" in warning.getMessage()


async def test_a_connection_that_is_silent_has_no_task(people: Wrapper, url: str) -> None:
    async with raw_socket(url) as first:
        await first.join("/people", {"token": "Ada"})
        before = tasks()
        async with raw_socket(url) as second:
            await second.join("/people", {"token": "Eve"})
            await until(lambda: not engine_of(people).busy)
            more = tasks() - before
    # Those are the client's.
    assert {name for name in more if "app." in name or "uvicorn" in name or "ASGI" in name} == set()


@pytest.mark.parametrize(
    "with_the_upgrade", [[], ["40/people,{}"], ["40/people,{}", '42/people,1["echo",7]']]
)
async def test_what_comes_together_with_an_upgrade_is_not_lost(
    people: Wrapper, url: str, with_the_upgrade: list[str]
) -> None:
    """As in the next segment: the first packets of a session may come with the one that ends the upgrade."""
    async with raw_polling(url) as polling:
        websocket_url = polling.url.replace("http", "ws", 1).replace("polling", "websocket")
        async with connect(websocket_url, proxy=None) as websocket:
            await websocket.send("2probe")
            assert await websocket.recv() == "3probe"
            frames = [Frame(Opcode.TEXT, text.encode()) for text in ("5", *with_the_upgrade)]
            websocket.transport.write(b"".join(frame.serialize(mask=True) for frame in frames))
            if with_the_upgrade:
                answer = await websocket.recv()
                assert isinstance(answer, str)
                assert answer.startswith("44/people,")
            else:
                await websocket.send('40/people,{"token":"Ada"}')
                answer = await websocket.recv()
                assert isinstance(answer, str)
                assert answer.startswith("40/people,")
            assert isinstance(direct_of(people), DirectWebSocket)


async def test_an_upgrade_may_spell_its_session_in_any_way_that_urls_have(url: str) -> None:
    async with raw_polling(url) as polling:
        websocket_url = polling.url.replace("http", "ws", 1).replace("polling", "websocket")
        async with connect(websocket_url.replace("sid=", "%73id="), proxy=None) as websocket:
            await websocket.send("2probe")
            assert await asyncio.wait_for(websocket.recv(), 5) == "3probe"


async def test_a_websocket_that_is_kept_from_the_engine_is_closed_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = SocketServer([]).asgi_app(FastAPI())

    async def without_extensions(scope: Scope, receive: Receive, send: Send) -> None:
        await app({name: value for name, value in scope.items() if name != "extensions"}, receive, send)

    async with serving_app(without_extensions) as server:
        with pytest.raises(InvalidMessage):  # There is no answer.
            await connect(f"ws://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=websocket", proxy=None)
        await until(lambda: not server.connections)
    (error,) = (record for record in caplog.records if record.levelno >= logging.ERROR)
    assert "the extensions of its ASGI scope did not reach the engine" in error.getMessage()


async def test_an_empty_text_together_with_an_upgrade_is_refused_like_any_other(
    people: Wrapper, url: str
) -> None:
    async with raw_polling(url) as polling:
        websocket_url = polling.url.replace("http", "ws", 1).replace("polling", "websocket")
        async with connect(websocket_url, proxy=None) as websocket:
            await websocket.send("2probe")
            assert await websocket.recv() == "3probe"
            frames = [Frame(Opcode.TEXT, text) for text in (b"5", b"")]
            websocket.transport.write(b"".join(frame.serialize(mask=True) for frame in frames))
            async with asyncio.timeout(5):  # Less than it may be in no namespace.
                assert await websocket.recv() == "1"
                with pytest.raises(ConnectionClosed):
                    await websocket.recv()
    await until_forgotten(people)


async def test_all_that_waits_for_a_client_is_sent_in_its_order_once_it_reads(
    people: Wrapper, url: str
) -> None:
    async with raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        client.stall()
        for number in range(600):
            await people.broadcast(undeclared("news"), number, "x" * 5_000)
        assert 100_000 < direct_of(people)._unsent_bytes < 3_100_000
        client.go_on()
        heard = [await client.receive() for _ in range(600)]
        assert [str(packet)[:20] for packet in heard] == [
            f'42/people,["news",{number},"xxxxxxxx'[:20] for number in range(600)
        ]
        assert (direct_of(people)._unsent_bytes, direct_of(people)._is_full) == (0, False)
        assert await client.ask("/people", 1, "echo", "still here") == {"ok": True, "data": "still here"}


@pytest.mark.parametrize(
    ("frame", "code", "limit"),
    [
        (b"\x81\x02hi", 1002, "malformed"),  # Without a mask.
        (b"\xc1\x80" + bytes(4), 1002, "malformed"),  # A reserved bit.
        (b"\x81\x81" + bytes(4) + b"\xff", 1007, "malformed"),
        (b"\x81\xff" + (3_000_000).to_bytes(8), 1009, "too_large"),
    ],
)
async def test_who_breaks_the_rules_is_told_twice(
    people: Wrapper, url: str, frame: bytes, code: int, limit: str
) -> None:
    async with raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        client.transport.write(
            text_frame('42/people,1["echo",1]') + frame + text_frame('42/people,2["echo",2]')
        )
        heard = [str(packet) for packet in await client.until_closed()]
        assert client.close_code == code
    await until_forgotten(people)
    # The ack of what came before may come, or not: the connection was closed before its listener's turn.
    assert [packet[:40] for packet in heard if not packet.startswith("43")] == [
        f'42/people,["closing",{{"code":"{limit}","message":"'[:40],
        "1",
    ]


async def test_a_client_that_says_goodbye_is_answered_with_its_code(people: Wrapper, url: str) -> None:
    async with raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.close(4_000)
        assert client.close_code == 4_000
    await until_forgotten(people)


async def test_a_client_that_does_not_answer_a_goodbye_is_cut_in_time(
    people: Wrapper, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.engine.direct_websocket.CLOSE_TIMEOUT_S", 0.1)
    async with raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        connections = direct_of(people)._connections
        client.stall()
        await people.disconnect_client("Ada")
        (socket,) = engine_of(people).eio.sockets.values()
        socket.end()
        assert len(connections) == 1
        await until(lambda: not connections)
        client.vanish()  # Or it would wait for an answer, as well.
    await until_forgotten(people)


async def test_a_goodbye_that_fills_what_is_sent_at_once_is_waited_for_in_time(
    people: Wrapper, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.engine.direct_websocket.CLOSE_TIMEOUT_S", 0.1)
    async with raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        direct = direct_of(people)
        connections = direct._connections
        client.stall()
        direct.send(bytes(ENOUGH_BYTES))  # With the goodbye, it is more than waits for the end of a turn.
        (socket,) = engine_of(people).eio.sockets.values()
        socket.end(silently=True)
        await until(lambda: not connections)
        client.vanish()
    await until_forgotten(people)


async def test_frames_after_a_goodbye_are_not_heard(people: Wrapper, url: str) -> None:
    heard: list[Any] = []

    @people.listener("note")
    async def on_note(wrapper: Wrapper, client: Client[Person], person: Person, anything: Any) -> None:
        heard.append(anything)

    async with raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        goodbye = bytearray(close_frame(NO_STATUS))
        goodbye[1] |= 0x80
        client.transport.write(
            text_frame('42/people,["note",1]')
            + bytes(goodbye)
            + bytes(4)
            + text_frame('42/people,["note",2]')
        )
        with pytest.raises(ConnectionClosed):
            await client.receive()
    await until_forgotten(people)
    assert heard == [1]


async def test_a_crash_in_the_engine_ends_one_connection_only(
    people: Wrapper, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with raw_socket(url) as client, raw_socket(url) as other:
        await client.join("/people", {"token": "Ada"})
        await other.join("/people", {"token": "Eve"})
        (victim, _) = engine_of(people).eio.sockets.values()

        def crash(*_: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(victim, "_handle", crash)
        await client.send(b"bytes")
        assert await client.until_closed() == ["1"]
        assert await other.ask("/people", 1, "echo", 1) == {"ok": True, "data": 1}
    await until_forgotten(people)
    assert "RuntimeError: a bug" in caplog.text


async def test_a_broadcast_while_clients_leave_reaches_those_who_stay(people: Wrapper, url: str) -> None:
    async def leave(client: RawSocket) -> None:
        await asyncio.sleep(0)
        client.vanish()

    async with raw_socket(url) as witness:
        await witness.join("/people", {"token": "Witness"})
        clients = []
        for number in range(20):
            client = await raw_socket(url).__aenter__()
            await client.join("/people", {"token": f"Ada{number}"})
            clients.append(client)
        leaving = [asyncio.create_task(leave(client)) for client in clients]
        for number in range(50):
            await people.broadcast(undeclared("news"), number)
            await asyncio.sleep(0)
        await asyncio.gather(*leaving)
        assert [await witness.receive() for _ in range(50)] == [
            f'42/people,["news",{number}]' for number in range(50)
        ]
    await until_forgotten(people)
