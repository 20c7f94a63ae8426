"""WebSocket frames: what a client's bytes say, and what the server writes.

`read` is written for whole texts of less than 64 kB, which is what comes most of the time. Whatever else there
is goes through `_read_frame`, which has all the rules. No extensions are negotiated.

Source: RFC 6455, sections 5 (frames), 7.4 (close codes) and 8.1 (UTF-8).
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

try:
    from websockets.speedups import apply_mask
except ImportError:  # Where it has no wheel, and was not compiled.

    def apply_mask(data: bytes | bytearray | memoryview, mask: bytes | bytearray) -> bytes:
        length = len(data)
        repeated = (mask * (length // 4 + 1))[:length]
        masked = int.from_bytes(data, sys.byteorder) ^ int.from_bytes(repeated, sys.byteorder)
        return masked.to_bytes(length, sys.byteorder)


# The first byte of a frame: FINAL, reserved bits, opcode.
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
OPCODES: Final = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
FINAL: Final = 0x80
RESERVED: Final = 0x70
WHOLE_TEXT: Final = FINAL | TEXT
WHOLE_BINARY: Final = FINAL | BINARY

# The second: MASKED, and a length or where that is, as a number of two or eight bytes.
MASKED: Final = 0x80
MAX_SHORT: Final = 125
IN_TWO_BYTES: Final = 126
IN_EIGHT_BYTES: Final = 127

PROTOCOL_ERROR: Final = 1002
NO_STATUS: Final = 1005
INVALID_TEXT: Final = 1007
TOO_LARGE: Final = 1009
# What may be in a frame: section 7.4, and IANA's registry of WebSocket close codes.
CLOSE_CODES: Final = frozenset((*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)))

# What is missing where nothing is read any more.
EVERYTHING: Final = -1


@dataclass(frozen=True, slots=True)
class Ping:
    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Its `code` is `NO_STATUS` when the client told none."""

    code: int
    reason: str


# A text, or bytes; or a control frame.
Message: TypeAlias = str | bytes | Ping | Pong | Close


