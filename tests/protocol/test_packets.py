"""Whatever a client sends is a packet, or refused as one: nothing else is ever raised."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from engineio.packet import Packet as EnginePacket
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from socketio.packet import Packet as LibraryPacket

from app.engine import packets
from app.engine.limits import DEFAULT_LIMITS, MAX_CONTAINERS
from app.engine.packets import BadPacket, Packet, read_frame, read_packet

# How long an example takes says nothing here: other tests have the processor as well.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text().filter(lambda key: key != "_placeholder"), inner)
    ),
)
NAMES = st.from_regex(r"/[a-zA-Z_-]{1,9}", fullmatch=True)
IDS = st.none() | st.integers(0, 999_999_999_999_999)
SHAPES = st.from_regex(r"[0-6]?([0-9]+-)?(/[^,]*,?)?[0-9]*(\[.*\]?|\{.*\}?)?", fullmatch=True)


def whole_packet(text: str) -> Packet:
    packet = read_packet(text, DEFAULT_LIMITS)
    packet.read_data(DEFAULT_LIMITS)
    return packet


@given(st.text() | SHAPES)
def test_any_text_is_a_packet_or_refused(text: str) -> None:
    try:
        packet = whole_packet(text)
    except BadPacket:
        return
    assert 0 <= packet.kind <= 6
    assert packet.namespace.startswith("/")


@given(st.text() | st.binary())
def test_any_frame_is_a_packet_or_refused(frame: str | bytes) -> None:
    try:
        kind, _ = read_frame(frame)
    except BadPacket:
        return
    assert 0 <= kind <= 6


@given(st.lists(JSON | st.binary(), min_size=1), NAMES, IDS)
def test_what_the_library_sends_is_read(data: list[Any], namespace: str, id: int | None) -> None:
    encoded = LibraryPacket(data=data, namespace=namespace, id=id).encode()
    assume(not isinstance(encoded, list) or len(encoded) <= 1 + DEFAULT_LIMITS.max_attachments)
    assume(not isinstance(encoded, list) or len(encoded) <= 1 + DEFAULT_LIMITS.max_attachments)
    text, *attachments = encoded if isinstance(encoded, list) else [encoded]
    packet = whole_packet(text)
    for attachment in attachments:
        assert packet.missing
        packet.attach(attachment, DEFAULT_LIMITS)
    assert (packet.namespace, packet.id, packet.data, packet.missing) == (namespace, id, data, 0)


@given(st.text() | st.binary())
def test_what_engineio_sends_in_a_poll_is_read(payload: str | bytes) -> None:
    assert read_frame(EnginePacket(4, payload).encode(b64=True)) == (4, payload)


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", Packet(0, "/", None, None, 0)),
        ("0/people,", Packet(0, "/people", None, None, 0)),
        ("0/people", Packet(0, "/people", None, None, 0)),
        ('0/people?commId=1,{"token":"a,b"}', Packet(0, "/people", None, {"token": "a,b"}, 0)),
        ("1/people,", Packet(1, "/people", None, None, 0)),
        ('27["a,b","/c"]', Packet(2, "/", 7, ["a,b", "/c"], 0)),
        ('2["a\\n"]', Packet(2, "/", None, ["a\n"], 0)),
        ("3/people,0[]", Packet(3, "/people", 0, [], 0)),
        ('52-/people,7["a"]', Packet(5, "/people", 7, ["a"], 2)),
    ],
)
def test_a_packet_has_the_parts_that_it_is_written_with(text: str, packet: Packet) -> None:
    assert whole_packet(text) == packet


@pytest.mark.parametrize("item", ["[]", '{"a":{}}', '"\\"",[]', '"\\\\",[]'])
def test_a_message_has_only_so_many_lists_and_objects(item: str) -> None:
    """A megabyte of them would hold everybody up for most of a second, and take 20 MB."""
    with pytest.raises(BadPacket) as refused:
        whole_packet(f'2["x",{",".join([item] * MAX_CONTAINERS)}]')
    assert refused.value.limit == "too_large"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"[": [' * 50_000, '\\"]}' * 50_000])
def test_brackets_in_a_text_are_no_lists(text: str) -> None:
    packet = whole_packet(f"2{json.dumps(['x', text])}")
    assert packet.data == ["x", text]


def test_a_text_without_an_end_is_refused_soon() -> None:
    began_s = time.process_time()
    with pytest.raises(BadPacket):
        whole_packet('2["' + '[\\"' * 200_000)
    assert time.process_time() - began_s < 5


HEADS = st.lists(
    st.sampled_from(["2", "3", "/", "/a", ",", "[", "]", "?q", "17", "1", "-", "é", "٣", " ", "{", '"']),
    max_size=6,
).map("".join)


@given(
    head=HEADS, rest=st.sampled_from(["", "[]", '["e"]', '["e",{"a":[1]}]', '[["e"]', '"e"', '["e",[', "{}"])
)
@settings(derandomize=True, max_examples=2_000)
def test_the_short_way_to_read_an_event_reads_the_same(head: str, rest: str) -> None:
    text = f"2{head}{rest}"
    short = read(packets._read_event, text, len(text.encode()))
    if short is not None:
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(packets, "_read_event", lambda *_: None)
            assert short == read(read_packet, text, DEFAULT_LIMITS)


def read(function: Callable[..., Packet | None], *args: Any) -> Packet | str | None:
    """The packet, or that there is none."""
    try:
        packet = function(*args)
        if packet is not None:
            packet.read_data(DEFAULT_LIMITS)
        return packet
    except BadPacket as problem:
        return problem.limit
