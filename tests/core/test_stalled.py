"""Clients that do not read what they are sent, or read it slowly; on both event loops."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from secrets import token_urlsafe
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.types import Message, Receive, Scope, Send

from app.__main__ import listen
from app.engine import Limits
from app.engine.uvicorn_server import UvicornServer, uvicorn_config
from app.engine.websocket import CLOSED, WebSocket
from app.settings import Settings
from support import free_port
from tests.core.behind import until
from tests.core.tcp import LOOPS, OPEN_WEBSOCKET, serving_app, tcp

IMPATIENT = Limits(write_timeout_s=0.5)
MUCH = 20_000_000  # More than fits into the system's buffers.
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
GET_AND_CLOSE = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

Run = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture(params=LOOPS, ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a test on the loop whose turn it is."""

    def run(test: Callable[[], Awaitable[None]]) -> None:
        async def awaited() -> None:
            await test()

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(awaited())

    return run


async def answer(send: Send, size: int) -> None:
    length = [(b"content-length", str(size).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": bytes(size)})


class Talker:
    """An application that sends to each WebSocket for ever, and answers each request at length."""

    def __init__(self) -> None:
        self.sockets: list[WebSocket] = []
        self.sent = 0
        self.errors: list[BaseException] = []
        self.left: list[object] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._talk(WebSocket(scope, receive, send))
        elif scope["type"] == "http":
            await receive()
            await answer(send, MUCH)

    async def _talk(self, websocket: WebSocket) -> None:
        self.sockets.append(websocket)
        await websocket.receive()
        await websocket.accept()
        try:
            while True:
                await websocket.send(bytes(65536))
                self.sent += 1
        except CLOSED as error:
            self.errors.append(error)
        self.left.append(await websocket.receive())

    async def until_stuck(self) -> None:
        before = -1
        while before != self.sent or not self.sent:
            before = self.sent
            await asyncio.sleep(0.1)


def test_a_websocket_whose_client_does_not_read_can_be_aborted_at_once(run: Run) -> None:
    talker = Talker()

    async def test() -> None:
        async with serving_app(talker) as server, tcp(server.port) as client:
            await client.send(OPEN_WEBSOCKET)
            await talker.until_stuck()

            talker.sockets[0].abort()

            await until(lambda: talker.left, within_s=2)
            assert len(await client.until_closed()) < talker.sent * 65536

    run(test)
    assert [type(error).__name__ for error in talker.errors] == ["ClientDisconnected"]
    assert talker.left == [None]


PING = b"\x89\xfd\x00\x00\x00\x00" + bytes(125)


def test_a_client_that_does_not_read_cannot_ask_for_more_and_more_answers(run: Run) -> None:
    async def test() -> None:
        async with serving_app(Talker()) as server, tcp(server.port) as client:
            await client.send(OPEN_WEBSOCKET)
            await until(lambda: any(hasattr(each, "writable") for each in server.connections))
            (protocol,) = server.connections
            await until(lambda: not protocol.writable.is_set())
            before = protocol.transport.get_write_buffer_size()
            for _ in range(100):
                await client.send(PING * 100)
                await asyncio.sleep(0)
            await asyncio.sleep(0.5)
            assert protocol.transport.get_write_buffer_size() <= before

    run(test)


def test_a_message_of_empty_frames_takes_no_memory(run: Run) -> None:
    heard: list[str | bytes | None] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        websocket = WebSocket(scope, receive, send)
        await websocket.receive()
        await websocket.accept()
        heard.append(await websocket.receive())

    async def test() -> None:
        async with serving_app(app) as server, tcp(server.port) as client:
            await client.send(OPEN_WEBSOCKET)
            await client.receive()
            await client.send(b"\x01\x81\x00\x00\x00\x00a" + b"\x00\x80\x00\x00\x00\x00" * 10_000)
            await until(lambda: any(getattr(each, "frames", []) for each in server.connections))
            await asyncio.sleep(0.1)
            (protocol,) = server.connections
            assert len(protocol.frames) == 1
            await client.send(b"\x00\x81\x00\x00\x00\x00b" + b"\x80\x80\x00\x00\x00\x00")
            await until(lambda: heard)
            assert heard == ["ab"]

    run(test)


async def test_servers_that_cannot_abort_a_websocket_are_not_asked_to() -> None:
    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        pass

    WebSocket({"type": "websocket"}, receive, send).abort()
    WebSocket({"type": "websocket", "extensions": {}}, receive, send).abort()


def test_a_websocket_whose_client_does_not_read_is_cut(run: Run) -> None:
    talker = Talker()

    async def test() -> None:
        async with serving_app(talker, limits=IMPATIENT) as server, tcp(server.port) as client:
            await client.send(OPEN_WEBSOCKET)
            await until(lambda: talker.left)

    run(test)
    assert [type(error).__name__ for error in talker.errors] == ["ClientDisconnected"]


@pytest.mark.parametrize("request_text", [GET, GET_AND_CLOSE])
def test_a_client_that_does_not_read_its_answer_is_cut(run: Run, request_text: bytes) -> None:
    async def test() -> None:
        async with serving_app(Talker(), limits=IMPATIENT) as server, tcp(server.port) as client:
            await client.send(request_text)
            await until(lambda: server.connections)
            await until(lambda: not server.connections)
            assert len(await client.until_closed()) < MUCH

    run(test)


def test_the_last_bytes_before_the_end_are_not_waited_for_either(run: Run) -> None:
    """Less than what makes a transport pause by default, so that nobody would notice."""
    closed = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        websocket = WebSocket(scope, receive, send)
        await websocket.receive()
        await websocket.accept()
        for _ in range(10_000):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await websocket.send(bytes(1000))
                    continue
            break
        await websocket.close()
        closed.set()

    async def test() -> None:
        async with serving_app(app, limits=IMPATIENT) as server, tcp(server.port) as client:
            await client.send(OPEN_WEBSOCKET)
            await asyncio.wait_for(closed.wait(), 5)
            await until(lambda: not server.connections, within_s=3)

    run(test)


def test_a_client_that_reads_slowly_gets_all_of_its_answer(run: Run) -> None:
    """In many times the time after which it would be cut if it did not read."""
    size = 1_000_000

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, size)

    async def test() -> None:
        async with serving_app(app, limits=Limits(write_timeout_s=0.5)) as server, tcp(server.port) as client:
            await client.send(GET_AND_CLOSE)
            received = 0
            while data := await client.receive():
                received += len(data)
                await asyncio.sleep(len(data) / 400_000)
            assert received > size

    run(test)


def test_small_messages_are_sent_at_once(run: Run) -> None:
    """Without Nagle's algorithm, which waits until the client has confirmed what was sent before."""

    async def test() -> None:
        listening = listen(Settings(token_secret=SecretStr(token_urlsafe()), port=free_port()))
        server = UvicornServer(uvicorn_config(lambda: Talker()))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        async with tcp(listening.getsockname()[1]):
            await until(lambda: server.server_state.connections)
            (connection,) = server.server_state.connections
            socket: Any = connection.transport.get_extra_info("socket")
            assert socket.getsockopt(IPPROTO_TCP, TCP_NODELAY) == 1
        server.should_exit = True
        await serving

    run(test)
