"""Clients of the proxy, each with an address of its own."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import socketio

from tests.core.wire import RawPolling
from tests.deployment.cluster import NAMESPACE, Node

# Each test takes addresses that no other has: 127.0.0.2 and so on.
_addresses = (f"127.0.{third}.{last}" for third in range(256) for last in range(2, 255))


def http_from(address: str) -> aiohttp.ClientSession:
    """A client with this address, and a new connection for each request."""
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(local_addr=(address, 0), force_close=True))


@asynccontextmanager
async def polling_from(address: str, url: str) -> AsyncIterator[RawPolling]:
    """A client that polls, in the namespace."""
    polling_url = f"{url}/socket.io/?EIO=4&transport=polling"
    async with http_from(address) as http:
        async with http.get(polling_url) as answer:
            answer.raise_for_status()
            greeting = json.loads((await answer.text()).removeprefix("0"))
        client = RawPolling(http, polling_url, greeting["sid"])
        assert await client.post(f"40{NAMESPACE},") == 200
        (packet,) = await client.poll()
        assert packet.startswith(f'40{NAMESPACE},{{"sid":'), packet
        yield client


async def ask(client: RawPolling, *event: Any) -> Any:
    """The data of an event's ack, by polling."""
    assert await client.post(f"42{NAMESPACE},7{json.dumps(event)}") == 200
    (packet,) = await client.poll()
    (ack,) = json.loads(packet.removeprefix(f"43{NAMESPACE},7"))
    return ack["data"]


async def address_at(node: Node, url: str) -> str:
    """A new client address, whose clients the proxy sends to this server."""
    for address in itertools.islice(_addresses, 100):
        async with http_from(address) as http, http.get(f"{url}/healthz") as answer:
            answer.raise_for_status()
        # It is logged before it is answered.
        if f" {address}:0 - " in node.log:
            return address
    raise AssertionError(f"nobody is sent to {node.name}")


class Usual:
    """A client of python-socketio with its default options, that remembers where it has been."""

    def __init__(self, client: socketio.AsyncClient) -> None:
        self._client = client
        self.seen: asyncio.Queue[str] = asyncio.Queue()
        client.on("connect", self._on_connect, namespace=NAMESPACE)

    async def _on_connect(self) -> None:
        ack = await self._client.call("look", (), namespace=NAMESPACE, timeout=5)
        self.seen.put_nowait(ack["data"]["node"])

    @property
    def transport(self) -> str:
        name: str = self._client.transport()
        return name

    async def node(self) -> str:
        """Where it has connected next."""
        return await asyncio.wait_for(self.seen.get(), 20)


@asynccontextmanager
async def usual_client(address: str, url: str, **options: Any) -> AsyncIterator[Usual]:
    async with http_from(address) as http:
        client = socketio.AsyncClient(http_session=http)
        usual = Usual(client)
        try:
            await client.connect(url, namespaces=[NAMESPACE], **options)
            yield usual
        finally:
            await client.shutdown()
