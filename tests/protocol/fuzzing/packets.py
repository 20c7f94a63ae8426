"""Frames that a client sends: strategies for packets that are right, nearly right, and none at all."""

import json
from itertools import chain
from typing import Any, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")
Frame = str | bytes

# Surrogates and NUL among them: as escapes in JSON, and as they are.
texts = st.text(max_size=12) | st.sampled_from(
    ["", "\x00", "\ud800", "a\x1eb", "x" * 5000, "\u2028", "__class__"]
)
names = st.sampled_from(
    "echo count tree shout blob join leave quit kick dismiss slow fail cancel exit renewToken connect"
    " disconnect connect_error closing".split()
)
tokens = st.sampled_from(
    "Ada Grace Alan Ada Grace slow crash cancel exit hang stubborn refuse brief hook".split()
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**53, -(2**63), 2**64, 10**400])
    | st.floats()
    | texts
)
keys = st.sampled_from(["_placeholder", "num", "children", "token"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts | keys, inner, max_size=3),
    max_leaves=6,
)
deep = st.builds(
    lambda depth, start, end: start * depth + "1" + end * depth,
    st.sampled_from([10, 99, 101, 300, 900, 2_000, 50_000]),
    st.sampled_from(["[", '{"children":[', '{"a":']),
    st.sampled_from(["]", "]}", "}", ""]),
)
huge = st.sampled_from(['"' + "x" * 400_000 + '"', "[" + "1," * 90_000 + "1]", '"' + "x" * 1_100_000 + '"'])


def rarely(
    strategy: st.SearchStrategy[T], instead_of: st.SearchStrategy[T], *, one_in: int
) -> st.SearchStrategy[T]:
    return st.integers(1, one_in).flatmap(lambda number: strategy if number == one_in else instead_of)


def together(*parts: str | st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map("".join)


payloads = rarely(rarely(huge, deep, one_in=8), values.map(json.dumps), one_in=30)
namespaces = st.sampled_from(
    ["/people,"] * 6 + ["/open,"] * 3 + [""] * 3 + ["/nowhere,", "/people?a=1,", "/" + "n" * 20_000 + ","]
) | rarely(together("/", texts, ","), st.just("/people,"), one_in=4)
ids = rarely(
    st.sampled_from(["9" * 16, "-1", "1.5"]),
    st.sampled_from(["", "", "0", "7", "999999999999999"]),
    one_in=30,
)
good_auth = tokens.map(lambda token: json.dumps({"token": token}))
odd_auth = st.fixed_dictionaries({"token": tokens | values, "metadata": values}).map(json.dumps)

connects = together("40", namespaces, rarely(payloads | odd_auth | st.just(""), good_auth, one_in=3))
events = together("42", namespaces, ids, "[", names.map(json.dumps), ",", payloads, "]")
bare_events = together("42", namespaces, ids, "[", names.map(json.dumps), "]")
odd_packets = together("4", st.sampled_from("012345678"), namespaces, ids, payloads)
goodbyes = together("41", namespaces)
acks = together(
    st.sampled_from(["43", "43", "460-"]),
    namespaces,
    st.sampled_from(["0", "7"]),
    st.lists(values, max_size=2).map(json.dumps),
)
of_the_engine = st.sampled_from(
    ["3"] * 16 + ["2", "1", "2probe", "3probe", "5", "6", "0{}", "", "7", "b", "bAQID", "b??"]
)


@st.composite
def garbled(draw: st.DrawFn) -> str:
    """A packet with one thing replaced, left out or added."""
    packet = draw(connects | events | goodbyes | acks)[:200]
    at = draw(st.integers(0, len(packet)))
    return packet[:at] + draw(texts) + packet[at + draw(st.integers(0, 2)) :]


@st.composite
def binary_events(draw: st.DrawFn) -> list[Frame]:
    """An event and its attachments: as many as it says, or not."""
    count = draw(st.integers(0, 3))
    said = draw(rarely(st.sampled_from([0, 5, 11, 999_999_999]), st.just(count), one_in=20))
    numbers = (
        draw(st.lists(st.integers(-1, 4), max_size=3)) if draw(st.integers(0, 9)) == 9 else list(range(count))
    )
    placeholders = [json.dumps({"_placeholder": True, "num": number}) for number in numbers]
    event = ",".join([json.dumps(draw(names)), *placeholders])
    head = f"45{said}-{draw(namespaces)}{draw(ids)}[{event}]"
    between = draw(rarely(st.lists(events | goodbyes, max_size=1), st.just([]), one_in=6))
    return [head, *between, *draw(st.lists(st.binary(max_size=20), min_size=count, max_size=count))]


def one(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Frame]]:
    return strategy.map(lambda frame: [frame])


KINDS = {
    "c": one(connects),
    "e": one(events),
    "f": one(bare_events),
    "g": one(goodbyes),
    "a": one(acks),
    "b": binary_events(),
    "m": one(garbled()),
    "o": one(odd_packets),
    "x": one(of_the_engine),
    "y": one(st.binary(max_size=30)),
    "t": one(texts),
}
# What comes often happens often. What ends a connection is rare, or nothing would come after it.
kinds = st.sampled_from("cccceeeeeeeeeeffffffggaabbbx" * 4 + "moyt")
frames = (
    st.lists(kinds.flatmap(KINDS.__getitem__), max_size=6)
    .map(lambda several: tuple(chain.from_iterable(several)))
    .filter(bool)
)
good_connects = together("40", st.sampled_from(["/people,"] * 3 + ["/open,", ""]), good_auth)
good_beginnings = st.lists(good_connects, min_size=1, max_size=3, unique=True).map(tuple)
