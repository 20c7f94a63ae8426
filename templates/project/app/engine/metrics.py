"""What the server counts, for Prometheus; app/operations.py shows it at /metrics.

Prometheus keeps a time series for each combination of label values, so there must be only so many of them,
whatever clients send: a name that nobody declared is counted as `other`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final, Literal, TypeAlias, get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from ..core.transport import DisconnectReason

# What clients may overdo.
Limit: TypeAlias = Literal[
    "slow_reader",
    "slow_request",
    "rate_limited",
    "too_many_connections",
    "connect_timeout",
    "malformed",
    "too_large",
]

OTHER: Final = "other"
# Of all codes together: middlewares and listeners may make up theirs as they go.
MOST_OUTCOMES: Final = 100
BUCKETS_S: Final = (0.001, 0.01, 0.1, 1.0, 10.0)


class Durations:
    """How often something took how long."""

    def __init__(self) -> None:
        self.sum_s = 0.0
        self.counts = [0] * (len(BUCKETS_S) + 1)

    def add(self, duration_s: float) -> None:
        self.sum_s += duration_s
        self.counts[bisect_left(BUCKETS_S, duration_s)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Each limit, and how many stayed within it."""
        limits = [*map(str, BUCKETS_S), "+Inf"]
        return list(zip(limits, accumulate(self.counts), strict=True))


class Metrics(Collector):
    """The counts of one server; yours can join them: `Counter("orders", "...", registry=metrics.registry)`.

    Plain numbers, which only the event loop changes: those of prometheus_client, each with a lock, would take
    four times as long per event.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self._connections: dict[str, int] = {}
        self._handshakes: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._events: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._listeners: defaultdict[tuple[str, str], Durations] = defaultdict(Durations)
        # Of whole messages with their attachments, uncompressed; of those that are sent, for each receiver.
        self.received_bytes = self.sent_bytes = 0
        # From zero on, or Prometheus could not tell that the first one is new.
        self._closed: dict[str, int] = dict.fromkeys((*get_args(DisconnectReason), OTHER), 0)
        self._refused: dict[Limit, int] = dict.fromkeys(get_args(Limit), 0)
        self._outcomes = {"ok"}

    def text(self) -> tuple[bytes, str]:
        """Everything as Prometheus reads it, and the media type of that."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def add_namespace(self, namespace: str) -> None:
        """Others are counted as `other`."""
        self._connections[namespace] = 0
        self._handshakes[namespace, "ok"] = 0

    def handshake(self, namespace: str, outcome: str) -> None:
        """A client was accepted (`ok`) or refused (the refusal's code)."""
        known = namespace if namespace in self._connections else OTHER
        self._handshakes[known, self._bounded(outcome)] += 1

    def connected(self, namespace: str) -> None:
        """The handshake is complete: the client is there until `closed`."""
        self._connections[namespace] += 1

    def closed(self, namespace: str, reason: str) -> None:
        """A client that was connected is gone."""
        self._connections[namespace] -= 1
        self._closed[reason if reason in self._closed else OTHER] += 1

    def event(self, namespace: str, event: str | None, outcome: str, duration_s: float) -> None:
        """An event was answered.

        Args:
            event: None when there is no listener for it.
            outcome: `ok`, or the error's code.
        """
        if outcome != "ok":
            outcome = self._bounded(outcome)
        self._events[namespace, event or OTHER, outcome] += 1
        if event is not None:
            self._listeners[namespace, event].add(duration_s)

    def refused(self, limit: Limit) -> None:
        """A client was over a limit."""
        self._refused[limit] += 1

    def collect(self) -> Iterator[Metric]:
        """All of it; the registry calls this.

        Source: Prometheus, "Metric and label naming".
        """
        connections = GaugeMetricFamily("socketio_connections", "Connected clients.", labels=["namespace"])
        for namespace, count in self._connections.items():
            connections.add_metric([namespace], count)
        yield connections
        seconds = HistogramMetricFamily(
            "socketio_listener_seconds", "How long listeners took.", labels=["namespace", "event"]
        )
        for labels, durations in self._listeners.items():
            seconds.add_metric(labels, durations.buckets(), durations.sum_s)
        yield seconds
        yield counter("handshakes", "Answers to clients.", ["namespace", "outcome"], self._handshakes.items())
        yield counter("events", "Answered events.", ["namespace", "event", "outcome"], self._events.items())
        yield counter("received_bytes", "Messages from clients.", [], [([], self.received_bytes)])
        yield counter("sent_bytes", "Messages to clients.", [], [([], self.sent_bytes)])
        closed = [([reason], count) for reason, count in self._closed.items()]
        yield counter("connections_closed", "Clients that left.", ["reason"], closed)
        refused = [([limit], count) for limit, count in self._refused.items()]
        yield counter("refused", "Clients that were over a limit.", ["reason"], refused)

    def _bounded(self, outcome: str) -> str:
        if outcome not in self._outcomes:
            # Lone surrogates are not printable; they would make the whole text impossible to write.
            if len(self._outcomes) >= MOST_OUTCOMES or len(outcome) > 80 or not outcome.isprintable():
                return OTHER
            self._outcomes.add(outcome)
        return outcome


def counter(
    name: str, what: str, labels: Sequence[str], counts: Iterable[tuple[Sequence[str], int]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(f"socketio_{name}", what, labels=labels)
    for values, count in counts:
        family.add_metric(values, count)
    return family


def size_of(message: object) -> int:
    """In bytes, as it crosses the network uncompressed."""
    if isinstance(message, str):
        return len(message) if message.isascii() else len(message.encode(errors="replace"))
    return len(message) if isinstance(message, bytes) else 0
