"""One client of the Engine.IO server, by polling or by WebSocket: direct, or as ASGI has it.

engineio's own socket has the queue of what is to be sent, where it cannot be sent at once. What is different
here, and why:

- what is read from a WebSocket: the library passes over malformed packets.
- `handle_get_request`: the library begins a second upgrade while the first goes on.
- `close`: the library leaves polls pending and WebSockets open.
- `send`: the library queues without limit for a client that does not read.
- `schedule_ping`: the library makes tasks where timers will do, and is late to notice a time-out.
"""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any, Final, cast

from engineio.packet import CLOSE, MESSAGE, NOOP, PING, PONG, Packet

from ..core.transport import DisconnectReason
from .direct_websocket import DirectWebSocket
from .engineio_polling import PollingSocket
from .frames import binary_frame, text_frame
from .limits import UPGRADE_TIMEOUT_S
from .outgoing import Outgoing
from .packets import BadPacket, read_frame
from .rates import TokenBucket
from .timer import Timer
from .websocket import CLOSED, WebSocket

log = logging.getLogger(__name__)

# How a frame begins that is an event; nearly all are.
EVENT: Final = "42"
SLOW_READER: Final[DisconnectReason] = "slow reader"


class EngineSocket(PollingSocket):
    # The library's own; it does not say of what type.
    last_ping: Any

    def __init__(self, server: Any, sid: str, origin: str) -> None:
        super().__init__(server, sid)
        self.origin = origin
        self._doomed = False
        self._websocket: WebSocket | None = None
        self._direct: DirectWebSocket | None = None
        self._frames: TokenBucket | None = None
        self._timer = Timer()

    # Reading

    def take(self, frame: str | bytes) -> bool:
        try:
            # What begins like an event is counted as one, or is none and ends the connection.
            if isinstance(frame, str) and frame.startswith(EVENT):
                if not self.closing:
                    self.server.receive(self, frame[1:])
            elif not self._may_go_on():
                raise BadPacket("more frames than events can be made of", "rate_limited")
            elif not self.closing:
                self._handle(*read_frame(frame))
            return True
        except BadPacket as problem:
            self.refuse(problem)
        except Exception:
            log.exception("a packet could not be handled")
            self.end(self.server.reason.TRANSPORT_ERROR)
        return False

    def _may_go_on(self) -> bool:
        if self._frames is None:
            limits = self.server.admission.limits
            # Whatever an event is made of; more than that is of no use.
            frames = 2 + limits.max_attachments
            self._frames = TokenBucket(limits.events_per_second * frames, limits.events_burst * frames)
        return self._frames.take()

    def _handle(self, kind: int, payload: str | bytes) -> None:
        if kind == MESSAGE:
            self.server.receive(self, payload)
        elif kind == PONG:
            self.schedule_ping()
        elif kind == CLOSE:
            self.end(self.server.reason.CLIENT_DISCONNECT, silently=True)
        else:
            raise BadPacket(f"an Engine.IO packet of type {kind} has no place here")

    def refuse(self, problem: BadPacket) -> None:
        """Close the connection for what its client sent."""
        if not self.closing:
            self.server.admission.refused(problem.limit, self.origin, str(problem))
            self.server.say_why(self.sid, problem)
        self.end(self.server.reason.TRANSPORT_ERROR)

    # Writing

    def post(self, message: Outgoing, *, at_once: bool = False) -> None:
        """Send a message, as soon as the client takes it.

        Args:
            at_once: It is one of many in a row: to wait for the end of the turn would gain nothing.
        """
        if self.closing or self._doomed:
            return
        if self._direct is not None:
            waiting_bytes = self._direct.send(message.frames, at_once=at_once)
        else:
            for packet in message.packets():
                self.queue.put_nowait(packet)
            self.queued_bytes += message.size
            waiting_bytes = self.queued_bytes
        if waiting_bytes > self.server.max_queue_bytes:
            self.server.admission.refused("slow_reader", self.origin, f"{waiting_bytes} bytes wait for it")
            self.give_up(SLOW_READER)

    def put(self, packet: Packet) -> None:
        if self._direct is None:
            self.queue.put_nowait(packet)
            return
        encoded = cast("str | bytes", packet.encode())
        self._direct.send(text_frame(encoded.encode()) if isinstance(encoded, str) else binary_frame(encoded))

    async def send(self, pkt: Packet) -> None:
        if not self.closing and not self._doomed:
            self.put(pkt)

    # WebSockets

    async def handle_get_request(self, environ: Any) -> Any:
        """What engineio answers: packets, or a response; for a WebSocket nothing, though it may go on."""
        if environ["asgi.scope"]["type"] != "websocket":
            return await super().handle_get_request(environ)
        scope, receive, send = (environ[f"asgi.{name}"] for name in ("scope", "receive", "send"))
        websocket = WebSocket(scope, receive, send)
        await websocket.accept()
        if self.connected and not await self._upgrade(websocket):
            await websocket.close()
            return ""
        self.connected = self.upgraded = True
        if not self.closing and (taken := websocket.take_over()):
            self._go_direct(*taken)
        else:
            self._websocket = websocket
            await self._talk(websocket)
        return ""

    async def _upgrade(self, websocket: WebSocket) -> bool:
        """Go on over a WebSocket; False: the session goes on polling."""
        self.upgrading = True
        self.upgraded_or_not = asyncio.Event()
        try:
            async with asyncio.timeout(UPGRADE_TIMEOUT_S):
                if await websocket.receive() != f"{PING}probe":
                    return False
                if self.polling:
                    self.queue.put_nowait(Packet(NOOP))
                await websocket.send(f"{PONG}probe")
                self.upgraded = await websocket.receive() == "5" and not self.closing
        except (TimeoutError, BadPacket, *CLOSED):
            log.info("an upgrade was not completed")
        finally:
            self.upgrading = False
            self.upgraded_or_not.set()
            self.upgraded_or_not = None
        return bool(self.upgraded)

    async def _talk(self, websocket: WebSocket) -> None:
        writer = asyncio.create_task(self._write(websocket))
        try:
            while (frame := await websocket.receive()) is not None and self.take(frame):
                pass
        except BadPacket as problem:
            self.refuse(problem)
        finally:
            self.websocket_closed()
            await writer

    async def _write(self, websocket: WebSocket) -> None:
        with suppress(*CLOSED):
            while packets := await self.poll():
                for packet in packets:
                    await websocket.send(cast("str | bytes", packet.encode()))
        await websocket.close()

    def _go_direct(self, direct: DirectWebSocket, earlier: list[str | bytes]) -> None:
        waiting, self.queue = self.queue, None
        self._direct = direct
        while not waiting.empty():
            packet = waiting.get_nowait()
            if packet.packet_type != NOOP:  # That is for polls.
                self.put(packet)
        waiting.put_nowait(None)  # Ends a poll whose client did not wait for it.
        direct.attach(self, earlier)

    def websocket_closed(self) -> None:
        self.end(self.server.reason.TRANSPORT_CLOSE, silently=True)

    # The end

    def give_up(self, reason: str | None = None) -> None:
        """Close the connection soon, and send nothing more."""
        self._doomed = True
        asyncio.get_running_loop().call_soon(self.end, reason)

    async def close(self, wait: bool = True, abort: bool = False, reason: str | None = None) -> None:
        self.end(reason, silently=abort)

    def end(self, reason: str | None = None, *, silently: bool = False) -> None:
        """Close the connection. Nobody is waited for; unless it is `silently`, the client is told."""
        if self.closing:
            return
        self.closing = self.closed = True
        self._timer.cancel()
        self.server.gone(self.sid, reason or self.server.reason.SERVER_DISCONNECT)
        if reason == SLOW_READER:
            self._drop_all()
        if not silently:
            self.put(Packet(CLOSE))
        elif not self.upgraded:
            self.put(Packet(NOOP))  # Ends a pending poll.
        if self._direct is not None:
            self._direct.close()
        else:
            self.queue.put_nowait(None)  # Ends the WebSocket's writer, and with it the WebSocket.
        self.server.sockets.pop(self.sid, None)

    def _drop_all(self) -> None:
        """What a client does not read, and whatever waits for it to read."""
        if self._direct is not None:
            self._direct.abort()
            return
        while not self.queue.empty():
            self.queue.get_nowait()
        if self._websocket is not None:
            self._websocket.abort()

    # Pings

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
        self.put(Packet(PING))
        self._timer.set(self.last_ping + timeout_s - now, self._time_out)

    def _time_out(self) -> None:
        self.give_up(self.server.reason.PING_TIMEOUT)
