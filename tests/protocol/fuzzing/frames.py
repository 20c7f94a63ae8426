"""Bytes of all kinds for a `FrameReader`, and what the `websockets` library would make of them."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from random import Random
from typing import Final

from websockets.frames import Frame
from websockets.protocol import State
from websockets.server import ServerProtocol

from app.engine.frames import BrokenRules, Close, FrameReader, Message, Ping, Pong

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
SILENT = logging.Logger("silent", logging.CRITICAL)


@dataclass
class Reading:
    """What was read, and the code with which the connection would be closed then."""

    messages: list[Message] = field(default_factory=list)
    code: int | None = None

    def is_over(self) -> bool:
        return self.code is not None or (bool(self.messages) and isinstance(self.messages[-1], Close))


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    final: bool = True,
    reserved: int = 0,
    mask: bytes = b"\x37\xfa\x21\x3d",
    length: int | None = None,
    length_bytes: int | None = None,
) -> bytes:
    """A client's frame. Its length may be a lie, and take more bytes than it needs: 2 or 8 of them."""
    length = len(payload) if length is None else length
    if length_bytes is None:
        length_bytes = 0 if length < 126 else 2 if length < 65_536 else 8
    short = {0: length & 127, 2: 126, 8: 127}[length_bytes]
    head = bytes((final << 7 | reserved << 4 | opcode, bool(mask) << 7 | short))
    if length_bytes:
        head += (length % (1 << 8 * length_bytes)).to_bytes(length_bytes, "big")
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + mask + masked.to_bytes(len(payload), "big")


def read(pieces: Iterable[bytes], max_message_bytes: int) -> Reading:
    reader, reading = FrameReader(max_message_bytes, lambda: True), Reading()
    for piece in pieces:
        reader.feed(piece)
        try:
            while (message := reader.read()) is not None:
                assert not reading.is_over(), f"{message!r} came after the end"
                reading.messages.append(message)
        except BrokenRules as error:
            reading.code = error.code if not reading.is_over() else 0
    return reading


def check(stream: bytes, cuts: Iterable[int], max_message_bytes: int) -> Reading:
    """What is read of a stream, which is what the library reads of it, wherever it is cut."""
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    reading = read([stream[begin:end] for begin, end in pairwise(places)], max_message_bytes)
    library = expected(stream, max_message_bytes)
    if reading.code and not library.code:
        # What the head of a frame tells, the library says when the payload is there.
        library = expected(_completed(stream), max_message_bytes)
    assert reading == library, f"{reading} of {stream!r} at most {max_message_bytes}, cut at {places}"
    return reading


def expected(stream: bytes, max_message_bytes: int) -> Reading:
    """What `websockets` reads, but for the three differences that are meant.

    - Section 5.2: a length with its highest bit set breaks the rules. For the library it is too large.
    - Section 5.4: control frames between fragments are no part of the message. The library counts
      them, and refuses one that is longer than what the message may still have.
    - Section 5.4, too: a Close may be there. The library calls that an error.
    """
    reading, frames = _read_by_library(stream, max_message_bytes)
    if reading.code != 1009:
        return reading
    at, head, length = next(islice(_heads(stream), frames, None))
    is_control = stream[at] & 0x0F >= CLOSE
    if length >> 63 or (is_control and length > 125):
        return Reading(reading.messages, 1002)
    if not is_control:
        return reading
    end = at + head + length
    alone, _ = _read_by_library(stream[at:end], length)
    before = reading.messages + alone.messages
    if Reading(before, alone.code).is_over() or end > len(stream):
        return Reading(before, alone.code)
    without = expected(stream[:at] + stream[end:], max_message_bytes)
    return Reading(before + without.messages[len(reading.messages) :], without.code)


def _read_by_library(stream: bytes, max_message_bytes: int) -> tuple[Reading, int]:
    """Its frames put together as uvicorn does that; and how many they are."""
    library = ServerProtocol(max_size=max_message_bytes, state=State.OPEN, logger=SILENT)
    library.receive_data(stream)
    reading, fragments, is_text = Reading(), bytearray(), False
    for event in library.events:
        assert isinstance(event, Frame)
        payload = bytes(event.data)
        if event.opcode == PING:
            reading.messages.append(Ping(payload))
        elif event.opcode == PONG:
            reading.messages.append(Pong(payload))
        elif event.opcode != CLOSE:
            if event.opcode != CONTINUATION:
                fragments, is_text = bytearray(), event.opcode == TEXT
            fragments += payload
            try:
                if event.fin:
                    reading.messages.append(fragments.decode() if is_text else bytes(fragments))
            except UnicodeDecodeError:
                return Reading(reading.messages, 1007), 0
    if library.close_rcvd is not None:
        reading.messages.append(Close(library.close_rcvd.code, library.close_rcvd.reason))
    elif library.close_sent is not None:
        reading.code = library.close_sent.code
    return reading, len(library.events)