class BrokenRules(ValueError):
    """The client broke the protocol's rules, or sent too much; `code` tells it so in a close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class TooManyFrames(Exception):
    """Too many frames came that were no messages."""


class FrameReader:
    """Makes messages of bytes. After a `Close` or an error, nothing is read any more: what comes is dropped.

    Args:
        max_message_bytes: Of a message, be it one frame or many.
        take_frame: Asked for each frame that is no message by itself: fragments, control frames.
    """

    __slots__ = ("_at", "_is_text", "_max", "_message", "_missing", "_partial", "_take_frame", "_unread")

    def __init__(self, max_message_bytes: int, take_frame: Callable[[], bool]) -> None:
        self._max = max_message_bytes
        self._take_frame = take_frame
        # What is to be read, from `_at` on; empty when all of it was.
        self._unread: bytes | bytearray = b""
        self._at = 0
        # The beginning of a frame; and how many bytes must come before it is worth another look.
        self._partial: bytearray | None = None
        self._missing = 0
        # The beginning of a message in fragments.
        self._message: bytearray | None = None
        self._is_text = False

    def feed(self, data: bytes) -> None:
        """Then `read` until there is no message: what is left unread is copied each time."""
        if self._unread or self._missing:
            self._append(data)
        else:
            self._unread = data
            self._at = 0

    def read(self) -> Message | None:
        """The next message, if there is a whole one.

        Raises:
            BrokenRules: All that came before has been read.
            TooManyFrames: Likewise.
        """
        while unread := self._unread:
            at = self._at
            # Eight bytes are enough for a length in two bytes. Shorter frames than that are rare.
            if unread[at] == WHOLE_TEXT and len(unread) - at >= 8 and self._message is None:
                length = unread[at + 1] - MASKED
                mask_at = at + 2
                if length == IN_TWO_BYTES:
                    length = unread[at + 2] << 8 | unread[at + 3]
                    mask_at = at + 4
                elif length == IN_EIGHT_BYTES:
                    length = -1
                begin = mask_at + 4
                end = begin + length
                if 0 <= length <= self._max and end <= len(unread):
                    payload = apply_mask(unread[begin:end], unread[mask_at:begin])
                    self._unread, self._at = (unread, end) if end < len(unread) else (b"", 0)
                    return self._text(payload)
            message = self._read_frame(unread, at)
            if message is not None:
                return message
        return None

    def _append(self, data: bytes) -> None:
        if self._missing == EVERYTHING:
            return
        if self._partial is None:
            self._unread = self._unread[self._at :] + data
            self._at = 0
            return
        self._partial += data
        self._missing -= len(data)
        if self._missing <= 0:
            self._unread, self._at = self._partial, 0
            self._partial, self._missing = None, 0

    def _read_frame(self, unread: bytes | bytearray, at: int) -> Message | None:
        """None: it is not all there, or no message's end."""
        if len(unread) < at + 2:
            self._wait_for(2)
            return None
        first, length = unread[at], unread[at + 1] & ~MASKED
        if first & 0x0F not in OPCODES:
            raise self._broken(PROTOCOL_ERROR, "reserved opcode")
        if not unread[at + 1] & MASKED:
            raise self._broken(PROTOCOL_ERROR, "frame without a mask")
        mask_at = at + 2
        if length > MAX_SHORT:
            mask_at += 2 if length == IN_TWO_BYTES else 8
            if len(unread) < mask_at:
                self._wait_for(mask_at - at)
                return None
            length = int.from_bytes(unread[at + 2 : mask_at], "big")
        self._check_head(first, length)
        begin = mask_at + 4
        end = begin + length
        if len(unread) < end:
            self._wait_for(end - at)
            return None
        # To slice a view is to copy nothing.
        payload = apply_mask(memoryview(unread)[begin:end], unread[mask_at:begin])
        self._unread, self._at = (unread, end) if end < len(unread) else (b"", 0)
        return self._take(first, payload)

    def _wait_for(self, size: int) -> None:
        """For so many bytes of the frame."""
        self._partial = bytearray(memoryview(self._unread)[self._at :])
        self._missing = size - len(self._partial)
        self._unread = b""

    def _check_head(self, first: int, length: int) -> None:
        """Before its payload is here, which may be large."""
        opcode = first & 0x0F
        if length >> 63:
            raise self._broken(PROTOCOL_ERROR, "length of more than 63 bits")
        if opcode < CLOSE and length > self._max - len(self._message or b""):
            raise self._broken(TOO_LARGE, f"message over {self._max} bytes")
        if first & RESERVED:
            raise self._broken(PROTOCOL_ERROR, "reserved bit")
        if opcode >= CLOSE:
            if length > MAX_SHORT or not first & FINAL:
                raise self._broken(PROTOCOL_ERROR, "control frame in fragments, or too long")
        elif (opcode == CONTINUATION) != (self._message is not None):
            raise self._broken(PROTOCOL_ERROR, "fragment out of place")

    def _take(self, first: int, payload: bytes) -> Message | None:
        if first == WHOLE_TEXT:
            return self._text(payload)
        if first == WHOLE_BINARY:
            return payload
        if not self._take_frame():
            self._end()
            raise TooManyFrames
        opcode = first & 0x0F
        if opcode >= CLOSE:
            return self._control(opcode, payload)
        if self._message is None:
            self._message = bytearray(payload)
            self._is_text = opcode == TEXT
        else:
            self._message += payload
        if not first & FINAL:
            return None
        message, self._message = self._message, None
        return self._text(message) if self._is_text else bytes(message)

    def _text(self, payload: bytes | bytearray) -> str:
        try:
            return payload.decode()
        except UnicodeDecodeError:
            raise self._broken(INVALID_TEXT, "text is not UTF-8") from None

    def _control(self, opcode: int, payload: bytes) -> Ping | Pong | Close:
        if opcode != CLOSE:
            return Ping(payload) if opcode == PING else Pong(payload)
        code = int.from_bytes(payload[:2], "big") if payload else NO_STATUS
        if payload and (len(payload) == 1 or code not in CLOSE_CODES):
            raise self._broken(PROTOCOL_ERROR, "invalid close code")
        reason = self._text(payload[2:])
        self._end()
        return Close(code, reason)

    def _broken(self, code: int, reason: str) -> BrokenRules:
        self._end()
        return BrokenRules(code, reason)

    def _end(self) -> None:
        self._unread, self._partial, self._message = b"", None, None
        self._missing = EVERYTHING


def text_frame(payload: bytes) -> bytes:
    return _head(WHOLE_TEXT, len(payload)) + payload


def binary_frame(payload: bytes) -> bytes:
    return _head(WHOLE_BINARY, len(payload)) + payload


def pong_frame(payload: bytes) -> bytes:
    return _head(FINAL | PONG, len(payload)) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Without a code when it is `NO_STATUS`; with as much of the reason as there is room for."""
    payload = b"" if code == NO_STATUS else code.to_bytes(2, "big") + reason.encode()
    if len(payload) > MAX_SHORT:
        payload = payload[:2] + payload[2:MAX_SHORT].decode(errors="ignore").encode()
    return _head(FINAL | CLOSE, len(payload)) + payload


def _head(first: int, length: int) -> bytes:
    if length <= MAX_SHORT:
        return bytes((first, length))
    if length < 1 << 16:
        return bytes((first, IN_TWO_BYTES, length >> 8, length & 0xFF))
    return bytes((first, IN_EIGHT_BYTES)) + length.to_bytes(8, "big")
