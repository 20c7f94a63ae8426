"""Bytes of all kinds for a `FrameReader`, and what the `websockets` library would make of them."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise

from hypothesis import strategies as st
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
    """A client's frame. Its length may be a lie, or take other bytes (0, 2 or 8) than it should; no mask: b""."""
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
    - Section 5.4: control frames between fragments are no part of the message. The library counts their bytes,
      and refuses those that are longer than what the message may still have.
    - Section 5.4, too: a Close may be there. The library calls that an error.
    """
    reading, frames = _read_by_library(stream, max_message_bytes)
    if reading.code != 1009:
        return reading
    at, head, length = next(islice(_heads(stream), frames, None))
    if length >> 63:
        return Reading(reading.messages, 1002)
    if stream[at] & 0x0F < CLOSE:
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


# A limit of a few bytes, those around each form of a length, and one that nothing here is over.
MAX_BYTES = st.sampled_from((5, 125, 126, 127, 200, 65_535, 65_536, 1_000_000))
SIZES = st.sampled_from((0, 1, 4, 5, 6, 124, 125, 126, 127, 199, 200, 201))
LARGE = st.sampled_from((65_535, 65_536, 65_537))
MASKS = st.sampled_from((b"\x37\xfa\x21\x3d", b"\0\0\0\0", b"\xff\0\x80\x01"))
CUTS = st.lists(st.integers(0, 200_000), max_size=12)


@st.composite
def _payloads(draw: st.DrawFn) -> bytes:
    size = draw(st.one_of(SIZES, SIZES, SIZES, SIZES, SIZES, SIZES, SIZES, LARGE))
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return bytes(draw(st.binary(min_size=1, max_size=12)) * size)[:size]
    text: bytes = (draw(st.text(min_size=1, max_size=6)) * size).encode()[:size]
    if kind == 1:  # Its last character may be cut.
        return text
    return text.decode(errors="ignore").encode()


@st.composite
def _controls(draw: st.DrawFn) -> bytes:
    return frame(
        draw(st.sampled_from((PING, PONG))),
        draw(st.binary(max_size=3)) * draw(st.sampled_from((0, 1, 2, 41))),
        mask=draw(MASKS),
    )


CODES = st.sampled_from((999, 1000, 1003, 1004, 1005, 1006, 1007, 1014, 1015, 1016, 2999, 3000, 4999, 5000))
CLOSES = st.one_of(
    st.binary(max_size=3),
    st.builds(lambda code, reason: code.to_bytes(2, "big") + reason, CODES, st.binary(max_size=3)),
    st.builds(lambda code, reason: code.to_bytes(2, "big") + reason.encode(), CODES, st.text(max_size=30)),
).map(lambda payload: frame(CLOSE, payload))


@st.composite
def _messages(draw: st.DrawFn) -> bytes:
    """Whole, or in fragments that may have control frames between them, and cut characters."""
    payload, opcode = draw(_payloads()), draw(st.sampled_from((TEXT, TEXT, BINARY)))
    cuts = draw(st.lists(st.integers(0, len(payload)), max_size=4))
    places = [0, *sorted(cuts), len(payload)]
    pieces = []
    for number, (begin, end) in enumerate(pairwise(places)):
        final = number == len(cuts)
        kind = opcode if number == 0 else CONTINUATION
        pieces.append(frame(kind, payload[begin:end], final=final, mask=draw(MASKS)))
        if not final and draw(st.integers(0, 3)) == 0:
            pieces.append(draw(_controls()))
    return b"".join(pieces)


@st.composite
def _rogues(draw: st.DrawFn) -> bytes:
    """A frame that is probably not right: most are, but for one thing."""
    payload = draw(_payloads())
    wrong = draw(st.sampled_from(("opcode", "final", "reserved", "mask", "length", "form", "place")))
    return (
        frame(
            draw(st.integers(0, 15))
            if wrong == "opcode"
            else draw(st.sampled_from((TEXT, BINARY, CLOSE, PING, PONG))),
            payload,
            final=wrong != "final",
            reserved=draw(st.integers(0, 7)) if wrong == "reserved" else 0,
            mask=b"" if wrong == "mask" else draw(MASKS),
            length=draw(st.one_of(SIZES, LARGE, st.integers(0, (1 << 64) - 1)))
            if wrong == "length"
            else None,
            length_bytes=draw(st.sampled_from((2, 8))) if wrong == "form" and len(payload) < 65_536 else None,
        )
        if wrong != "place"
        else frame(CONTINUATION, payload, final=draw(st.booleans()))
    )


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Some frames, in which a few bytes may be changed, lost or doubled; and the end may be missing."""
    parts = draw(
        st.lists(st.one_of(_messages(), _messages(), _messages(), _controls(), _rogues(), CLOSES), max_size=8)
    )
    stream = bytearray(b"".join(parts))
    for damage in draw(st.lists(st.sampled_from(("bit", "byte", "lost", "doubled", "end")), max_size=2)):
        if not stream:
            break
        # Mostly where there is a head: in the first bytes of a part.
        begin = len(b"".join(parts[: draw(st.integers(0, len(parts) - 1))]))
        at = min(len(stream) - 1, begin + draw(st.integers(0, 20)))
        if damage == "bit":
            stream[at] ^= 1 << draw(st.integers(0, 7))
        elif damage == "byte":
            stream[at] = draw(st.integers(0, 255))
        elif damage == "lost":
            del stream[at]
        elif damage == "doubled":
            stream.insert(at, stream[at])
        else:
            del stream[at:]
    return bytes(stream)
