"""What a node counts, beside what every server does."""

from collections.abc import Iterator
from math import nan

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..metrics import counter
from .inbox import Inbox
from .link import Link
from .roster import ClusterRoster


class Counts(Collector):
    def __init__(self, link: Link, inbox: Inbox, roster: ClusterRoster) -> None:
        self._link, self._inbox, self._roster = link, inbox, roster

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("socketio_cluster_up", "Whether Redis answers.", int(self._link.up))
        # Neither the last number, which may be wrong for hours, nor none, which would be one of no servers.
        nodes = self._roster.nodes if self._link.up and self._roster.nodes else nan
        yield GaugeMetricFamily(
            "socketio_cluster_nodes", "Servers, with this one; NaN while Redis does not say.", nodes
        )
        yield counter("cluster_outages", "Redis did not answer any more.", [], [([], self._link.outages)])
        messages = {
            "sent": self._link.messages - self._link.lost_messages,
            "lost": self._link.lost_messages,
            "received": self._inbox.received,
            "passed over": self._inbox.passed_over,
        }
        by_outcome = [([outcome], count) for outcome, count in messages.items()]
        yield counter("cluster_messages", "Messages to and from other servers.", ["outcome"], by_outcome)