def _heads(stream: bytes) -> Iterator[tuple[int, int, int]]:
    """Where each frame begins, how long its head is, and its payload."""
    at = 0
    while len(stream) >= at + 2:
        length = stream[at + 1] & 127
        more = {126: 2, 127: 8}.get(length, 0)
        if len(stream) < at + 2 + more:
            return
        if more:
            length = int.from_bytes(stream[at + 2 : at + 2 + more], "big")
        head = 2 + more + (4 if stream[at + 1] & 128 else 0)
        yield at, head, length
        at += head + length


def _completed(stream: bytes) -> bytes:
    *_, (at, head, length) = _heads(stream)
    return stream + bytes(at + head + length - len(stream))


# Small ones, and those around which a length takes more bytes.
LIMITS: Final = (5, 125, 126, 127, 200, 65_535, 65_536, 1_000_000, 1_000_000, 1_000_000)
SIZES: Final = (0, 1, 2, 3, 5, 8, 20, 124, 125, 126, 127, 199, 200, 201)
LARGE: Final = (65_535, 65_536, 65_537)
MASKS: Final = (b"\x37\xfa\x21\x3d", b"\0\0\0\0", b"\xff\0\x80\x01")
CODES: Final = (0, 999, 1000, 1003, 1004, 1005, 1006, 1007, 1014, 1015, 2999, 3000, 4999, 5000, 65_535)
# Characters of one to four bytes; and what only looks like characters.
CHARACTERS: Final = [character.encode() for character in ("a", "\0", "é", "€", "\ufeff", "\uffff", "😀")]
NO_CHARACTERS: Final = [b"\x80", b"\xc0\x80", b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff"]


def any_stream(random: Random) -> bytes:
    """Some frames, most of them right; in a third of them, bytes are wrong, lost, doubled, or cut off."""
    kinds = random.choices((_message, _control, _rogue, _close), (12, 5, 2, 1), k=random.randint(1, 6))
    parts = [kind(random) for kind in kinds]
    stream = bytearray(b"".join(parts))
    for _ in range(random.choice((0, 0, 0, 0, 1, 2))):
        # Mostly where there is a head: in the first bytes of a part.
        begin = len(b"".join(parts[: random.randrange(len(parts))]))
        at = min(len(stream) - 1, begin + random.randint(0, 20))
        match random.choice(("bit", "byte", "lost", "doubled", "cut off")):
            case "bit":
                stream[at] ^= 1 << random.randrange(8)
            case "byte":
                stream[at] = random.randrange(256)
            case "lost":
                del stream[at]
            case "doubled":
                stream.insert(at, stream[at])
            case _:
                del stream[at:]
        if not stream:
            break
    return bytes(stream)


def any_cuts(random: Random) -> list[int]:
    return [random.randint(0, 200_000) for _ in range(random.choice((0, 1, 3, 30)))]


def _payload(random: Random) -> bytes:
    size = random.choice(LARGE if random.random() < 0.05 else SIZES)
    characters = random.choices((*CHARACTERS, random.choice(NO_CHARACTERS)), k=8)
    text = (b"".join(characters) * size)[:size]
    if random.random() < 0.05:  # It ends within a character, or has what is none.
        return text
    return text.decode(errors="ignore").encode().ljust(size, b".")


def _message(random: Random) -> bytes:
    """Whole, or in fragments that may have control frames between them, and parts of characters."""
    payload, opcode = _payload(random), random.choice((TEXT, TEXT, BINARY))
    cuts = sorted(random.randint(0, len(payload)) for _ in range(random.choice((0, 0, 0, 1, 2, 5))))
    pieces = []
    for number, (begin, end) in enumerate(pairwise((0, *cuts, len(payload)))):
        final, kind = number == len(cuts), CONTINUATION if number else opcode
        pieces.append(frame(kind, payload[begin:end], final=final, mask=random.choice(MASKS)))
        if not final and random.random() < 0.2:
            pieces.append(random.choice((_control, _control, _close))(random))
    return b"".join(pieces)


def _control(random: Random) -> bytes:
    return frame(
        random.choice((PING, PONG)), bytes(random.choice((0, 1, 4, 6, 125))), mask=random.choice(MASKS)
    )


def _close(random: Random) -> bytes:
    code = random.choice(CODES).to_bytes(2, "big")
    reason = b"".join(random.choices((*CHARACTERS, *NO_CHARACTERS[:1]), k=random.randint(0, 9)))
    return frame(CLOSE, random.choice((b"", b"", b"\x03", code, code + reason)))


def _rogue(random: Random) -> bytes:
    """A frame with one thing that may be wrong about it."""
    payload, opcode = _payload(random), random.choice((TEXT, BINARY, CLOSE, PING, PONG))
    match random.choice(("opcode", "fragment", "reserved", "mask", "length", "more bytes", "continuation")):
        case "opcode":
            return frame(random.randrange(16), payload)
        case "fragment":
            return frame(opcode, payload, final=False)
        case "reserved":
            return frame(opcode, payload, reserved=random.randrange(8))
        case "mask":
            return frame(opcode, payload, mask=b"")
        case "length":
            return frame(opcode, payload, length=random.choice((*SIZES, *LARGE, (1 << 63) - 1, 1 << 63)))
        case "more bytes":
            return frame(opcode, payload[:65_535], length_bytes=random.choice((2, 8)))
        case _:
            return frame(CONTINUATION, payload, final=random.random() < 0.5)
