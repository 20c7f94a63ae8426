"""Clients that do not read what they are sent, or read it slowly; on both event loops."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from secrets import token_urlsafe
from socket import IPPROTO_TCP, TCP_NODELAY
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.types import Message, Receive, Scope, Send

from app.__main__ import listen
from app.core import Client, SocketWrapper
from app.engine import Limits, SocketServer
from app.engine.limits import READ_BYTES
from app.engine.uvicorn_server import UvicornServer, uvicorn_config
from app.engine.websocket import CLOSED, WebSocket
from app.settings import Settings
from support import free_port
from tests.core.behind import until
from tests.core.people import Person, people_wrapper
from tests.core.tcp import LOOPS, OPEN_WEBSOCKET, Served, serving_app, tcp, text_frame

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
            for _ in range(20):
                await client.send(PING * 100)
                await asyncio.sleep(0)
            await asyncio.sleep(0.5)
            assert protocol.transport.get_write_buffer_size() <= before

    run(test)


@pytest.mark.parametrize(("piece", "text"), [(b"", ""), (b"c", "c" * 1000)])
def test_a_message_in_tiny_frames_takes_no_more_memory_than_another(
    run: Run, piece: bytes, text: str
) -> None:
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
            await client.send(b"\x01\x81\x00\x00\x00\x00a" + tiny_frame(0, piece) * 1000)
            await until(lambda: any(getattr(each, "frames", []) for each in server.connections))
            await asyncio.sleep(0.1)
            (protocol,) = server.connections
            assert len(protocol.frames) == 1
            await client.send(b"\x00\x81\x00\x00\x00\x00b" + b"\x80\x80\x00\x00\x00\x00")
            await until(lambda: heard)
            assert heard == [f"a{text}b"]

    run(test)


def tiny_frame(opcode: int, payload: bytes = b"") -> bytes:
    return bytes([opcode, 0x80 | len(payload), 0, 0, 0, 0]) + payload


@pytest.mark.parametrize("opcode", [0x8A, 0x89, 0x00])  # Pongs, pings, pieces of a message.
def test_frames_that_carry_nothing_are_not_read_for_long(run: Run, opcode: int) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await WebSocket(scope, receive, send).accept()
        await asyncio.Event().wait()

    async def test() -> None:
        async with serving_app(app) as server, tcp(server.port) as client:
            await client.send(OPEN_WEBSOCKET)
            await client.receive()
            (protocol,) = server.connections
            begin = tiny_frame(0x01, b"a") if opcode == 0x00 else b""
            with suppress(ConnectionError):
                await client.send(begin + tiny_frame(opcode) * 100_000)
            await until(lambda: server.refused == {"rate_limited": 1})
            await client.until_closed()
            # Each takes 10 µs to read: 256 kB of them, which is what loops read at once, half a second.
            assert len(protocol.conn.events) < READ_BYTES

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


class Filler:
    """Sends little by little, until something has to wait in the server; then does as it is told."""

    server: Served

    def __init__(self, *, closing: bool) -> None:
        self.full = False
        self.heard: list[object] = []
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        websocket = WebSocket(scope, receive, send)
        await websocket.receive()
        await websocket.accept()
        while not self.server.waiting_bytes:
            await websocket.send(bytes(100))
        self.full = True
        if self._closing:
            await websocket.close()
        else:
            self.heard.append(await websocket.receive())


def test_the_last_bytes_before_the_end_are_not_waited_for_either(run: Run) -> None:
    """So few that the library would not even notice."""
    app = Filler(closing=True)

    async def test() -> None:
        async with serving_app(app, limits=IMPATIENT) as app.server, tcp(app.server.port) as client:
            await client.send(OPEN_WEBSOCKET)
            await until(lambda: app.full)
            assert app.server.waiting_bytes < 1000
            await until(lambda: not app.server.connections, within_s=3)

    run(test)


def test_a_client_that_has_caught_up_is_left_alone(run: Run) -> None:
    app = Filler(closing=False)

    async def test() -> None:
        async with serving_app(app, limits=IMPATIENT) as app.server, tcp(app.server.port) as client:
            await client.send(OPEN_WEBSOCKET)
            await until(lambda: app.full)
            with suppress(TimeoutError):
                while True:
                    await client.receive(within_s=0.2)
            await asyncio.sleep(2 * IMPATIENT.write_timeout_s)
            await client.send(text_frame("back"))
            await until(lambda: app.heard)

    run(test)
    assert app.heard == ["back"]


def test_a_connection_with_an_answer_that_was_read_late_can_be_used_again(run: Run) -> None:
    """However little of it was left to be read."""
    server: Served

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            piece = {"type": "http.response.body", "body": b"x" * 100, "more_body": True}
            while scope["path"] == "/" and not server.waiting_bytes:
                await send(piece)
            await send({"type": "http.response.body"})

    async def test() -> None:
        nonlocal server
        async with serving_app(app, limits=IMPATIENT) as server, tcp(server.port) as client:
            await client.send(GET)
            await asyncio.sleep(0.2)
            answered = b""
            while not answered.endswith(b"\r\n0\r\n\r\n"):
                answered += await client.receive()
            await asyncio.sleep(2 * IMPATIENT.write_timeout_s)
            await client.send(GET.replace(b"/", b"/again", 1))
            assert (await client.receive()).startswith(b"HTTP/1.1 200 OK\r\n")

    run(test)


async def test_a_client_that_reads_slowly_gets_all_of_its_answer() -> None:
    """More than the system would take by itself, and then be busy with for longer than the limit."""
    size, slowly = 5_000_000, 1_500_000

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(send, size)

    async with serving_app(app, limits=Limits(write_timeout_s=1)) as server, tcp(server.port) as client:
        await client.send(GET_AND_CLOSE)
        received = 0
        while data := await client.receive():
            received += len(data)
            await asyncio.sleep(len(data) / 500_000 if received < slowly else 0)
    assert received > size


async def test_no_websocket_is_opened_behind_an_answer_that_is_not_read() -> None:
    async with serving_app(Talker(), limits=Limits()) as server, tcp(server.port) as client:
        await client.send(GET)
        await until(lambda: server.waiting_bytes)
        await client.send(OPEN_WEBSOCKET)
        assert b"HTTP/1.1 101" not in await client.until_closed()


async def test_a_websocket_that_is_opened_behind_answers_that_fill_the_buffers_is_watched() -> None:
    size, people = MUCH, people_wrapper()

    @people.listener("echo")
    async def echo(wrapper: SocketWrapper[Person], client: Client[Person], person: Person, it: str) -> str:
        return it

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, size)

    async with serving_app(SocketServer([people]).asgi_app(app), limits=IMPATIENT) as server:
        async with tcp(server.port) as client:
            await client.send(GET)
            await until(lambda: server.waiting_bytes)
            # The system has room for a part of what comes next, the answer to the handshake.
            size -= server.waiting_bytes + 50
        await until(lambda: not server.connections)
        async with tcp(server.port) as client:
            await client.send(GET)
            await asyncio.sleep(0.1)
            await client.send(OPEN_WEBSOCKET.replace(b"/", b"/socket.io/?EIO=4&transport=websocket", 1))
            await asyncio.sleep(0.1)
            with suppress(ConnectionError):  # It may be cut already.
                await client.send(text_frame('40/people,{"token":"Ada"}'))
                await client.send(text_frame(f'42/people,1["echo","{"x" * 500_000}"]'))
            await until(lambda: not server.connections)


@pytest.mark.parametrize("request_text", [GET, OPEN_WEBSOCKET], ids=["http", "websocket"])
@pytest.mark.parametrize("is_gone", [True, False])
async def test_only_a_client_that_is_still_there_is_counted_as_cut_off(
    request_text: bytes, is_gone: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving_app(Talker(), limits=IMPATIENT) as server, tcp(server.port) as client:
        await client.send(request_text)
        await until(lambda: server.waiting_bytes)
        if is_gone:
            client.close()
        await until(lambda: not server.connections)
        await asyncio.sleep(IMPATIENT.write_timeout_s)
        assert server.refused == ({} if is_gone else {"slow_reader": 1})
        assert ("127.0.0.1 is over a limit, slow_reader: " in caplog.text) is not is_gone


@pytest.mark.parametrize("request_text", [GET, OPEN_WEBSOCKET], ids=["http", "websocket"])
async def test_a_server_that_stops_does_not_wait_for_a_client_that_does_not_read(
    request_text: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncExitStack() as stack, serving_app(Talker()) as server:
        client = await stack.enter_async_context(tcp(server.port))
        await client.send(request_text)
        await until(lambda: server.waiting_bytes)
    assert server.refused == {"slow_reader": 1}
    assert "timeout graceful shutdown exceeded" not in caplog.text  # Which uvicorn says after 3 s.


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
