"""Clients that take their time to say what they want, so that the server keeps waiting for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from app.engine import Limits, SocketServer
from app.engine.limits import MAX_HEAD_BYTES, MAX_HEADERS, MAX_PIPELINED, SPARE_CONNECTIONS
from tests.core.behind import until, until_forgotten
from tests.core.people import people_wrapper
from tests.core.tcp import OPEN_WEBSOCKET, Tcp, serving_app, tcp, text_frame
from tests.core.wire import raw_polling

IMPATIENT = Limits(head_timeout_s=0.3, body_timeout_s=0.3)
TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Echo:
    """An application that answers with the size of what it got, after `delay_s`, or `at_once`."""

    def __init__(self, *, delay_s: float = 0, at_once: bool = False) -> None:
        self.delay_s = delay_s
        self.at_once = at_once
        self.received: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await asyncio.sleep(self.delay_s)
        size = 0
        while not self.at_once:
            message = await receive()
            size += len(message.get("body", b""))
            if not message.get("more_body", False):
                break
        body = str(size).encode()
        length = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": body})


@asynccontextmanager
async def connected(app: Any, limits: Limits = IMPATIENT) -> AsyncIterator[Tcp]:
    async with serving_app(app, limits=limits) as server, tcp(server.port) as client:
        yield client


async def drip(client: Tcp, drop: bytes) -> None:
    """Send it again and again, until the server has had enough."""
    try:
        while True:
            await client.send(drop)
            await asyncio.sleep(0.05)
    except ConnectionError:
        pass


async def answer_to_drops(client: Tcp, drop: bytes) -> bytes:
    dripping = asyncio.create_task(drip(client, drop))
    try:
        return await client.until_closed()
    finally:
        dripping.cancel()


async def test_a_connection_that_says_nothing_is_closed_without_an_answer() -> None:
    async with connected(Echo()) as client:
        assert await client.until_closed() == b""


@pytest.mark.parametrize("drop", [b"X", b"X: y\r\n"])
async def test_a_head_that_comes_in_drops_is_refused(drop: bytes) -> None:
    async with connected(Echo()) as client:
        await client.send(b"GET / HTTP/1.1\r\n")
        assert await answer_to_drops(client, drop) == TIMEOUT


async def test_who_is_too_slow_is_counted_but_not_who_says_nothing() -> None:
    async with serving_app(Echo(), limits=IMPATIENT) as server:
        for words, count in ((b"", {}), (b"GET / HT", {"slow_request": 1})):
            async with tcp(server.port) as client:
                await client.send(words)
                await client.until_closed()
            assert server.refused == count


async def test_the_next_request_of_a_connection_may_not_take_longer_than_the_first() -> None:
    async with connected(Echo()) as client:
        await client.send(GET)
        assert (await client.receive()).endswith(b"\r\n\r\n0")
        await client.send(b"GET / HTTP/1.1\r\n")
        assert await answer_to_drops(client, b"X") == TIMEOUT


async def test_line_breaks_do_not_keep_a_connection_alive() -> None:
    async with connected(Echo()) as client:
        await client.send(GET)
        assert (await client.receive()).endswith(b"\r\n\r\n0")
        assert await answer_to_drops(client, b"\r\n") == b""


class Note(BaseModel):
    text: str


@pytest.mark.parametrize("path", ["/notes", "/socket.io/?EIO=4&transport=polling&sid="])
async def test_a_body_that_comes_in_drops_is_refused(path: str) -> None:
    people = people_wrapper()
    http = FastAPI()

    @http.post("/notes")
    async def note(note: Note) -> None:
        raise AssertionError("there is no whole note")

    app = SocketServer([people]).asgi_app(http)
    async with (
        serving_app(app, limits=IMPATIENT) as server,
        raw_polling(f"http://127.0.0.1:{server.port}") as polling,
        tcp(server.port) as client,
    ):
        sid = polling.sid if path.endswith("sid=") else ""
        length = b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        await client.send(f"POST {path}{sid} HTTP/1.1\r\nHost: localhost\r\n".encode() + length)
        assert await answer_to_drops(client, b'"') == TIMEOUT
        if sid:
            # Nothing of what the client says can be read after half a request.
            await until_forgotten(people)


async def test_the_body_of_a_request_that_is_answered_already_is_not_waited_for() -> None:
    async with connected(Echo(at_once=True)) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert (await client.receive()).endswith(b"\r\n\r\n0")
        assert await answer_to_drops(client, b"1\r\nx\r\n") == b""


async def test_a_slow_application_is_waited_for_whatever_its_clients_send_meanwhile() -> None:
    """Its server reads no more of the body than fits into a buffer, until the application asks for it."""
    async with connected(Echo(delay_s=0.8)) as client:
        size = 5_000_000
        head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n"
        sending = asyncio.create_task(client.send(head.encode() + bytes(size)))
        answer = await client.receive()
        await sending
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(f"\r\n\r\n{size}".encode())


async def test_an_answer_that_takes_longer_than_a_request_may_is_given() -> None:
    async with connected(Echo(delay_s=0.8)) as client:
        await client.send(GET)
        assert (await client.receive()).startswith(b"HTTP/1.1 200 OK\r\n")


# Each begins a request whose head is too large, some of them without ever completing it.
@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET / HTTP/1.1\r\nCookie: ", b"x"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n", b"X: y\r\n"),
        (b"GET /", b"x"),
    ],
)
@pytest.mark.parametrize("end", [b"", b" HTTP/1.1\r\n\r\n"])
async def test_a_head_that_is_too_large_is_refused(start: bytes, more: bytes, end: bytes) -> None:
    end = end if start == b"GET /" else end[-4:]
    async with connected(Echo(), Limits()) as client:
        large = start + more * (2 * MAX_HEAD_BYTES // len(more)) + end
        for begin in range(0, len(large), 1000):
            try:
                await client.send(large[begin : begin + 1000])
            except ConnectionError:
                break
            await asyncio.sleep(0)
        assert await client.until_closed() in (TOO_LARGE, b"")


async def test_a_head_is_too_large_even_if_it_comes_at_once() -> None:
    async with connected(Echo(), Limits()) as client:
        await client.send(b"GET / HTTP/1.1\r\nCookie: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n")
        assert await client.until_closed() == TOO_LARGE


async def test_a_head_has_only_so_many_lines() -> None:
    """engineio puts those of one name together one by one, which takes long if there are thousands."""
    async with connected(Echo(), Limits()) as client:
        await client.send(GET[:-2] + b"X: y\r\n" * MAX_HEADERS + b"\r\n")
        assert await client.until_closed() == TOO_LARGE
    async with connected(Echo(), Limits()) as client:
        await client.send(GET[:-2] + b"X: y\r\n" * (MAX_HEADERS - 1) + b"\r\n")
        assert (await client.receive()).startswith(b"HTTP/1.1 200 OK")


CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"


@pytest.mark.parametrize(("start", "more"), [(b"0\r\n", b"X: y\r\n"), (b"0\r\nX: ", b"y"), (b"1;x=", b"y")])
@pytest.mark.parametrize("at_once", [False, True])
async def test_what_is_no_body_does_not_go_on_for_ever_either(
    start: bytes, more: bytes, at_once: bool
) -> None:
    """Lines after a body, and what the length of a piece of it may be followed by."""
    async with connected(Echo(at_once=at_once), Limits()) as client:
        await client.send(CHUNKED + start)
        with suppress(ConnectionError):
            for _ in range(100):
                await client.send(more * 1000)
                await asyncio.sleep(0)
        answer = await client.until_closed()
        assert answer.startswith(b"HTTP/1.1 200 OK") if at_once else answer in (TOO_LARGE, b"")


async def test_lines_after_a_body_are_no_headers() -> None:
    seen: list[list[tuple[bytes, bytes]]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body", False):
            pass
        seen.append(list(scope["headers"]))
        await Echo(at_once=True)(scope, receive, send)

    async with connected(app) as client:
        await client.send(CHUNKED + b"0\r\nAuthorization: Bearer x\r\n\r\n" + GET)
        await until(lambda: len(seen) == 2)
    assert seen == [
        [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")],
        [(b"host", b"localhost")],
    ]


async def test_only_heads_are_limited_to_that_size() -> None:
    """Of two requests, one after the other, and at once."""
    body = bytes(2 * MAX_HEAD_BYTES)
    cookie = b"x" * (MAX_HEAD_BYTES - 1000)
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nCookie: %b\r\nContent-Length: %d\r\n\r\n"
    request = head % (cookie, len(body)) + body
    async with connected(Echo(), Limits()) as client:
        for times in (1, 2):
            await client.send(request * times)
            answers = b""
            while answers.count(b"\r\n\r\n%d" % len(body)) < times:
                answers += await client.receive()
            assert answers.count(b"HTTP/1.1 200 OK") == times


async def test_an_opening_handshake_that_cannot_be_read_is_refused() -> None:
    """The library for WebSockets takes 128 headers."""
    async with connected(Echo(), Limits()) as client:
        await client.send(OPEN_WEBSOCKET[:-2] + b"X: y\r\n" * 150 + b"\r\n")
        bad_request = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        assert await client.until_closed() == bad_request


@pytest.mark.parametrize("body", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
async def test_an_opening_handshake_has_no_body_that_could_be_read_as_frames(body: bytes) -> None:
    handshake = OPEN_WEBSOCKET.replace(b"/", b"/socket.io/?EIO=4&transport=websocket", 1)
    async with connected(SocketServer([people_wrapper()]).asgi_app(Echo()), Limits()) as client:
        await client.send(handshake[:-2] + body + b"\r\n\r\n")
        assert (await client.receive()).startswith(b"HTTP/1.1 400 Bad Request\r\n")


async def test_no_websocket_is_opened_amid_an_answer() -> None:
    async with connected(Echo(delay_s=1), Limits()) as client:
        await client.send(GET + OPEN_WEBSOCKET)
        assert await client.until_closed() == b""


async def test_requests_that_wait_for_each_other_are_few() -> None:
    """The library would keep as many as come at once, each of them for the memory of a hundred."""
    async with connected(Echo(delay_s=0.2), Limits()) as client:
        await client.send(GET * (1 + MAX_PIPELINED))
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < 1 + MAX_PIPELINED:
            answers += await client.receive()
    async with connected(Echo(delay_s=0.2), Limits()) as client:
        await client.send(GET * (2 + MAX_PIPELINED))
        assert await client.until_closed() == b""


async def test_a_websocket_may_be_silent() -> None:
    """The limits for HTTP requests, one of which it was, are none of its business."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                await send({"type": "websocket.send", "text": "heard"})

    async with connected(app) as client:
        await client.send(OPEN_WEBSOCKET)
        assert (await client.receive()).startswith(b"HTTP/1.1 101 ")
        await asyncio.sleep(3 * IMPATIENT.body_timeout_s)
        await client.send(text_frame("hello"))
        assert await client.receive() == b"\x81\x05heard"


