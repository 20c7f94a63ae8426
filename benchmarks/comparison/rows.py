"""What is measured: the loads that the servers are put under, and the rows of the tables."""

import json
from dataclasses import dataclass, replace
from typing import Final, Literal

Work = Literal["ack", "direct", "broadcast", "connect", "crowd", "polling"]
# How small a payload is, beside the time it was sent: what people write to each other.
_WORDS: Final = "a few words, as people write them to each other in a hurry here."
_SMALL: Final = json.dumps({"t": "%t", "p": _WORDS}, separators=(",", ":"))
_PEOPLE: Final = [
    {"id": n, "name": f"user number {n}", "score": n * 1.5, "ok": n % 2 == 0, "tags": ["a", "b", "c"]}
    for n in range(20)
]
_STRUCTURED: Final = json.dumps({"t": "%t", "rows": _PEOPLE}, separators=(",", ":"))


@dataclass(frozen=True)
class Load:
    """What a server is put under, once; load/load.c and polling.py know how.

    Attributes:
        arguments: Of the event, as JSON without its brackets; %k is the receiver's id, %t the time.
        heard: The event that tells that it arrived; empty where the ack does.
        attachment: Bytes of binary data with each event.
    """

    name: str
    work: Work
    clients: int
    event: str = "echo"
    arguments: str = _SMALL
    heard: str = ""
    attachment: int = 0
    warmup_s: float = 0.7
    seconds: float = 3
    window: int = 50

    def shrunk(self) -> "Load":
        """The same with next to no work: whether it works at all."""
        return replace(self, clients=min(self.clients, 20), warmup_s=0.05, seconds=0.1, window=10)


@dataclass(frozen=True)
class Row:
    """A row of the tables: a figure of a load, and at most what share of the others' it is to be."""

    title: str
    load: Load
    against_plain: float
    against_node: float | None = None
    figure: Literal["server_cpu_us", "resident_kb", "leave_cpu_us"] = "server_cpu_us"

    @property
    def unit(self) -> str:
        return "kB" if self.figure == "resident_kb" else "\N{MICRO SIGN}s"

    @property
    def has_latency(self) -> bool:
        return self.figure == "server_cpu_us"


def _broadcast(clients: int) -> Load:
    return Load(
        f"broadcast-{clients}",
        "broadcast",
        clients,
        "bcast",
        heard="msg",
        # A few dozens of them, where the slowest server takes a tenth of a second for each.
        seconds=4 if clients > 1000 else 3,
    )


_CROWD: Final = Load("crowd", "crowd", 5000, seconds=3)
_SAY: Final = Load("say-1000", "broadcast", 1000, "sayStuff", arguments=f'"%t {_WORDS}"', heard="sayingStuff")

ROWS: Final = (
    Row("event with ack, 50 clients", Load("ack", "ack", 50), 0.20, 0.85),
    Row(
        "event with ack, 1.5 kB structured payload",
        Load("structured", "ack", 50, arguments=_STRUCTURED),
        0.12,
        0.65,
    ),
    Row(
        "send to one client by key",
        Load("direct", "direct", 50, "sendTo", arguments=f'"%k",{_SMALL}', heard="msg"),
        0.17,
        0.95,
    ),
    Row("broadcast to 100", _broadcast(100), 0.18, 0.85),
    Row("broadcast to 1,000", _broadcast(1000), 0.12, 0.70),
    Row("broadcast to 5,000", _broadcast(5000), 0.07, 0.65),
    Row("`sayStuff` to 1,000", _SAY, 0.15, 0.65),
    Row("connect, 1,000: token verified, user looked up", Load("connect", "connect", 1000), 0.5, 0.9),
    Row("mass disconnect of 5,000, each", _CROWD, 0.15, 0.70, "leave_cpu_us"),
    Row("resident memory per idle connection, 5,000", _CROWD, 0.35, 0.75, "resident_kb"),
)
# Where nothing was to be won, nothing may be lost.
ELSEWHERE: Final = (
    Row("event with ack, over HTTP long-polling", Load("polling", "polling", 20), 1.05),
    Row(
        "binary event with ack, 1 kB",
        Load("binary", "ack", 50, arguments='{"_placeholder":true,"num":0}', attachment=1000),
        1.05,
    ),
)


def loads_of(rows: tuple[Row, ...]) -> list[Load]:
    """Each once: rows can share a load."""
    return list(dict.fromkeys(row.load for row in rows))
