"""Many clients at once, of every kind, some of whom do not do their part."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

from tests.core.tcp import stalled, tcp
from tests.core.wire import RawSocket, raw_polling, raw_socket

AT_ONCE = 50


class Crowd:
    """Everybody in /people of a server, until the stack is closed."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.names: list[str] = []
        self.websockets: list[RawSocket] = []
        self.polls: list[asyncio.Task[Any]] = []
        self._url = url
        self._port = int(url.rpartition(":")[2])
        self._stack = stack
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def add(self, *, websockets: int, polling: int) -> None:
        await asyncio.gather(*(self._websocket(f"websocket {number}") for number in range(websockets)))
        await asyncio.gather(*(self._polling(f"polling {number}") for number in range(polling)))

    async def add_stuck(self, each: int) -> None:
        """WebSockets that read nothing; half a body, half a handshake, and connections without a word."""
        for number in range(each):
            name = f"stalled {number}"
            await self._stack.enter_async_context(stalled(self._url, name))
            self.names.append(name)
            polling = await self._stack.enter_async_context(raw_polling(self._url))
            path = f"/socket.io/?EIO=4&transport=polling&sid={polling.sid}"
            await self._half_request(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n4")
            await self._half_request("GET /socket.io/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n")
            await self._half_request("")

    @property
    def farewells(self) -> Counter[str]:
        """What `restartable.py` notes when it stops: one for each."""
        return Counter(f"farewell {name}: server shutting down" for name in self.names)

    async def _websocket(self, name: str) -> None:
        async with self._turn:
            client = await self._stack.enter_async_context(raw_socket(self._url))
            await client.join("/people", {"token": name})
            self.websockets.append(client)
            self.names.append(name)

    async def _polling(self, name: str) -> None:
        async with self._turn:
            client = await self._stack.enter_async_context(raw_polling(self._url))
            await client.post(f'40/people,{{"token":"{name}"}}')
            await client.poll()
            self.names.append(name)
            self.polls.append(asyncio.create_task(client.poll()))

    async def _half_request(self, text: str) -> None:
        client = await self._stack.enter_async_context(tcp(self._port))
        await client.send(text.encode())
