"""Clients that cost little, so that hundreds of them fit into one process beside several servers."""

import asyncio
import random
import time
from collections.abc import Callable
from typing import Any

import orjson

from tests.cluster.soak.ledger import Heard, Message
from tests.core.tcp import OPEN_WEBSOCKET, text_frame

OPENING = OPEN_WEBSOCKET.replace(b"/", b"/socket.io/?EIO=4&transport=websocket", 1)
# Opcode 8 and the code 1000, masked with zeros.
CLOSE_FRAME = b"\x88\x82" + bytes(4) + (1_000).to_bytes(2)


class Connection(asyncio.Protocol):
    """A WebSocket of a user, who joins a room with it.

    Args:
        messages: All that anybody has said.
    """

    def __init__(self, heard: Heard, messages: dict[int, Message]) -> None:
        self.heard = heard
        self.ended = asyncio.Event()
        self.left_by_itself = False
        self._messages = messages
        self._received = bytearray()
        self._is_open = False
        self._asked: dict[int, Callable[[Any], None]] = {}

    @property
    def is_there(self) -> bool:
        return self.heard.in_room_at <= time.monotonic() and not self.ended.is_set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(OPENING)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._is_open:
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self._transport.abort()
                return
            self._is_open, self._received = True, rest
        while (payload := self._take_frame()) is not None:
            self._take(payload)

    def connection_lost(self, error: Exception | None) -> None:
        self._end()

    def leave(self, *, abruptly: bool) -> None:
        if not self.ended.is_set():
            self.left_by_itself = True
            if abruptly:
                self._transport.abort()
            else:
                self._close()
            self._end()

    def say(self, message: Message) -> None:
        def acked(answer: Any) -> None:
            message.acked_at = time.monotonic()
            message.reached = answer["data"]

        message.sent_at = time.monotonic()
        self._ask(message.id, acked, "say", message.as_sent())

    async def who(self) -> Any:
        """What the node says of who is online."""
        answered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._ask(0, answered.set_result, "who")
        return (await asyncio.wait_for(answered, 10))["data"]

    def _ask(self, number: int, answered: Callable[[Any], None], *event: Any) -> None:
        self._asked[number] = answered
        self._transport.write(text_frame(f"42/people,{number}{orjson.dumps(event).decode()}"))

    def _close(self) -> None:
        self._transport.write(CLOSE_FRAME)
        self._transport.close()

    def _end(self) -> None:
        if not self.ended.is_set():
            self.heard.ended_at = time.monotonic()
            self.ended.set()

    def _take_frame(self) -> bytes | None:
        """What is in the next frame. A server's are not masked."""
        received = self._received
        if len(received) < 2:
            return None
        size, start = received[1], 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(received[2:start])
        if len(received) < start + size:
            return None
        opcode, payload = received[0] & 0x0F, bytes(received[start : start + size])
        del received[: start + size]
        if opcode == 8:
            # Not waiting for the other end: a server that stops waits for its clients.
            self._close()
            self._end()
            return None
        return payload

    def _take(self, packet: bytes) -> None:
        if packet.startswith(b"42"):
            if not self.ended.is_set():
                self._hear(orjson.loads(packet.partition(b",")[2]))
        elif packet.startswith(b"43"):
            number, _, answer = packet.partition(b",")[2].partition(b"[")
            self._asked.pop(int(number))(*orjson.loads(b"[" + answer))
        elif packet == b"2":
            self._transport.write(text_frame("3"))
        elif packet.startswith(b"0"):
            self._transport.write(text_frame('40/people,{"token":"' + self.heard.user + '"}'))
        elif packet.startswith(b"40"):
            self.heard.joined_at = time.monotonic()
            self._ask(0, self._has_joined_room, "join", self.heard.room)
        elif packet:
            self.heard.odd.append(packet)

    def _has_joined_room(self, answer: Any) -> None:
        self.heard.in_room_at = time.monotonic()

    def _hear(self, event: list[Any]) -> None:
        message = self._messages.get(event[1].get("id")) if event[0] == "said" else None
        if message is None or event[1:] != [message.as_sent()]:
            self.heard.odd.append(event)
        elif message.id in self.heard.at:
            self.heard.twice.append(message.id)
        else:
            self.heard.at[message.id] = time.monotonic()


class Crowd:
    """Clients that come back, to any of the nodes, when they are thrown out or have left.

    Args:
        ports: Of the nodes.
    """

    def __init__(self, ports: list[int], chance: random.Random) -> None:
        self.messages: dict[int, Message] = {}
        self.connections: list[tuple[Connection, int]] = []
        """All that there ever were, each with its port."""
        self.now: dict[tuple[str, int], Connection] = {}
        """Those that there are, by user and number."""
        self._ports = ports
        self._chance = chance
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, user: str, number: int, room: str, port: int) -> None:
        self._tasks.append(asyncio.create_task(self._stay(user, number, room, port)))

    def those_there(self) -> list[Connection]:
        return [connection for connection in self.now.values() if connection.is_there]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in self.now.values():
            connection.leave(abruptly=False)

    async def _stay(self, user: str, number: int, room: str, port: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection = Connection(Heard(user, room), self.messages)
            try:
                await loop.create_connection(lambda made=connection: made, "127.0.0.1", port)  # type: ignore[misc]
            except OSError:
                pass  # It is being started.
            else:
                self.connections.append((connection, port))
                self.now[user, number] = connection
                await connection.ended.wait()
                await asyncio.sleep(self._chance.random() / 2)
            port = self._chance.choice(self._ports)
            await asyncio.sleep(0.02)
