"""TRUSTED_PROXIES: only they are believed when they say for whom they ask."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from websockets.exceptions import InvalidStatus

from app.core import Client, SocketOk, SocketWrapper, socket_ok
from app.engine import SocketServer
from support import RunningServer, start_server, stop_server
from tests.core.tcp import serving_app
from tests.core.wire import raw_socket

PROXY, CLIENT = "127.0.0.1", "127.0.0.9"
NETWORK = "2001:db8::/32"


@contextmanager
def application(folder: Path, **environment: str) -> Iterator[RunningServer]:
    server = start_server(folder, LOGIN_ATTEMPTS_PER_MINUTE="1", **environment)
    try:
        yield server
    finally:
        stop_server(server)


async def address_of_client(
    trusted: Sequence[str], forwarded: Sequence[str], *, connecting_from: str = PROXY
) -> str | None:
    """What a middleware is told. Of X-Forwarded-For there can be several."""
    seen: list[str | None] = []

    async def look(
        wrapper: SocketWrapper[Any], client: Client[Any], comm_id: str | None, metadata: Mapping[str, Any]
    ) -> SocketOk[None]:
        seen.append(client.handshake.address)
        return socket_ok(None)

    people: SocketWrapper[Any] = SocketWrapper(socket_namespace="people", connection_middleware=look)
    app = SocketServer([people]).asgi_app(FastAPI())
    headers = [("X-Forwarded-For", line) for line in forwarded]
    async with (
        serving_app(app, trusted_proxies=trusted) as server,
        raw_socket(f"http://127.0.0.1:{server.port}", headers=headers, address=connecting_from) as client,
    ):
        await client.join("/people")
    (address,) = seen
    return address


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        ([], ["6.6.6.6"], PROXY),
        (["10.0.0.0/8"], ["6.6.6.6"], PROXY),
        ([PROXY], ["192.0.2.7"], "192.0.2.7"),
        ([PROXY], [], PROXY),
        ([PROXY], [""], PROXY),
        # What the client sends itself is before what the proxy adds.
        ([PROXY], ["6.6.6.6, 192.0.2.7"], "192.0.2.7"),
        ([PROXY], ["6.6.6.6", "192.0.2.7"], "192.0.2.7"),
        ([PROXY, "10.0.0.0/8"], ["6.6.6.6, 192.0.2.7, 10.1.2.3"], "192.0.2.7"),
        ([PROXY, "10.0.0.0/8"], ["10.6.6.6, 192.0.2.7"], "192.0.2.7"),
        ([PROXY], ["2001:db9::7"], "2001:db9::7"),
        ([PROXY], ["[2001:db9::7]:4711"], "2001:db9::7"),
        ([PROXY, NETWORK], ["6::6, 2001:db9::7, 2001:DB8:0::1"], "2001:db9::7"),
    ],
)
async def test_the_address_is_what_the_last_proxy_that_is_trusted_says(
    trusted: list[str], forwarded: list[str], address: str
) -> None:
    assert await address_of_client(trusted, forwarded) == address


async def test_clients_that_pass_by_the_proxy_are_not_believed() -> None:
    assert await address_of_client([PROXY], ["6.6.6.6"], connecting_from=CLIENT) == CLIENT


async def test_the_log_has_the_clients_address_for_each_websocket(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    app = SocketServer([]).asgi_app(FastAPI())
    async with serving_app(app, trusted_proxies=[PROXY], access_log=True) as server:
        for number, headers in enumerate(({}, {"Origin": "https://evil.example.com"})):
            headers = {"X-Forwarded-For": f"192.0.2.{number}", **headers}
            with suppress(InvalidStatus):
                async with raw_socket(f"http://127.0.0.1:{server.port}", headers=list(headers.items())):
                    pass
    logged = [record.getMessage() for record in caplog.records if '"WebSocket ' in record.getMessage()]
    url = "/socket.io/?EIO=4&transport=websocket"
    assert logged == [f'192.0.2.0:0 - "WebSocket {url}" [accepted]', f'192.0.2.1:0 - "WebSocket {url}" 403']


async def log_in(server: RunningServer, *, forwarded: str, connecting_from: str = PROXY) -> int:
    credentials = {"email": "ada@example.com", "password": "a wrong password"}
    connector = aiohttp.TCPConnector(local_addr=(connecting_from, 0))
    async with (
        aiohttp.ClientSession(connector=connector, headers={"X-Forwarded-For": forwarded}) as http,
        http.post(f"{server.url}/api/login", json=credentials) as answer,
    ):
        return answer.status


async def test_nobody_gets_more_attempts_by_saying_to_be_somebody_else(tmp_path: Path) -> None:
    # uvicorn's own setting has no say.
    with application(tmp_path, FORWARDED_ALLOW_IPS="*") as server:
        assert await log_in(server, forwarded="192.0.2.1") == 401
        assert await log_in(server, forwarded="192.0.2.2") == 429


async def test_behind_a_proxy_everybody_has_attempts_of_their_own(tmp_path: Path) -> None:
    with application(tmp_path, TRUSTED_PROXIES=PROXY) as server:
        assert await log_in(server, forwarded="192.0.2.1") == 401
        assert await log_in(server, forwarded="192.0.2.2") == 401
        assert await log_in(server, forwarded="6.6.6.6, 192.0.2.2") == 429
        assert await log_in(server, forwarded="192.0.2.3", connecting_from=CLIENT) == 401
        assert await log_in(server, forwarded="192.0.2.4", connecting_from=CLIENT) == 429


FOREIGN = {"Origin": "https://evil.example.com"}


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", FOREIGN),
        # Before it lets a page send such a header, a browser asks.
        (
            "OPTIONS",
            FOREIGN
            | {
                "Access-Control-Request-Method": "GET",
                "Access-Control-Request-Headers": "x-forwarded-host,x-forwarded-proto",
            },
        ),
    ],
)
async def test_no_page_can_claim_to_be_of_this_site(method: str, headers: dict[str, str]) -> None:
    """python-engineio believes everybody's X-Forwarded-Host; it would take a page that can send one."""
    app = SocketServer([]).asgi_app(FastAPI())
    async with serving_app(app) as server, aiohttp.ClientSession(headers=headers) as http:
        url = f"http://127.0.0.1:{server.port}/socket.io/?EIO=4&transport=polling"
        async with http.request(method, url) as answer:
            assert answer.status == 400
            assert "Access-Control-Allow-Origin" not in answer.headers
