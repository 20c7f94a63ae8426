"""What a client sends is read by the rules of RFC 6455, or refused with the code that they have for it."""

import random
import sys
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.utils import apply_mask as interpreted

from app.engine import frames
from app.engine.frames import (
    NO_STATUS,
    BrokenRules,
    Close,
    FrameReader,
    Message,
    Ping,
    Pong,
    TooManyFrames,
    binary_frame,
    close_frame,
    pong_frame,
    text_frame,
)
from tests.protocol.fuzzing.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    LIMITS,
    PING,
    PONG,
    TEXT,
    any_cuts,
    any_stream,
    check,
    frame,
)

MAX_BYTES = 70_000
BEGUN = frame(TEXT, b"begun", final=False)
HELLO = bytes.fromhex("818537fa213d7f9f4d5158")


def new_reader(*, max_message_bytes: int = MAX_BYTES, may_take: int = 1_000_000) -> FrameReader:
    left = iter(range(may_take))
    return FrameReader(max_message_bytes, lambda: next(left, None) is not None)


def read_all(stream: bytes, reader: FrameReader | None = None) -> list[Message]:
    reader = reader or new_reader()
    reader.feed(stream)
    return list(iter(reader.read, None))


def refusal(stream: bytes) -> tuple[int, str]:
    """What comes before it is read, and what comes after it is not."""
    reader = new_reader()
    reader.feed(frame(TEXT, b"before") + stream + frame(TEXT, b"after"))
    assert reader.read() == "before"
    with pytest.raises(BrokenRules) as caught:
        list(iter(reader.read, None))
    assert read_all(frame(TEXT, b"later"), reader) == []
    return caught.value.code, caught.value.reason


@pytest.mark.parametrize(
    ("section", "stream", "reason"),
    [
        ("5.1", frame(TEXT, b"bare", mask=b""), "frame is not masked"),
        ("5.1", frame(TEXT, b"", mask=b""), "frame is not masked"),
        ("5.1", frame(TEXT, bytes(126), mask=b""), "frame is not masked"),
        ("5.1", frame(PING, mask=b""), "frame is not masked"),
        ("5.2", frame(TEXT, b"a", reserved=1), "reserved bit is set"),
        ("5.2", frame(BINARY, b"a", reserved=2), "reserved bit is set"),
        ("5.2", frame(PING, b"a", reserved=4), "reserved bit is set"),
        ("5.2", frame(0x3, b"a"), "reserved opcode"),
        ("5.2", frame(0x7, b"a"), "reserved opcode"),
        ("5.2", frame(0xB, b"a"), "reserved opcode"),
        ("5.2", frame(0xF, b"a"), "reserved opcode"),
        ("5.2", frame(TEXT, b"a", length=1 << 63), "first bit of a length is set"),
        ("5.2", frame(BINARY, b"a", length=(1 << 64) - 1), "first bit of a length is set"),
        ("5.4", frame(CONTINUATION, b"a"), "fragment is out of place"),
        ("5.4", frame(CONTINUATION, b"a", final=False), "fragment is out of place"),
        ("5.4", BEGUN + frame(CONTINUATION, b"a") + frame(CONTINUATION, b"a"), "fragment is out of place"),
        ("5.4", BEGUN + frame(TEXT, b"long enough"), "fragment is out of place"),
        ("5.4", BEGUN + frame(BINARY, b"a"), "fragment is out of place"),
        ("5.4", BEGUN + frame(TEXT, b"a", final=False), "fragment is out of place"),
        ("5.5", frame(PING, b"a", final=False), "control frame is a fragment, or too long"),
        ("5.5", frame(CLOSE, final=False), "control frame is a fragment, or too long"),
        ("5.5", frame(PING, bytes(126)), "control frame is a fragment, or too long"),
        ("5.5", frame(PONG, bytes(126)), "control frame is a fragment, or too long"),
        ("5.5", frame(CLOSE, b"\x03\xe8" + bytes(124)), "control frame is a fragment, or too long"),
        ("5.5.1", frame(CLOSE, b"\x03"), "invalid close code"),
        *(
            ("7.4", frame(CLOSE, code.to_bytes(2, "big")), "invalid close code")
            for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535)
        ),
    ],
)
def test_what_breaks_the_protocol_is_refused(section: str, stream: bytes, reason: str) -> None:
    assert refusal(stream) == (1002, reason), section