async def test_an_address_has_only_so_many_tcp_connections_whatever_they_are_for() -> None:
    limits, count = Limits(connections_per_address=1), 2 + SPARE_CONNECTIONS
    async with serving_app(Echo(at_once=True), limits=limits) as server, AsyncExitStack() as stack:
        idle, *_ = [await stack.enter_async_context(tcp(server.port)) for _ in range(count)]
        await until(lambda: len(server.connections) == count)
        async with tcp(server.port) as another:
            assert await another.until_closed() == b""
        assert server.refused == {"too_many_connections": 1}

        idle.close()
        await until(lambda: len(server.connections) == count - 1)
        websocket = await stack.enter_async_context(tcp(server.port))
        await websocket.send(OPEN_WEBSOCKET)
        await websocket.until_closed()
        await until(lambda: len(server.connections) == count - 1)
        again = await stack.enter_async_context(tcp(server.port))
        await again.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await again.receive()).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("proxies", "more"), [(["127.0.0.0/8"], 1), (["192.0.2.1", "2001:db8::/32"], 0)])
async def test_a_trusted_proxy_has_as_many_connections_as_it_has_clients(
    proxies: list[str], more: int
) -> None:
    limits, count = Limits(connections_per_address=1), 2 + SPARE_CONNECTIONS
    async with (
        serving_app(Echo(at_once=True), limits=limits, trusted_proxies=proxies) as server,
        AsyncExitStack() as stack,
    ):
        clients = [await stack.enter_async_context(tcp(server.port)) for _ in range(count + 1)]
        await clients[0].send(GET)
        await clients[0].receive()
        await until(lambda: len(server.connections) == count + more)
