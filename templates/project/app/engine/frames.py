"""WebSocket frames: what a client's bytes say, and what the server writes.

`read` is written for whole texts of less than 64 kB, which is what comes most of the time. Everything else
goes through `_read_frame`, which has all the rules. No extensions are negotiated.

Source: RFC 6455, sections 5 (frames), 7.4 (close codes) and 8.1 (UTF-8).
"""

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import Final, TypeAlias

try:
    from websockets.speedups import apply_mask
except ImportError:  # It was not compiled for this platform.
    from websockets.utils import apply_mask

# In a frame's first byte.
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = OPCODES = (0x0, 0x1, 0x2, 0x8, 0x9, 0xA)
FINAL, RESERVED = 0x80, 0x70
WHOLE_TEXT, WHOLE_BINARY = FINAL | TEXT, FINAL | BINARY
# In its second, which has its length, or tells how many bytes the length takes.
MASKED, MAX_SHORT, IN_TWO_BYTES, IN_EIGHT_BYTES = 0x80, 125, 126, 127
_short, _medium, _long = Struct("!BB").pack, Struct("!BBH").pack, Struct("!BBQ").pack

PROTOCOL_ERROR, NO_STATUS, INVALID_TEXT, TOO_LARGE = 1002, 1005, 1007, 1009
# Those that may be in a frame: section 7.4, and IANA's registry.
CLOSE_CODES: Final = frozenset((*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)))
# So much is missing when nothing is read any more.
EVERYTHING: Final = -1


@dataclass(frozen=True, slots=True)
class Ping:
    payload: bytes


@dataclass(frozen=True, slots=True)
class Pong:
    payload: bytes


@dataclass(frozen=True, slots=True)
class Close:
    code: int  # NO_STATUS when the client gave none.
    reason: str


Message: TypeAlias = str | bytes | Ping | Pong | Close


