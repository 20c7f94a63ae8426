"""Who is let in, as far as numbers decide, and the record of all who were over a limit."""

import logging
from typing import Final

from ..core.transport import Refusal
from .limits import LOGGED_AT_ONCE, LOGGED_PER_S, MAX_ORIGINS, Limits
from .metrics import Limit, Metrics
from .rates import Tally, TokenBuckets

log = logging.getLogger(__name__)

TOO_OFTEN: Final = Refusal("Too many attempts: try again later", {"code": "rate_limited"})
TOO_MANY_CONNECTIONS: Final = Refusal("Too many connections", {"code": "too_many_connections"})
UNKNOWN_NAMESPACE: Final = Refusal("There is no such namespace", {"code": "unknown_namespace"})

# A client is not to blame for being refused with one of these codes.
NO_FAULT: Final = ("timeout", "internal_error", "too_many_connections")


class Admission:
    """Counts for the whole server; a `Connection` counts for itself.

    An origin is what `origin_of` makes of an address: all clients of a proxy that is not trusted have one.
    """

    def __init__(self, limits: Limits, metrics: Metrics) -> None:
        self.limits = limits
        self._metrics = metrics
        self._connections = Tally(limits.connections_per_address)
        self._logged = TokenBuckets(LOGGED_PER_S, LOGGED_AT_ONCE, most=MAX_ORIGINS)
        per_minute = limits.failed_handshakes_per_minute
        self._failures = TokenBuckets(per_minute / 60, per_minute, most=MAX_ORIGINS)

    def refused(self, limit: Limit, whom: str, why: str, *, quietly: bool = False) -> None:
        """Somebody is over a limit: this is for the metrics and, unless `quietly`, for the log.

        Of one and the same, not more than `LOGGED_PER_S` are logged, or this would be a way to fill the disk.
        """
        self._metrics.refused(limit)
        if not quietly and self._logged.take(whom):
            log.warning("%s is over a limit, %s: %s (docs/security.md)", whom, limit, why)

    def enter(self, origin: str) -> bool:
        """Count a connection, unless there are too many; `leave` is for those that were counted."""
        is_let_in = self._connections.enter(origin)
        if not is_let_in:
            why = f"{self.limits.connections_per_address} connections; is that a proxy? See TRUSTED_PROXIES"
            self.refused("too_many_connections", origin, why)
        return is_let_in

    def leave(self, origin: str) -> None:
        self._connections.leave(origin)

    def failed(self, origin: str, code: str) -> None:
        """A handshake was refused with this code."""
        if code not in NO_FAULT:
            self._failures.take(origin)

    def failed_too_often(self, origin: str) -> bool:
        """Whether handshakes from there are refused unseen for a while."""
        too_often = self._failures.is_empty(origin)
        if too_often:
            self.refused("rate_limited", origin, "its handshakes fail too often")
        return too_often
