"""A real nginx, with the configuration that projects come with, in front of two servers."""

import asyncio
import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import aiohttp
import pytest
from websockets.exceptions import InvalidStatus

from support import register
from tests.core.wire import RawSocket, raw_socket
from tests.deployment.clients import address_at, ask, http_from, polling_from, usual_client
from tests.deployment.cluster import CONNECTIONS_PER_ADDRESS, NAMESPACE, Node, nginx, two_nodes
from tests.node.test_original_client import HERE as NODE_CLIENTS
from tests.node.test_original_client import node as node_command
from tests.services import require

# With what is around it, nearly all that MAX_MESSAGE_BYTES allows.
LARGE = "x" * 999_000
CREDENTIALS = {"email": "ada@example.com", "password": "long enough to be one"}


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Node]]:
    require("nginx", "apt install nginx-light")
    with two_nodes(tmp_path_factory.mktemp("cluster") / "project") as nodes:
        yield nodes


@pytest.fixture
def nodes(started: list[Node]) -> list[Node]:
    """Two servers, also when a test before has ended one."""
    gone = [node for node in started if not node.is_running]
    for node in gone:
        node.start()
    for node in gone:
        node.wait()
    return started


@pytest.fixture
def url(nodes: list[Node], tmp_path: Path) -> Iterator[str]:
    """A proxy in front of them."""
    with nginx(nodes, tmp_path) as url:
        yield url


async def test_who_polls_stays_with_one_server(nodes: list[Node], url: str) -> None:
    for node in nodes:
        for _ in range(3):
            address = await address_at(node, url)
            async with polling_from(address, url) as client:
                seen = [await ask(client, "look") for _ in range(4)]
            assert seen == [{"node": node.name, "address": address}] * 4


async def test_a_websocket_comes_through(nodes: list[Node], url: str) -> None:
    for node in nodes:
        address = await address_at(node, url)
        async with raw_socket(url, address=address) as client:
            await client.join(NAMESPACE)
            assert await look(client) == {"node": node.name, "address": address}


async def look(client: RawSocket) -> dict[str, str]:
    ack = await client.ask(NAMESPACE, 1, "look")
    seen: dict[str, str] = ack["data"]
    return seen


async def test_the_usual_client_begins_with_polling_and_upgrades(nodes: list[Node], url: str) -> None:
    for node in nodes:
        address = await address_at(node, url)
        async with usual_client(address, url) as client:
            assert await client.node() == node.name
            assert client.transport == "websocket"


async def test_users_and_tokens_of_one_server_are_those_of_the_other(nodes: list[Node], url: str) -> None:
    token = await register(url, "Ada")
    for node in nodes:
        async with raw_socket(url, address=await address_at(node, url)) as client:
            await client.join("/devUser", {"token": token})


async def test_nobody_shares_an_address_or_makes_one_up(nodes: list[Node], url: str) -> None:
    full, other = await address_at(nodes[0], url), await address_at(nodes[0], url)
    async with AsyncExitStack() as open_ones:
        for _ in range(CONNECTIONS_PER_ADDRESS):
            await open_ones.enter_async_context(raw_socket(url, address=full))
        with pytest.raises(InvalidStatus, match="403"):
            await open_ones.enter_async_context(
                raw_socket(url, address=full, headers={"X-Forwarded-For": "192.0.2.1"})
            )
        await open_ones.enter_async_context(raw_socket(url, address=other))


@pytest.mark.parametrize(("site", "status"), [(None, 200), ("https://evil.example.com", 400)])
async def test_only_pages_of_this_site_connect(url: str, site: str | None, status: int) -> None:
    page = {"Origin": site or url}
    async with (
        aiohttp.ClientSession(headers=page) as http,
        http.get(f"{url}/socket.io/?EIO=4&transport=polling") as answer,
    ):
        assert answer.status == status


async def test_a_large_message_comes_and_goes(nodes: list[Node], url: str) -> None:
    address = await address_at(nodes[0], url)
    async with polling_from(address, url) as client:
        assert await ask(client, "echo", LARGE) == LARGE
    async with raw_socket(url, address=address) as client_of_websocket:
        await client_of_websocket.join(NAMESPACE)
        ack = await client_of_websocket.ask(NAMESPACE, 1, "echo", LARGE)
        assert ack == {"ok": True, "data": LARGE}


