"""The half of an Engine.IO client that polls: requests with its packets, and requests for what is to be sent.

What is different from engineio's own socket, and why:

- `handle_post_request`: the library passes over malformed packets, and drops a request with more than 16
  packets without a word.
- `handle_get_request`: the library lets two polls at once take each other's packets, and does not notice that
  the client of a poll is gone.
- `poll`: the library makes a task with a time-out for each poll.
"""

import asyncio
from contextlib import suppress
from typing import Any

from engineio.async_socket import AsyncSocket
from engineio.exceptions import EngineIOError
from engineio.packet import NOOP, Packet
from starlette.types import Receive

from .gate import BAD_REQUEST
from .limits import ENOUGH_BYTES, HOLD_S, MAX_PACKETS_PER_POLL
from .metrics import size_of
from .request import until_abandoned


class PollingSocket(AsyncSocket):
    # The library's own; it does not say of what type.
    server: Any
    queue: Any

    def __init__(self, server: Any, sid: str) -> None:
        super().__init__(server, sid)
        self.posting = False
        self.polling = False
        self.queued_bytes = 0
        # Until a poll may go on that came while the session upgrades.
        self.upgraded_or_not: asyncio.Event | None = None

    def take(self, frame: str | bytes) -> bool:
        """Handle what the client sent; False: it was no packet, and the connection is closed now."""
        raise NotImplementedError

    async def handle_post_request(self, environ: Any) -> None:
        body: bytes = await environ["wsgi.input"].read()
        try:
            frames = body.decode().split("\x1e")
        except UnicodeDecodeError:
            frames = [""]  # Which is no packet either.
        for frame in frames:
            if not self.take(frame):
                # The library answers 400 if it knows the session, and fails if not.
                self.server.sockets[self.sid] = self
                raise EngineIOError

    async def handle_get_request(self, environ: Any) -> Any:
        """What engineio answers: packets, or a response."""
        if self.polling:
            await self.close(reason=self.server.reason.TRANSPORT_ERROR)
        if self.closing:
            return BAD_REQUEST.response()
        self.polling = True
        try:
            packets = await (self._hold() if self.upgrading else self._poll(environ["asgi.receive"]))
        finally:
            self.polling = False
        return packets or BAD_REQUEST.response()

    async def _hold(self) -> list[Packet]:
        """Send a poll away that a session makes while it upgrades; none: it should have known better."""
        if self.upgraded_or_not is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.upgraded_or_not.wait(), HOLD_S)
        return [] if self.upgraded else [Packet(NOOP)]

    async def _poll(self, receive: Receive) -> list[Packet]:
        poll = asyncio.ensure_future(self.poll())
        abandoned = asyncio.ensure_future(until_abandoned(receive))
        try:
            await asyncio.wait((poll, abandoned), return_when=asyncio.FIRST_COMPLETED)
            if abandoned.done():
                await self.close(abort=True, reason=self.server.reason.TRANSPORT_ERROR)
            return await poll
        finally:
            poll.cancel()
            abandoned.cancel()

    async def poll(self) -> list[Packet]:
        """What is to be sent, as soon as there is something; nothing: the connection is closed."""
        packets: list[Packet] = []
        taken_bytes = 0
        queue = self.queue  # A WebSocket may have no use for it before this is done.
        packet = await queue.get()
        while packet is not None:
            packets.append(packet)
            taken_bytes += size_of(packet.data)
            # Not more at once, since what is taken from the queue counts no more.
            if len(packets) == MAX_PACKETS_PER_POLL or taken_bytes > ENOUGH_BYTES or queue.empty():
                break
            packet = queue.get_nowait()
        else:
            queue.put_nowait(None)  # For the next one who asks.
        self.queued_bytes -= taken_bytes
        return packets