@pytest.mark.parametrize(
    "text",
    [
        b"no more than a byte: \xff",
        b"too many bytes for it: \xc0\x80",
        b"half of a pair: \xed\xa0\x80",
        b"beyond the last: \xf4\x90\x80\x80",
        b"cut: \xe2\x82",
        b"\x80",
        b"\xe2\x82" + bytes(65_536),
    ],
)
def test_a_text_that_is_not_utf_8_is_refused(text: bytes) -> None:
    expected = (1007, "text is not UTF-8")
    assert refusal(frame(TEXT, text)) == expected
    assert refusal(frame(TEXT, text[:-1], final=False) + frame(CONTINUATION, text[-1:])) == expected
    assert refusal(frame(CLOSE, b"\x03\xe8" + text[:100])) == expected
    assert read_all(frame(BINARY, text)) == [text]


@pytest.mark.parametrize("size", [4, 125, 126, 65_535, 65_536, 1 << 40, (1 << 63) - 1])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_frame_that_is_too_large_is_refused_before_it_has_come(opcode: int, size: int) -> None:
    reader = new_reader(max_message_bytes=size - 1)
    head = frame(opcode, length=size)[:-4]  # Without its mask.
    assert read_all(head[:-1], reader) == []
    reader.feed(head[-1:])
    with pytest.raises(BrokenRules, match="message is over") as caught:
        reader.read()
    assert caught.value.code == 1009


@pytest.mark.parametrize("size", [20, 125, 126, 65_535, 65_536])
def test_a_frame_that_is_too_large_is_refused_when_it_has_come_at_once(size: int) -> None:
    for opcode in (TEXT, BINARY):
        reader = new_reader(max_message_bytes=size - 1)
        reader.feed(frame(opcode, b"x" * size) + HELLO)
        with pytest.raises(BrokenRules, match=f"message is over {size - 1} bytes"):
            reader.read()
        assert read_all(HELLO, reader) == []


def test_fragments_that_are_too_large_together_are_refused_before_the_last_has_come() -> None:
    reader = new_reader(max_message_bytes=10)
    fits = frame(BINARY, bytes(5), final=False) + frame(CONTINUATION, bytes(4), final=False)
    assert read_all(fits + frame(CONTINUATION, bytes(1)), reader) == [bytes(10)]
    assert read_all(fits + frame(CONTINUATION, bytes(0), final=False), reader) == []
    reader.feed(frame(CONTINUATION, length=2)[:-4])
    with pytest.raises(BrokenRules, match="message is over 10 bytes"):
        reader.read()


def test_what_is_as_large_as_it_may_be_is_read() -> None:
    for size in (1, 124, 125, 126, 127, 1_000, 65_534, 65_535, 65_536, 65_537):
        reader = new_reader(max_message_bytes=size)
        stream = frame(TEXT, b"x" * size) + frame(BINARY, bytes(size)) + frame(TEXT, b"y" * size)
        assert read_all(stream, reader) == ["x" * size, bytes(size), "y" * size]


def test_each_frame_that_is_no_message_by_itself_is_counted() -> None:
    messages = frame(TEXT, b"text") + frame(BINARY, b"bytes") + frame(TEXT)
    others = [
        frame(PING),
        frame(PONG, b"pong"),
        frame(TEXT, final=False),
        frame(CONTINUATION, final=False),
        frame(PING, b"within"),
        frame(CONTINUATION, b"end"),
        frame(CLOSE),
    ]
    read: list[Message] = ["text", b"bytes", ""]
    told = [Ping(b""), Pong(b"pong"), None, None, Ping(b"within"), "end", Close(NO_STATUS, "")]
    for count in range(len(others)):
        reader = new_reader(may_take=count)
        reader.feed(messages + b"".join(others) + messages)
        expected = read + [message for message in told[:count] if message is not None]
        assert [reader.read() for _ in expected] == expected
        with pytest.raises(TooManyFrames):
            reader.read()
        reader.feed(messages)
        assert reader.read() is None
    assert len(read_all(messages + b"".join(others), new_reader(may_take=len(others)))) == 8


