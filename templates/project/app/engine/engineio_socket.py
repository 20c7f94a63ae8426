"""One client of the Engine.IO server, by polling or by WebSocket.

engineio's own socket has the queue of what is to be sent. What is different here, and why:

- `handle_post_request`, and all that is read from a WebSocket: the library passes over malformed packets, and
  drops a request with more than 16 packets without a word.
- `handle_get_request`: the library lets two polls at once take each other's packets, does not notice that the
  client of a poll is gone, and begins a second upgrade while the first goes on.
- `close`: the library leaves polls pending and WebSockets open.
- `send`: the library queues without limit for a client that does not read.
- `poll`, `schedule_ping`: the library makes tasks where timers will do, and is late to notice a time-out.
"""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any, Final, cast

from engineio.async_socket import AsyncSocket
from engineio.exceptions import EngineIOError
from engineio.packet import CLOSE, MESSAGE, NOOP, PING, PONG, Packet
from starlette.types import Receive

from ..core.transport import DisconnectReason
from .gate import BAD_REQUEST
from .limits import ENOUGH_BYTES, HOLD_S, MAX_PACKETS_PER_POLL, UPGRADE_TIMEOUT_S
from .metrics import size_of
from .packets import BadPacket, read_frame
from .rates import TokenBucket
from .request import until_abandoned
from .timer import Timer
from .websocket import CLOSED, WebSocket

log = logging.getLogger(__name__)

SLOW_READER: Final[DisconnectReason] = "slow reader"