class BrokenRules(ValueError):
    """The client broke the protocol, or a message is too large; `code` and `reason` go into a close frame."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class TooManyFrames(Exception):
    """The client sent too many frames that are no messages."""


class FrameReader:
    """Makes messages of bytes, up to a `Close` or an error: what comes after that is dropped.

    Args:
        max_message_bytes: Of a message, in one frame or in many.
        take_frame: Asked once for each frame that is no message by itself: a fragment, a control frame.
    """

    __slots__ = ("_at", "_is_text", "_max", "_message", "_missing", "_partial", "_take_frame", "_unread")

    def __init__(self, max_message_bytes: int, take_frame: Callable[[], bool]) -> None:
        self._max = max_message_bytes
        self._take_frame = take_frame
        # What is to be read, from `_at` on. It is empty when all is read.
        self._unread: bytes | bytearray = b""
        self._at = 0
        # A frame's beginning, and how many bytes must come before it is worth another look.
        self._partial: bytearray | None = None
        self._missing = 0
        self._message: bytearray | None = None  # What there is of one in fragments.
        self._is_text = False

    def feed(self, data: bytes) -> None:
        """Read all messages before you feed more, or what is unread is copied each time."""
        if self._unread or self._missing:
            self._append(data)
        else:
            self._unread = data
            self._at = 0

    def read(self) -> Message | None:
        """The next message that is all there.

        Raises:
            BrokenRules, TooManyFrames: All that came before it has been read.
        """
        while unread := self._unread:
            at, size = self._at, len(unread)
            # Eight bytes: a length in two of them can be seen. Frames that are shorter are rare.
            if unread[at] == WHOLE_TEXT and size - at >= 8 and self._message is None:
                length = unread[at + 1] - MASKED
                begin = at + 6
                if length > MAX_SHORT:
                    length = unread[at + 2] << 8 | unread[at + 3] if length == IN_TWO_BYTES else -1
                    begin = at + 8
                end = begin + length
                if 0 <= length <= self._max and end <= size:
                    payload = apply_mask(unread[begin:end], unread[begin - 4 : begin])
                    self._at = end
                    if end == size:
                        self._unread = b""
                    try:
                        return payload.decode()
                    except UnicodeDecodeError:
                        raise self._broken(INVALID_TEXT, "text is not UTF-8") from None
            message = self._read_frame(unread, at)
            if message is not None:
                return message
        return None

    def _append(self, data: bytes) -> None:
        if self._partial is not None:
            self._partial += data
            self._missing -= len(data)
            if self._missing <= 0:
                self._unread, self._partial, self._missing, self._at = self._partial, None, 0, 0
        elif self._missing != EVERYTHING:
            self._unread, self._at = self._unread[self._at :] + data, 0

    def _read_frame(self, unread: bytes | bytearray, at: int) -> Message | None:
        """None: it is not all there, or not the last one of its message."""
        head, length = self._read_head(unread, at)
        begin = at + head
        end = begin + length
        if len(unread) < end:
            self._partial = bytearray(memoryview(unread)[at:])
            self._missing = end - len(unread)
            self._unread = b""
            return None
        # A part of a view is no copy, which is faster for large frames.
        payload = apply_mask(memoryview(unread)[begin:end], unread[begin - 4 : begin])
        self._at = end
        if end == len(unread):
            self._unread = b""
        return self._take(unread[at], payload)

    def _read_head(self, unread: bytes | bytearray, at: int) -> tuple[int, int]:
        """How long the frame's head and payload are; or how much of its head must be there to tell."""
        size = len(unread) - at
        if size < 2:
            return 2, 0
        opcode, length = unread[at] & 0x0F, unread[at + 1] - MASKED
        if opcode not in OPCODES:
            raise self._broken(PROTOCOL_ERROR, "reserved opcode")
        if length < 0:
            raise self._broken(PROTOCOL_ERROR, "frame is not masked")
        head = 6
        if length > MAX_SHORT:
            head += 2 if length == IN_TWO_BYTES else 8
            if size < head - 4:
                return head - 4, 0
            length = int.from_bytes(unread[at + 2 : at + head - 4], "big")
        if length >> 63:
            raise self._broken(PROTOCOL_ERROR, "first bit of a length is set")
        if opcode < CLOSE and length > self._max - len(self._message or b""):
            raise self._broken(TOO_LARGE, f"message is over {self._max} bytes")
        if unread[at] & RESERVED:
            raise self._broken(PROTOCOL_ERROR, "reserved bit is set")
        if opcode >= CLOSE and (length > MAX_SHORT or not unread[at] & FINAL):
            raise self._broken(PROTOCOL_ERROR, "control frame is a fragment, or too long")
        if opcode < CLOSE and (opcode == CONTINUATION) == (self._message is None):
            raise self._broken(PROTOCOL_ERROR, "fragment is out of place")
        return head, length

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
            self._message, self._is_text = bytearray(), opcode == TEXT
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
        reason = self._text(payload[2:])
        if payload and code not in CLOSE_CODES:
            raise self._broken(PROTOCOL_ERROR, "invalid close code")
        self._end()
        return Close(code, reason)

    def _broken(self, code: int, reason: str) -> BrokenRules:
        self._end()
        return BrokenRules(code, reason)

    def _end(self) -> None:
        self._unread, self._partial, self._message, self._missing = b"", None, None, EVERYTHING


def _frame(first: int, payload: bytes) -> bytes:
    length = len(payload)
    if length <= MAX_SHORT:
        return _short(first, length) + payload
    if length < 1 << 16:
        return _medium(first, IN_TWO_BYTES, length) + payload
    return _long(first, IN_EIGHT_BYTES, length) + payload


def text_frame(payload: bytes) -> bytes:
    length = len(payload)
    if length <= MAX_SHORT:
        return _short(WHOLE_TEXT, length) + payload
    return _frame(WHOLE_TEXT, payload)


def binary_frame(payload: bytes) -> bytes:
    return _frame(WHOLE_BINARY, payload)


def pong_frame(payload: bytes) -> bytes:
    return _frame(FINAL | PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes:
    """With `NO_STATUS`, it has no code. What is too long of a reason is left out."""
    payload = b"" if code == NO_STATUS else code.to_bytes(2, "big") + reason.encode()
    if len(payload) > MAX_SHORT:
        payload = payload[:2] + payload[2:MAX_SHORT].decode(errors="ignore").encode()
    return _frame(FINAL | CLOSE, payload)