def test_nothing_is_read_after_a_close() -> None:
    reader = new_reader()
    stream = frame(CLOSE, b"\x03\xe8bye") + frame(TEXT, b"more")
    assert read_all(stream, reader) == [Close(1000, "bye")]
    assert read_all(frame(TEXT, b"and more"), reader) == []


def test_the_examples_of_the_specification_are_read() -> None:
    hello = bytes.fromhex("7f9f4d5158")  # "Hello", masked with 37fa213d.
    assert read_all(HELLO) == ["Hello"]
    assert read_all(bytes.fromhex("8a8537fa213d") + hello) == [Pong(b"Hello")]
    assert read_all(bytes.fromhex("898537fa213d") + hello) == [Ping(b"Hello")]
    assert read_all(frame(TEXT, b"Hel", final=False) + frame(CONTINUATION, b"lo")) == ["Hello"]
    assert read_all(frame(BINARY, bytes(256))) == [bytes(256)]
    assert read_all(frame(BINARY, bytes(65_536))) == [bytes(65_536)]


def test_the_examples_of_the_specification_are_written() -> None:
    assert text_frame(b"Hello") == bytes.fromhex("810548656c6c6f")
    assert pong_frame(b"Hello") == bytes.fromhex("8a0548656c6c6f")
    assert binary_frame(bytes(256)) == bytes.fromhex("827e0100") + bytes(256)
    assert binary_frame(bytes(65_536)) == bytes.fromhex("827f0000000000010000") + bytes(65_536)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_what_is_written_has_the_shortest_length_there_is(size: int) -> None:
    assert text_frame(b"x" * size) == frame(TEXT, b"x" * size, mask=b"")
    assert binary_frame(bytes(size)) == frame(BINARY, bytes(size), mask=b"")


def test_a_close_frame_has_what_fits() -> None:
    assert close_frame(1001) == b"\x88\x02\x03\xe9"
    assert close_frame(1000, "bye") == b"\x88\x05\x03\xe8bye"
    assert close_frame(NO_STATUS) == b"\x88\x00"
    assert close_frame(1000, "é" * 61 + "x") == b"\x88\x7d\x03\xe8" + ("é" * 61 + "x").encode()
    assert close_frame(1000, "é" * 62) == b"\x88\x7c\x03\xe8" + ("é" * 61).encode()


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1014, 3000, 4999])
def test_a_close_is_told_with_its_code_and_reason(code: int) -> None:
    assert read_all(frame(CLOSE, code.to_bytes(2, "big"))) == [Close(code, "")]
    assert read_all(frame(CLOSE, code.to_bytes(2, "big") + "wie schön".encode())) == [
        Close(code, "wie schön")
    ]


def test_control_frames_between_fragments_are_read_when_they_come() -> None:
    euro = "€".encode()
    between = frame(PING, bytes(125)) + frame(PONG)
    stream = frame(TEXT, euro[:1], final=False) + between + frame(CONTINUATION, euro[1:])
    # Its limit is the message's.
    assert read_all(stream, new_reader(max_message_bytes=3)) == [Ping(bytes(125)), Pong(b""), "€"]
    assert read_all(BEGUN + frame(CLOSE)) == [Close(NO_STATUS, "")]


def test_where_the_pieces_end_that_come_makes_no_difference() -> None:
    stream = frame(TEXT, b"short") + frame(TEXT) + frame(BINARY, bytes(126)) + frame(PING)
    stream += frame(TEXT, b"in eight bytes", length_bytes=8) + frame(TEXT, b"x" * 126)
    stream += frame(TEXT, b"frag", final=False) + frame(CONTINUATION, b"ments") + frame(CLOSE, b"\x03\xe8bye")
    expected = [
        "short",
        "",
        bytes(126),
        Ping(b""),
        "in eight bytes",
        "x" * 126,
        "fragments",
        Close(1000, "bye"),
    ]
    for at in range(len(stream) + 1):
        reader = new_reader()
        assert read_all(stream[:at], reader) + read_all(stream[at:], reader) == expected, at
    reader = new_reader()
    assert [
        message for at in range(len(stream)) for message in read_all(stream[at : at + 1], reader)
    ] == expected