class EngineSocket(AsyncSocket):
    # The library's own; it does not say of what type.
    server: Any
    queue: Any
    last_ping: Any

    def __init__(self, server: Any, sid: str, origin: str) -> None:
        super().__init__(server, sid)
        self.origin = origin
        self.posting = False
        self._polling = False
        self._doomed = False
        self._websocket: WebSocket | None = None
        self._queued_bytes = 0
        limits = server.admission.limits
        # Whatever an event is made of; more than that is of no use.
        frames_per_event = 2 + limits.max_attachments
        self._frames = TokenBucket(
            limits.events_per_second * frames_per_event, limits.events_burst * frames_per_event
        )
        self._upgraded_or_not = asyncio.Event()
        self._timer = Timer()
        self._end: asyncio.Future[None] | None = None

    async def handle_post_request(self, environ: Any) -> None:
        body: bytes = await environ["wsgi.input"].read()
        try:
            frames = body.decode().split("\x1e")
        except UnicodeDecodeError:
            frames = [""]  # Which is no packet either.
        for frame in frames:
            if not await self._take(frame):
                # The library answers 400 if it knows the session, and fails if not.
                self.server.sockets[self.sid] = self
                raise EngineIOError

    async def handle_get_request(self, environ: Any) -> Any:
        """What engineio answers: packets, or a response; a WebSocket is over when this returns."""
        if environ["asgi.scope"]["type"] == "websocket":
            scope, receive, send = (environ[f"asgi.{name}"] for name in ("scope", "receive", "send"))
            return await self._talk(WebSocket(scope, receive, send))
        if self._polling:
            await self.close(reason=self.server.reason.TRANSPORT_ERROR)
        if self.closing or not await self.check_ping_timeout():
            return BAD_REQUEST.response()
        self._polling = True
        try:
            packets = await (self._hold() if self.upgrading else self._poll(environ["asgi.receive"]))
        finally:
            self._polling = False
        return packets or BAD_REQUEST.response()

    async def _hold(self) -> list[Packet]:
        """Send a poll away that a session makes while it upgrades; none: it should have known better."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._upgraded_or_not.wait(), HOLD_S)
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
        packet = await self.queue.get()
        while packet is not None:
            packets.append(packet)
            taken_bytes += size_of(packet.data)
            # Not more at once, since what is taken from the queue counts no more.
            if len(packets) == MAX_PACKETS_PER_POLL or taken_bytes > ENOUGH_BYTES or self.queue.empty():
                break
            packet = self.queue.get_nowait()
        else:
            self.queue.put_nowait(None)  # For the next one who asks.
        self._queued_bytes -= taken_bytes
        return packets

    async def send(self, pkt: Packet) -> None:
        if self._doomed or self.closing or not await self.check_ping_timeout():
            return
        self.queue.put_nowait(pkt)
        self._queued_bytes += size_of(pkt.data)
        if self._queued_bytes > self.server.admission.limits.max_queue_bytes:
            why = f"{self._queued_bytes} bytes wait for it"
            self.server.admission.refused("slow_reader", self.origin, why)
            self.give_up(SLOW_READER)

    async def _talk(self, websocket: WebSocket) -> str:
        await websocket.accept()
        self._websocket = websocket
        if self.connected and not await self._upgrade(websocket):
            await websocket.close()
            return ""
        self.connected = self.upgraded = True
        writer = asyncio.create_task(self._write(websocket))
        try:
            while (frame := await websocket.receive()) is not None and await self._take(frame):
                pass
        except BadPacket as problem:
            await self.refuse(problem)
        finally:
            await self.close(abort=True, reason=self.server.reason.TRANSPORT_CLOSE)
            await writer
        return ""

    async def _write(self, websocket: WebSocket) -> None:
        with suppress(*CLOSED):
            while packets := await self.poll():
                for packet in packets:
                    await websocket.send(cast("str | bytes", packet.encode()))
        await websocket.close()

    async def _upgrade(self, websocket: WebSocket) -> bool:
        """Go on over a WebSocket; False: the session goes on polling."""
        self.upgrading = True
        self._upgraded_or_not.clear()
        try:
            async with asyncio.timeout(UPGRADE_TIMEOUT_S):
                if await websocket.receive() != f"{PING}probe":
                    return False
                if self._polling:
                    self.queue.put_nowait(Packet(NOOP))
                await websocket.send(f"{PONG}probe")
                self.upgraded = await websocket.receive() == "5" and not self.closing
        except (TimeoutError, BadPacket, *CLOSED):
            log.info("an upgrade was not completed")
        finally:
            self.upgrading = False
            self._upgraded_or_not.set()
        return bool(self.upgraded)

    async def _take(self, frame: str | bytes) -> bool:
        """Handle what a client sent; False: it was no packet, and the connection is closed now."""
        try:
            if not self._frames.take():
                raise BadPacket("more frames than events can be made of", "rate_limited")
            if not self.closing:
                await self._handle(*read_frame(frame))
            return True
        except BadPacket as problem:
            await self.refuse(problem)
        except Exception:
            log.exception("a packet could not be handled")
            await self.close(reason=self.server.reason.TRANSPORT_ERROR)
        return False

    async def refuse(self, problem: BadPacket) -> None:
        """Close the connection for what its client sent."""
        if not self.closing:
            self.server.admission.refused(problem.limit, self.origin, str(problem))
            await self.server.say_why(self.sid, problem)
        await self.close(reason=self.server.reason.TRANSPORT_ERROR)

    async def _handle(self, kind: int, payload: str | bytes) -> None:
        if kind == MESSAGE:
            await self.server.handlers["message"](self.sid, payload)
        elif kind == PONG:
            self.schedule_ping()
        elif kind == CLOSE:
            await self.close(abort=True, reason=self.server.reason.CLIENT_DISCONNECT)
        else:
            raise BadPacket(f"an Engine.IO packet of type {kind} has no place here")

    async def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        """Close the connection. Nobody is waited for; unless it is `abort`, the client is told."""
        if self.closing:
            return
        self._timer.cancel()
        if reason == SLOW_READER:
            self._drop_all()
        await super().close(wait=False, abort=True, reason=reason)
        if not abort:
            self.queue.put_nowait(Packet(CLOSE))
        elif not self.upgraded:
            self.queue.put_nowait(Packet(NOOP))  # Ends a pending poll.
        self.queue.put_nowait(None)  # Ends the WebSocket's writer, and with it the WebSocket.
        self.server.sockets.pop(self.sid, None)

    def _drop_all(self) -> None:
        """What a client does not read, and whatever waits for it to read."""
        while not self.queue.empty():
            self.queue.get_nowait()
        if self._websocket is not None:
            self._websocket.abort()

    def schedule_ping(self) -> None:
        """Called when the connection begins, and for each pong."""
        if self.last_ping:  # Else nobody asked for the pong.
            self.last_ping = None
            interval_s = self.server.ping_interval
            due = time.time() + interval_s
            self._timer.set(interval_s, lambda: self._ping(due))

    def _ping(self, due: float) -> None:
        now, timeout_s = time.time(), self.server.ping_timeout
        # A server that is late, or whose clock was set, must not blame its clients for it.
        self.last_ping = due if 0 <= now - due < timeout_s / 10 else now
        self.queue.put_nowait(Packet(PING))
        self._timer.set(self.last_ping + timeout_s - now, self._time_out)

    def _time_out(self) -> None:
        self.give_up(self.server.reason.PING_TIMEOUT)

    def give_up(self, reason: str | None = None) -> None:
        """Close the connection soon, and send nothing more."""
        self._doomed = True
        self._end = asyncio.ensure_future(self.close(reason=reason))