async def test_the_server_says_what_is_too_large(nodes: list[Node], url: str) -> None:
    address = await address_at(nodes[0], url)
    packet = f'42{NAMESPACE},["echo","{"x" * 1_000_000}"]'
    async with (
        polling_from(address, url) as client,
        http_from(address) as http,
        http.post(client.url, data=packet) as answer,
    ):
        assert (answer.status, await answer.json()) == (413, {"code": 3, "message": "Payload too large"})


async def test_a_poll_waits(nodes: list[Node], url: str) -> None:
    async with polling_from(await address_at(nodes[1], url), url) as client:
        assert await ask(client, "later", 1.5) is None


async def test_an_address_cannot_take_all_connections(nodes: list[Node], url: str) -> None:
    greedy, other = await address_at(nodes[0], url), await address_at(nodes[0], url)
    port = int(url.rpartition(":")[2])
    with ExitStack() as open_ones:
        for _ in range(544):
            client = socket.create_connection(("127.0.0.1", port), source_address=(greedy, 0))
            open_ones.enter_context(client)
            client.sendall(b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        for address, status in ((greedy, 429), (other, 200)):
            async with http_from(address) as http, http.get(f"{url}/healthz") as answer:
                assert answer.status == status


# A server goes.


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_clients_of_a_server_that_goes_come_back_to_the_other_one(
    how: signal.Signals, nodes: list[Node], url: str
) -> None:
    doomed, other = nodes
    here, there = await address_at(doomed, url), await address_at(other, url)
    async with (
        usual_client(here, url) as upgraded,
        usual_client(here, url, transports=["polling"]) as polling,
        raw_socket(url, address=there) as socket_there,
        polling_from(there, url) as polling_there,
    ):
        assert [await each.node() for each in (upgraded, polling)] == [doomed.name] * 2
        await socket_there.join(NAMESPACE)
        waiting = asyncio.create_task(ask(polling_there, "later", 1.0))

        await asyncio.to_thread(doomed.stop, how)

        assert [await each.node() for each in (upgraded, polling)] == [other.name] * 2
        # These have noticed nothing.
        assert await waiting is None
        assert await ask(polling_there, "look") == {"node": other.name, "address": there}
        ack = await socket_there.ask(NAMESPACE, 1, "look")
        assert ack["data"] == {"node": other.name, "address": there}


async def test_what_a_server_may_have_done_is_not_asked_of_the_other_one(nodes: list[Node], url: str) -> None:
    doomed = nodes[0]
    address = await address_at(doomed, url)
    doomed.suspend()
    async with http_from(address) as http:
        registering = asyncio.create_task(http.post(f"{url}/api/users", json={"name": "Ada", **CREDENTIALS}))
        await asyncio.sleep(0.5)  # The request is in the buffers of a server that hangs ...
        doomed.stop(signal.SIGKILL)  # ... and dies.
        async with await registering as answer:
            assert answer.status == 502
        # What has reached nobody is sent to the other one, which has not heard of Ada.
        async with http.post(f"{url}/api/login", json=CREDENTIALS) as answer:
            assert answer.status == 401


def test_javascripts_client_comes_back_to_the_other_server(nodes: list[Node], url: str) -> None:
    command = node_command(str(NODE_CLIENTS / "default_options.mjs"), url)
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    try:
        lines = map(json.loads, client.stdout)
        before = next(lines)
        assert before in [{"times": 1, "transport": "websocket", "node": node.name} for node in nodes]
        left, right = nodes if before["node"] == nodes[0].name else reversed(nodes)
        left.stop()
        assert next(lines) == {"reason": "transport close"}
        assert next(lines) == {"times": 2, "transport": "websocket", "node": right.name}
        assert next(lines) == {"reason": "io client disconnect"}
        assert client.wait(timeout=10) == 0
    finally:
        client.kill()
        client.wait()
        client.stdout.close()