def test_a_length_may_take_more_bytes_than_it_needs() -> None:
    """Section 5.2 forbids that to who sends it; the `websockets` library does not mind, nor does this one."""
    for length_bytes in (2, 8):
        assert read_all(frame(TEXT, b"wide", length_bytes=length_bytes)) == ["wide"]
        assert read_all(frame(PING, b"wide", length_bytes=length_bytes)) == [Ping(b"wide")]


def test_more_may_be_fed_before_all_is_read() -> None:
    reader = new_reader()
    for at in range(len(HELLO) * 3):
        reader.feed((HELLO * 3)[at : at + 1])
    assert reader.read() == "Hello"
    reader.feed(HELLO[:4])
    reader.feed(HELLO[4:] + HELLO)
    assert list(iter(reader.read, None)) == ["Hello"] * 4


def test_tiny_pieces_of_a_large_message_take_no_more_time_than_of_a_small_one() -> None:
    # It takes 0.5 s. To copy what is there for each of them would take 15 s for either message.
    size, pieces = 8_000_000, 30_000
    reader, began_s = new_reader(max_message_bytes=size + pieces), time.perf_counter()
    reader.feed(frame(TEXT, b"x" * size, mask=bytes(4), length=size + pieces))
    for _ in range(pieces):
        assert reader.read() is None
        reader.feed(b"x")
    assert reader.read() == "x" * (size + pieces)
    reader.feed(frame(TEXT, b"x" * size, final=False))
    for _ in range(pieces):
        assert reader.read() is None
        reader.feed(frame(CONTINUATION, b"x", final=False))
    assert read_all(frame(CONTINUATION), reader) == ["x" * (size + pieces)]
    assert time.perf_counter() - began_s < 7


@pytest.mark.parametrize(
    "piece", [b"12", frame(CONTINUATION, b"12", final=False)], ids=["bytes", "fragments"]
)
def test_tiny_pieces_take_no_more_memory_than_they_have_bytes(piece: bytes) -> None:
    reader, count = new_reader(), 30_000
    reader.feed(frame(TEXT, length=count * 2) if piece == b"12" else frame(TEXT, final=False))
    tracemalloc.start()
    for _ in range(count - 1):
        assert reader.read() is None
        reader.feed(piece[:-1])
        reader.feed(piece[-1:])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # As a list of pieces, it would be twenty times as much.
    assert peak < 2 * count * 2


def test_a_reader_with_nothing_to_read_has_no_buffer() -> None:
    reader = new_reader()
    for stream in (HELLO, frame(BINARY, bytes(MAX_BYTES)), BEGUN, frame(CONTINUATION), HELLO):
        for at in range(0, len(stream), 5_000):
            read_all(stream[at : at + 5_000], reader)
    kept = [getattr(reader, name) for name in FrameReader.__slots__]
    assert [value for value in kept if isinstance(value, bytes | bytearray)] == [b""]
    assert not hasattr(reader, "__dict__")
    assert sys.getsizeof(reader) <= 112


def test_compiled_code_takes_the_mask_off_where_there_is_some() -> None:
    compiled = pytest.importorskip("websockets.speedups").apply_mask
    assert vars(frames)["apply_mask"] is compiled


def test_python_takes_the_mask_off_just_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "apply_mask", interpreted)
    for seed in range(300):
        chance = random.Random(seed)
        check(any_stream(chance), any_cuts(chance), chance.choice(LIMITS))


@settings(derandomize=True, max_examples=300, deadline=None, database=None)
@given(st.randoms(use_true_random=False))
def test_a_stream_is_read_as_the_websockets_library_reads_it(chance: random.Random) -> None:
    check(any_stream(chance), any_cuts(chance), chance.choice(LIMITS))


def test_many_more_streams_are_read_as_the_websockets_library_reads_them() -> None:
    """Hypothesis looks for what is short and odd; these are longer. benchmarks/fuzz_frames.py has more."""
    for seed in range(3_000):
        chance = random.Random(seed)
        check(any_stream(chance), any_cuts(chance), chance.choice(LIMITS))
