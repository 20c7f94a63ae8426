"""`to_wire`, which has orjson write what it writes exactly, and `to_plain`, which takes thirty times as long:
whatever a listener answers with, both make the same of it, or both refuse it.
"""

import dataclasses
import datetime as dt
import json
import math
from collections import OrderedDict, deque
from collections.abc import Callable
from enum import Enum, IntEnum, IntFlag, StrEnum
from typing import Any, NamedTuple
from uuid import UUID

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from socketio.packet import EVENT

from app.core.transport import Json
from app.core.wire import to_plain, to_wire
from app.engine.outgoing import outgoing


class Choice(Enum):
    TEXT = "text"
    NUMBER = 7
    NAN = math.nan
    INFINITE = math.inf
    PAIR = (1, 2.5)
    BYTES = b"xy"
    DATE = dt.date(2020, 1, 1)
    NOTHING = None
    RESERVED = "_placeholder"


class Number(IntEnum):
    ONE = 1


class Word(StrEnum):
    RESERVED = "_placeholder"


class Fraction(float, Enum):
    HALF = 0.5


class Flags(IntFlag):
    A = 1
    B = 2


class Text(str):
    __slots__ = ()


class Whole(int): ...


class Real(float): ...


class Items(list[Any]): ...


class Pair(NamedTuple):
    first: object
    second: object


@dataclasses.dataclass
class Record:
    value: object
    _private: object = None


@dataclasses.dataclass(slots=True)
class Slotted:
    value: object


class Model(BaseModel):
    value: Any
    ratio: float = math.nan


TEXTS = st.text(max_size=4) | st.sampled_from(["NaN", "null", "\ud800", "\0", "\u2028", "[[" * 60, '"'])
INTEGERS = st.integers() | st.sampled_from([2**53, 2**63, -(2**63) - 1, 2**64 - 1, 2**64, 10**400])
MEMBERS = st.sampled_from([*Choice, *Number, *Word, *Fraction, Flags.A | Flags.B])
# Most of it is what orjson writes.
JSON = st.none() | st.booleans() | INTEGERS | st.floats() | TEXTS | MEMBERS | st.uuids()
OTHERS = st.one_of(
    *(st.binary(max_size=3), st.datetimes(), st.dates(), st.times(), st.timedeltas(), st.decimals()),
    *(st.builds(Text, TEXTS), st.builds(Whole, INTEGERS), st.builds(Real, st.floats())),
    *(st.just(object()), st.just(Model), st.complex_numbers(), st.builds(bytearray, st.binary(max_size=2))),
)
NAMES = st.text(max_size=3) | st.sampled_from(["_placeholder", "num", "\ud800"])
KEYS = NAMES | MEMBERS | st.builds(Text, NAMES) | st.integers() | st.floats() | st.booleans() | st.uuids()


def in_json(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3) | st.tuples(inner, inner)


def in_anything(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return in_json(inner) | st.one_of(
        st.dictionaries(KEYS, inner, max_size=3),
        *(st.builds(kind, inner) for kind in (Record, Slotted)),
        st.builds(Pair, inner, inner),
        st.builds(lambda value: Model(value=value), inner),
        st.builds(lambda value: Items([value]), inner),
        st.builds(lambda value: OrderedDict(key=value), inner),
        st.builds(lambda value: deque([value]), inner),
    )


VALUES = st.recursive(JSON, in_json, max_leaves=8) | st.recursive(JSON | OTHERS, in_anything, max_leaves=8)


def made_by(function: Callable[[object], Any], value: object) -> Any:
    try:
        made = function(value)
    except ValueError:
        return ValueError
    return json.loads(orjson.dumps(made)) if isinstance(made, Json) else made


def exactly(value: object) -> str:
    """Tells 1 from 1.0 and True, 0.0 from -0.0, and has an order of keys."""
    return repr(value)


def has_placeholder(value: object) -> bool:
    if isinstance(value, dict):
        return bool(value.get("_placeholder")) or any(map(has_placeholder, value.values()))
    return isinstance(value, list) and any(map(has_placeholder, value))


@settings(deadline=None, max_examples=400)
@example({Choice.RESERVED: True, "num": 0})
@example([{"_placeholder": True}])
@example([Choice.NAN, None])
@example({UUID(int=1): -0.0})
@given(VALUES)
def test_what_is_sent_is_the_same_whoever_writes_it(value: object) -> None:
    plain = made_by(to_plain, value)

    assert exactly(made_by(to_wire, value)) == exactly(plain)
    if plain is not ValueError:
        assert not has_placeholder(plain)
        fast, slow = (outgoing(EVENT, "/", ["event", made]) for made in (to_wire(value), plain))
        assert fast.attachments == slow.attachments
        start = fast.text.index(b"[")
        written = [json.loads(each.text[start:], parse_constant=pytest.fail) for each in (fast, slow)]
        assert exactly(written[0]) == exactly(written[1])
