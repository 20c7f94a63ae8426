"""Requests and WebSockets to an Engine.IO server: nothing is answered that a test does not answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

SEPARATOR = "\x1e"


class Answer(NamedTuple):
    status: int
    text: str


@dataclass(frozen=True)
class Wire:
    """A way to a server. `url` ends with `/engine.io/` or `/socket.io/`."""

    http: aiohttp.ClientSession
    url: str

    async def request(self, query: str, method: str = "GET", body: str | bytes | None = None) -> Answer:
        async with self.http.request(method, f"{self.url}?{query}", data=body) as answer:
            return Answer(answer.status, await answer.text())

    async def open_session(self) -> str:
        """The sid of a new session that polls."""
        greeting = greeting_in((await self.request("EIO=4&transport=polling")).text)
        sid: str = greeting["sid"]
        return sid

    async def poll(self, sid: str, more: str = "") -> Answer:
        async with asyncio.timeout(5):
            return await self.request(f"EIO=4&transport=polling&sid={sid}{more}")

    async def post(self, sid: str, *packets: str) -> Answer:
        return await self.request(f"EIO=4&transport=polling&sid={sid}", "POST", SEPARATOR.join(packets))

    async def poll_until(self, sid: str, count: int) -> list[str]:
        """This many packets, but for pings, which are answered."""
        packets: list[str] = []
        while len(packets) < count:
            status, text = await self.poll(sid)
            assert status == 200, text
            polled = text.split(SEPARATOR)
            assert len(polled) <= 16, "a python-socketio client takes no more"
            if "2" in polled:
                polled.remove("2")
                await self.post(sid, "3")
            packets += polled
        return packets

    @asynccontextmanager
    async def websocket(self, query: str = "EIO=4&transport=websocket") -> AsyncIterator[ClientConnection]:
        async with connect(
            f"{self.url.replace('http', 'ws')}?{query}", max_size=None, proxy=None
        ) as websocket:
            yield websocket

    @asynccontextmanager
    async def greeted(self) -> AsyncIterator[ClientConnection]:
        """A WebSocket on which the server has said hello."""
        async with self.websocket() as websocket:
            greeting_in(await receive(websocket))
            yield websocket

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[ClientConnection]:
        """A WebSocket that has joined the namespace `/`."""
        async with self.greeted() as websocket:
            await websocket.send("40")
            assert (await receive(websocket)).startswith('40{"sid":')
            assert await receive(websocket) == '42["auth",{}]'
            yield websocket

    @asynccontextmanager
    async def upgraded(self, sid: str) -> AsyncIterator[ClientConnection]:
        async with self.websocket(f"EIO=4&transport=websocket&sid={sid}") as websocket:
            await websocket.send("2probe")
            assert await receive(websocket) == "3probe"
            await websocket.send("5")
            yield websocket

    async def websocket_is_refused(self, query: str) -> bool:
        """Before or after it is opened."""
        try:
            async with self.websocket(query) as websocket:
                await until_closed(websocket)
        except InvalidStatus:
            return True
        return True


def greeting_in(packet: str) -> dict[str, Any]:
    assert packet.startswith("0{"), packet
    greeting: dict[str, Any] = json.loads(packet[1:])
    return greeting


async def send(websocket: ClientConnection, *frames: str | bytes) -> None:
    for frame in frames:
        await websocket.send(frame)


async def receive(websocket: ClientConnection, *, within_s: float = 5) -> Any:
    """The next frame, be it text or bytes."""
    async with asyncio.timeout(within_s):
        return await websocket.recv()


async def receive_but_pings(websocket: ClientConnection, count: int) -> list[Any]:
    frames: list[Any] = []
    while len(frames) < count:
        if (frame := await receive(websocket)) != "2":
            frames.append(frame)
    return frames


async def until_closed(websocket: ClientConnection, *, within_s: float = 5) -> list[Any]:
    """What comes before the server closes a WebSocket."""
    frames: list[Any] = []
    async with asyncio.timeout(within_s):
        try:
            while True:
                frames.append(await websocket.recv())
        except ConnectionClosed:
            return frames
