"""A WebSocket that ASGI has let go of: nothing is between the transport and the engine but frames.

docs/engine.md draws the way of a frame.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final, Protocol

from .frames import (
    INVALID_TEXT,
    PROTOCOL_ERROR,
    TOO_LARGE,
    BrokenRules,
    Close,
    FrameReader,
    Message,
    Ping,
    Pong,
    TooManyFrames,
    close_frame,
    pong_frame,
)
from .limits import CLOSE_TIMEOUT_S, ENOUGH_BYTES, FRAMES_AT_ONCE, FRAMES_PER_S, LAST_TIMEOUT_S
from .metrics import Limit
from .packets import BadPacket
from .rates import TokenBucket
from .timer import Timer
from .uvicorn_patience import Peer, WriteWatch

# Source: RFC 6455, section 7.4.1, and IANA's registry of WebSocket close codes.
NORMAL_CLOSURE: Final = 1000
SERVICE_RESTART: Final = 1012
# Of many frames that wait for a client; they may be large.
AT_ONCE: Final = 8
FAILURES: Final = (PROTOCOL_ERROR, INVALID_TEXT, TOO_LARGE)


class Receiver(Protocol):
    """What a direct WebSocket is for: an EngineSocket."""

    def take(self, frame: str | bytes) -> object:
        """The client sent a message."""

    def refuse(self, problem: BadPacket) -> None:
        """The client sent what it must not, and nothing more is read: the WebSocket is to be closed."""

    def websocket_closed(self) -> None:
        """It is over: the last call."""


class DirectWebSocket(asyncio.Protocol):
    """
    Args:
        peer: It has entered; it leaves when the connection is over.
        connections: uvicorn's, which it shuts down one by one when it stops.
    """

    __slots__ = (
        *("_bucket", "_close_code", "_connections", "_is_closing", "_is_full", "_peer", "_reader"),
        *("_receiver", "_timer", "_transport", "_turn", "_unsent", "_unsent_bytes", "_writing"),
    )

    def __init__(self, transport: asyncio.Transport, peer: Peer, connections: set[Any]) -> None:
        self._transport = transport
        self._peer = peer
        self._turn = peer.config.turn
        self._connections = connections
        self._reader = FrameReader(peer.config.ws_max_size, self._may_go_on)
        self._receiver: Receiver | None = None
        # What few WebSockets need is made when it is needed: of the others there may be thousands.
        self._bucket: TokenBucket | None = None
        self._timer: Timer | None = None
        self._writing: WriteWatch | None = None
        # What waits for the end of the turn; or for the client, since the transport has no room for it.
        self._unsent: list[bytes] | None = None
        self._unsent_bytes = 0
        self._is_full = False
        self._is_closing = False
        self._close_code = NORMAL_CLOSURE
        # Much may be sent before it begins: it must be told when the transport is full.
        transport.set_protocol(self)

    # Called by the engine

    def attach(self, receiver: Receiver, earlier: Iterable[str | bytes]) -> None:
        """Begin.

        Args:
            earlier: The messages that have been received already.
        """
        self._receiver = receiver
        self._connections.add(self)
        self._take_all(earlier)
        self._transport.resume_reading()

    def send(self, frames: bytes, *, at_once: bool = False) -> int:
        """Write frames, at the end of this turn unless it is to be `at_once`.

        Returns:
            How many bytes wait for the client now, besides what the system and the transport have.
        """
        if self._unsent is None:
            if at_once and not self._is_full and not self._transport.is_closing():
                self._transport.write(frames)
                return 0
            self._unsent = [frames]
            if not self._is_full:
                self._turn.end_with(self)
        else:
            self._unsent.append(frames)
        self._unsent_bytes += len(frames)
        if self._unsent_bytes > ENOUGH_BYTES and not self._is_full:
            self.flush()
        return self._unsent_bytes

    def close(self) -> None:
        """Say goodbye once all that waits has been sent, and wait a while for the client to do the same."""
        if not self._is_closing:
            self._is_closing = True  # Before it may be flushed: the client is waited for after that.
            self.send(close_frame(self._close_code))

    def abort(self) -> None:
        """Cut the connection at once, and drop what its client has not read."""
        self._is_closing = True
        self._transport.abort()

    # Called at the end of a turn

    def flush(self) -> None:
        """Write what the transport takes."""
        unsent, self._unsent = self._unsent, None
        if unsent is None:
            return
        if self._unsent_bytes > ENOUGH_BYTES or self._is_full:
            self._unsent = self._write_in_parts(unsent)
        else:
            self._unsent_bytes = 0
            if not self._transport.is_closing():  # Else nobody would read it.
                self._transport.write(unsent[0] if len(unsent) == 1 else b"".join(unsent))
        if self._is_closing and self._unsent is None:
            self._await_goodbye()

    def _write_in_parts(self, unsent: list[bytes]) -> list[bytes] | None:
        """Write what the transport takes of much; what is left."""
        while unsent and not self._is_full and not self._transport.is_closing():
            frames = b"".join(unsent[:AT_ONCE])
            del unsent[:AT_ONCE]
            self._unsent_bytes -= len(frames)
            self._transport.write(frames)  # Which may make it full.
        return unsent or None

    # Called by the transport

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        self._take_all(iter(self._reader.read, None))

    def _take_all(self, messages: Iterable[Message]) -> None:
        receiver = self._receiver
        try:
            for message in messages:
                if not isinstance(message, (str, bytes)):
                    self._control(message)
                elif receiver is not None and not self._is_closing:
                    receiver.take(message)
                elif not self._may_go_on():
                    raise TooManyFrames
        except BrokenRules as problem:
            self._close_code = problem.code
            limit: Limit = "too_large" if problem.code == TOO_LARGE else "malformed"
            if receiver is not None:
                receiver.refuse(BadPacket(problem.reason, limit))
        except TooManyFrames:
            self._peer.is_over("rate_limited", f"over {FRAMES_PER_S} frames per second that are no messages")
            self.abort()

    def pause_writing(self) -> None:
        self._is_full = True
        if self._writing is None:
            self._writing = WriteWatch(self._transport, self._peer)
        self._writing.begin()

    def resume_writing(self) -> None:
        self._is_full = False
        if self._writing is not None:
            self._writing.cancel()
        self.flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        for waiting in (self._timer, self._writing):
            if waiting is not None:
                waiting.cancel()
        self._unsent = None
        self._connections.discard(self)
        self._peer.leave()
        del self._reader  # Which has a method of this: they would keep each other.
        self._is_over()

    # Called by uvicorn

    def shutdown(self) -> None:
        """The server stops, and has closed all that it knows of; this one may be slow."""
        self._close_code = SERVICE_RESTART
        self.close()
        self.flush()
        if self._writing is not None:
            self._writing.hurry()
        if self._timer is not None:
            self._timer.set(LAST_TIMEOUT_S, self._transport.abort)

    def _control(self, message: Ping | Pong | Close) -> None:
        if isinstance(message, Close):
            if not self._is_full:
                self.flush()
            if self._unsent or not self._is_closing:
                # Nothing may come after it.
                self._unsent = None
                self._transport.write(close_frame(message.code))
            self._is_closing = True
            self._transport.close()
            self._is_over()
        elif isinstance(message, Ping) and not self._is_full and not self._is_closing:
            # Not to a client that does not read the answers.
            self._transport.write(pong_frame(message.payload))

    def _is_over(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.websocket_closed()

    def _may_go_on(self) -> bool:
        """Count a frame that is no message, or one that comes too late."""
        if self._bucket is None:
            self._bucket = TokenBucket(FRAMES_PER_S, FRAMES_AT_ONCE)
        return self._bucket.take()

    def _await_goodbye(self) -> None:
        if self._close_code in FAILURES:
            self._transport.close()  # What it says is not read any more.
        elif self._timer is None:
            self._timer = Timer()
            self._timer.set(CLOSE_TIMEOUT_S, self._transport.abort)
