"""What a crowd of clients does, step by step: what makes sense, what nearly does, and what makes none."""

import reprlib
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Literal, TypeAlias

from hypothesis import strategies as st

from tests.protocol.fuzzing.lines import Manner, websocket_frame
from tests.protocol.fuzzing.packets import Frame, frames, good_beginnings, rarely

# A number of a client. Those that have not been opened are opened as a step asks for them.
SLOTS: Final = 4


Transport: TypeAlias = Literal["websocket", "polling"]

SHORT: Final = reprlib.Repr()
SHORT.maxstring = SHORT.maxother = SHORT.maxtuple = 200


class Shown:
    """A megabyte of what a client said would hide what it did."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(SHORT.repr, vars(self).values()))})"


@dataclass(frozen=True, repr=False)
class Open(Shown):
    """A new client in a slot; one that was there stays, but says nothing any more."""

    slot: int
    transport: Transport
    query: bytes
    packets: tuple[Frame, ...]
    reads: bool


@dataclass(frozen=True, repr=False)
class Say(Shown):
    """Frames of a WebSocket, or the packets of one POST."""

    slot: int
    frames: tuple[Frame, ...]
    manner: Manner


@dataclass(frozen=True, repr=False)
class Poll(Shown):
    slot: int
    manner: Manner


@dataclass(frozen=True, repr=False)
class Upgrade(Shown):
    """A WebSocket for a session, which may have one; the client goes on over it when the frames are right."""

    slot: int
    frames: tuple[Frame, ...]
    goes_on: bool


@dataclass(frozen=True, repr=False)
class Request(Shown):
    """Any request at all. In the query `SID` stands for the client's."""

    slot: int
    method: str
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    manner: Manner


@dataclass(frozen=True, repr=False)
class Garble(Shown):
    """Bytes that are no WebSocket frame, or one that nobody sends."""

    slot: int
    content: bytes


@dataclass(frozen=True, repr=False)
class Leave(Shown):
    slot: int
    how: Literal["packet", "close frame", "end", "reset", "silence"]


@dataclass(frozen=True, repr=False)
class Wait(Shown):
    seconds: float


@dataclass(frozen=True, repr=False)
class Act(Shown):
    """Something that the server does of its own accord."""

    what: Literal["broadcast", "broadcast bytes", "room", "kick", "dismiss"]


Step: TypeAlias = Open | Say | Poll | Upgrade | Request | Garble | Leave | Wait | Act

slots = st.integers(0, SLOTS - 1)
manners: st.SearchStrategy[Manner] = st.sampled_from(
    ("patient",) * 12 + ("hurried", "hurried", "half", "reset")
)

queries = st.sampled_from(
    [b"", b"&commId=Ada", b"&metadata=%7B%22a%22:1%7D", b"&metadata=" + b"[" * 9000, b"&commId=%ff%00"]
)
fields = st.sampled_from(
    ["EIO=4"] * 4
    + ["transport=polling"] * 3
    + ["transport=websocket", "sid=SID", "sid=SID", "sid=", "sid=nobody"]
    + ["EIO=3", "EIO=", "j=0", "t=abc", "%", "&&", "="]
)
raw_queries = st.binary(max_size=12).map(
    lambda raw: b"EIO=4&transport=polling&x=" + raw.translate(None, b" \r\n#")
)
odd_queries = raw_queries | st.lists(fields, max_size=5).map(lambda some: "&".join(some).encode())
for_session = st.sampled_from([b"EIO=4&transport=polling&sid=SID", b"EIO=4&transport=websocket&sid=SID"])
new_session = st.sampled_from([b"EIO=4&transport=polling", b"EIO=4&transport=websocket"])
headers = st.lists(
    st.sampled_from(
        [
            (b"Origin", b"https://elsewhere.example"),
            (b"Origin", b"\xff\x7f"),
            (b"Access-Control-Request-Headers", b"X-\xc3\xa9, \x7f"),
            (b"X-Forwarded-Proto", b"gopher"),
            (b"Content-Length", b"50"),
            (b"Content-Length", b"99999999"),
            (b"Transfer-Encoding", b"chunked"),
            (b"Expect", b"100-continue"),
            (b"Accept-Encoding", b"gzip, deflate"),
            (b"Connection", b"Upgrade"),
            (b"Upgrade", b"websocket"),
            (b"Sec-WebSocket-Version", b"13"),
            (b"Sec-WebSocket-Key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
            (b"Cookie", b"io=1"),
            (b"X-Long", b"x" * 9000),
        ]
    ),
    max_size=4,
    unique_by=lambda header: header[0],
).map(tuple)
bodies = st.binary(max_size=40) | frames.map(
    lambda several: "\x1e".join(f for f in several if isinstance(f, str)).encode(errors="surrogatepass")
)
odd_frames = st.builds(
    websocket_frame, st.binary(max_size=130), st.integers(0, 15), fin=st.booleans(), masked=st.booleans()
)

STEPS: Final[dict[str, st.SearchStrategy[Any]]] = {
    "s": st.builds(Say, slots, frames, manners),
    "o": st.builds(
        Open,
        slots,
        st.sampled_from(["websocket", "polling"]),
        queries,
        good_beginnings | frames,
        st.booleans(),
    ),
    "p": st.builds(Poll, slots, manners),
    "u": st.builds(Upgrade, slots, st.just(("2probe", "5")), st.just(True))
    | st.builds(Upgrade, slots, rarely(frames, st.just(("2probe",)), one_in=2), st.booleans()),
    "r": st.builds(
        Request,
        slots,
        st.sampled_from(["GET", "GET", "POST", "POST", "OPTIONS", "HEAD", "PUT", "DELETE", "BREW"]),
        for_session | new_session | odd_queries,
        headers,
        bodies | st.just(b""),
        manners,
    ),
    "a": st.builds(Open, slots, st.just("websocket"), queries, good_beginnings, st.just(True)),
    "g": st.builds(Garble, slots, st.binary(min_size=1, max_size=20) | odd_frames),
    # Seldom without a sign: it takes the server a while to find that out.
    "l": st.builds(
        Leave, slots, st.sampled_from(["packet", "close frame", "end", "reset"] * 2 + ["silence"])
    ),
    "w": st.builds(Wait, st.sampled_from([0, 0, 0, 0.002, 0.01, 0.03])),
    "A": st.builds(Act, st.sampled_from(["broadcast", "broadcast bytes", "room", "kick", "dismiss"])),
}
# What comes often happens often.
steps: st.SearchStrategy[Step] = st.sampled_from("ssssssssssoopppuurrraglwAA").flatmap(STEPS.__getitem__)
# Longer than a plain list would be, and as easy to make shorter.
sequences = st.lists(st.lists(steps, max_size=20), max_size=12).map(
    lambda parts: list(chain.from_iterable(parts))
)
