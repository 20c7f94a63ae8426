"""Takes the steps of a sequence: several clients at once, who wait for each other only if they want to."""

import asyncio
import base64
from dataclasses import dataclass
from typing import Final

from tests.protocol.fuzzing.lines import (
    Line,
    Manner,
    open_line,
    request,
    websocket_frame,
    websocket_request,
)
from tests.protocol.fuzzing.packets import Frame
from tests.protocol.fuzzing.steps import (
    Act,
    Garble,
    Leave,
    Open,
    Poll,
    Request,
    Say,
    Step,
    Transport,
    Upgrade,
    Wait,
)

TEXT, BINARY, CLOSE = 1, 2, 8
PATIENCE_S: Final = 0.25
# A poll ends only when there is something to send.
POLL_PATIENCE_S: Final = 0.02


@dataclass
class Counts:
    """What was sent: WebSocket frames, and requests, among them those for a WebSocket."""

    frames: int = 0
    requests: int = 0

    @property
    def total(self) -> int:
        return self.frames + self.requests


@dataclass
class Peer:
    """Somebody with an Engine.IO session: over a WebSocket, or by polling."""

    sid: str | None
    websocket: Line | None


class Crowd:
    def __init__(self, port: int, counts: Counts) -> None:
        self._port = port
        self._counts = counts
        self._peers: dict[int, Peer] = {}
        self._lines: list[Line] = []
        # Those who do not even say goodbye when everybody goes home.
        self._silent: set[str] = set()
        self._sids: list[str] = []

    async def take(self, step: Step) -> None:
        match step:
            case Open():
                await self._open(step)
            case Say():
                await self._say(await self._peer(step.slot), step.frames, step.manner)
            case Poll():
                await self._poll((await self._peer(step.slot)).sid, step.manner)
            case Upgrade():
                await self._upgrade(await self._peer(step.slot), step)
            case Request():
                sid = (await self._peer(step.slot)).sid or ""
                query = step.query.replace(b"SID", sid.encode())
                asked = request(step.method, query, headers=step.headers, body=step.body)
                await self._request(asked, step.manner, patience_s=POLL_PATIENCE_S)
            case Garble():
                if (line := (await self._peer(step.slot)).websocket) is not None:
                    self._counts.frames += 1
                    line.write(step.content)
            case Leave():
                await self._leave(step)
            case Wait():
                await asyncio.sleep(step.seconds)
            case Act():
                raise TypeError("that is the server's to do")

    async def go_home(self) -> None:
        """Everybody goes; those who poll say goodbye, or the server would have to wait for each of them."""
        for sid in self._sids:
            if sid not in self._silent:
                await self._poll(sid, "patient")
        for number, line in enumerate(self._lines):
            if number % 2:
                line.reset()
            else:
                line.end()
        for sid in self._sids:
            if sid not in self._silent:
                await self._post(sid, ("1",), "patient")
        for line in self._lines:
            line.transport.abort()
            await line.until(None, within_s=5)
            assert not line.received.startswith(b"HTTP/1.1 5"), bytes(line.received[:300])

    async def _peer(self, slot: int) -> Peer:
        if slot not in self._peers:
            transport: Transport = "websocket" if slot % 2 else "polling"
            await self._open(Open(slot, transport, b"", ('40/people,{"token":"Ada"}',), True))
        return self._peers[slot]

    async def _open(self, step: Open) -> None:
        query = b"EIO=4&transport=" + step.transport.encode() + step.query
        if step.transport == "polling":
            answer = await self._request(request("GET", query), "patient", patience_s=PATIENCE_S)
            peer = Peer(answer.sid, None)
        else:
            line = await self._websocket(query)
            await line.until(b"}", within_s=PATIENCE_S)
            peer = Peer(line.sid, line)
            if not step.reads:
                line.stop_reading()
        if peer.sid is not None:
            self._sids.append(peer.sid)
        self._peers[step.slot] = peer
        await self._say(peer, step.packets, "patient")

    async def _websocket(self, query: bytes) -> Line:
        line = await self._line()
        self._counts.requests += 1
        line.write(websocket_request(query))
        await line.until(b"\r\n\r\n", within_s=PATIENCE_S)
        return line

    async def _say(self, peer: Peer, frames: tuple[Frame, ...], manner: Manner) -> None:
        if peer.websocket is not None:
            self._counts.frames += len(frames)
            peer.websocket.say(b"".join(map(wired, frames)), manner)
            if manner == "patient":
                await turns(3)
        elif peer.sid is not None:
            await self._post(peer.sid, frames, manner)

    async def _post(self, sid: str, frames: tuple[Frame, ...], manner: Manner) -> None:
        body = b"\x1e".join(
            b"b" + base64.b64encode(frame) if isinstance(frame, bytes) else encoded(frame) for frame in frames
        )
        query = f"EIO=4&transport=polling&sid={sid}".encode()
        await self._request(request("POST", query, body=body), manner, patience_s=PATIENCE_S)

    async def _poll(self, sid: str | None, manner: Manner) -> None:
        query = f"EIO=4&transport=polling&sid={sid}".encode()
        await self._request(request("GET", query), manner, patience_s=POLL_PATIENCE_S)

    async def _upgrade(self, peer: Peer, step: Upgrade) -> None:
        line = await self._websocket(f"EIO=4&transport=websocket&sid={peer.sid}".encode())
        self._counts.frames += len(step.frames)
        line.write(b"".join(map(wired, step.frames)))
        await turns(3)
        if step.goes_on:
            peer.websocket = line

    async def _leave(self, step: Leave) -> None:
        peer = self._peers.pop(step.slot, None)
        if peer is None:
            return
        line = peer.websocket
        if step.how == "packet":
            await self._say(peer, ("1",), "patient")
        elif step.how == "silence" and peer.sid is not None:
            self._silent.add(peer.sid)
        elif line is not None and step.how == "close frame":
            line.write(websocket_frame(b"\x03\xe8", CLOSE))
        elif line is not None and step.how == "end":
            line.end()
        elif line is not None:
            line.reset()

    async def _request(self, content: bytes, manner: Manner, *, patience_s: float) -> Line:
        line = await self._line()
        self._counts.requests += 1
        line.say(content, manner)
        if manner == "patient":
            await line.until(None, within_s=patience_s)
        return line

    async def _line(self) -> Line:
        line = await open_line(self._port)
        self._lines.append(line)
        return line


def encoded(text: str) -> bytes:
    """Lone surrogates as they are: no client should, and no server may believe it."""
    return text.encode(errors="surrogatepass")


def wired(frame: Frame) -> bytes:
    if isinstance(frame, bytes):
        return websocket_frame(frame, BINARY)
    return websocket_frame(encoded(frame), TEXT)


async def turns(count: int) -> None:
    """Let others do something."""
    for _ in range(count):
        await asyncio.sleep(0)
