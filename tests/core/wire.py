"""Clients that say what they like, packet by packet: no library keeps them from misbehaving.

A packet is text as on the wire: Engine.IO's type (`4` is a message), then Socket.IO's (`40/people,{}` asks to
connect to /people, `42/people,7["shout","hi"]` is an event that wants the ack number 7).
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.datastructures import HeadersLike
from websockets.exceptions import ConnectionClosed

PING, PONG, CLOSE = "2", "3", "1"


class RawSocket:
    """A WebSocket client. It answers pings unless it is `silent`."""

    def __init__(self, websocket: ClientConnection) -> None:
        self.silent = False
        self._websocket = websocket

    async def send(self, *packets: str | bytes) -> None:
        for packet in packets:
            await self._websocket.send(packet)

    async def receive(self, *, within_s: float = 5) -> str | bytes:
        """The next packet that is not a ping."""
        async with asyncio.timeout(within_s):
            while (packet := await self._websocket.recv()) == PING:
                if not self.silent:
                    await self._websocket.send(PONG)
        return packet

    async def receives(self, packet: str | bytes) -> None:
        assert await self.receive() == packet

    async def ask(self, namespace: str, number: int, *event: Any) -> Any:
        """The ack of an event; nothing else may come before it."""
        await self.send(f"42{namespace},{number}{json.dumps(event)}")
        packet = await self.receive()
        start = f"43{namespace},{number}"
        assert isinstance(packet, str)
        assert packet.startswith(start), packet
        (ack,) = json.loads(packet.removeprefix(start))
        return ack

    async def join(self, namespace: str, auth: Any = None) -> None:
        await self.send(f"40{namespace},{'' if auth is None else json.dumps(auth)}")
        packet = await self.receive()
        assert isinstance(packet, str)
        assert packet.startswith(f'40{namespace},{{"sid":'), packet

    async def until_closed(self, *, within_s: float = 5) -> list[str | bytes]:
        """What comes before the server closes the connection."""
        packets: list[str | bytes] = []
        async with asyncio.timeout(within_s):
            try:
                while True:
                    packets.append(await self._websocket.recv())
            except ConnectionClosed:
                return packets

    def stall(self) -> None:
        """Read nothing more."""
        self._websocket.transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        self._websocket.transport.resume_reading()

    @property
    def transport(self) -> asyncio.Transport:
        """For bytes that are no frames, or several at once."""
        return self._websocket.transport

    @property
    def close_code(self) -> int | None:
        """With which the server closed the connection."""
        return self._websocket.close_code

    async def close(self, code: int = 1_000) -> None:
        await self._websocket.close(code)

    def vanish(self) -> None:
        """Cut the TCP connection, without a word."""
        self._websocket.transport.abort()


@asynccontextmanager
async def raw_socket(
    url: str, query: str = "", *, headers: HeadersLike | None = None, address: str = "127.0.0.1"
) -> AsyncIterator[RawSocket]:
    """A WebSocket client that has read Engine.IO's greeting and said nothing yet."""
    address_of_server = url.replace("http", "ws") + f"/socket.io/?EIO=4&transport=websocket{query}"
    async with connect(
        address_of_server,
        additional_headers=headers,
        local_addr=(address, 0),
        max_size=None,
        max_queue=None,
        proxy=None,
    ) as websocket:
        greeting = await websocket.recv()
        assert isinstance(greeting, str)
        assert greeting.startswith("0{")
        yield RawSocket(websocket)


class RawPolling:
    """A client that polls when the test says so, and then answers pings."""

    def __init__(self, http: aiohttp.ClientSession, url: str, sid: str) -> None:
        self.sid = sid
        self._http = http
        self.url = f"{url}&sid={sid}"

    async def post(self, *packets: str) -> int:
        """The HTTP status of sending these packets together."""
        async with self._http.post(self.url, data="\x1e".join(packets)) as answer:
            return answer.status

    async def poll(self, *, within_s: float = 5) -> list[str]:
        """The packets that waited, or come first, but for pings."""
        packets: list[str] = []
        async with asyncio.timeout(within_s):
            while not packets:
                async with self._http.get(self.url) as answer:
                    answer.raise_for_status()
                    packets = (await answer.text()).split("\x1e")
                if PING in packets:
                    packets.remove(PING)
                    await self.post(PONG)
        return packets

    async def poll_until(self, count: int) -> list[str]:
        """At least this many packets, of as many polls as it takes."""
        packets: list[str] = []
        while len(packets) < count:
            packets += await self.poll()
        return packets


@asynccontextmanager
async def raw_polling(url: str, query: str = "") -> AsyncIterator[RawPolling]:
    """A polling client that has read Engine.IO's greeting and said nothing yet."""
    polling_url = f"{url}/socket.io/?EIO=4&transport=polling{query}"
    async with aiohttp.ClientSession() as http:
        async with http.get(polling_url) as answer:
            greeting = json.loads((await answer.text()).removeprefix("0"))
        yield RawPolling(http, polling_url, greeting["sid"])
