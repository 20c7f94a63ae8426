"""What uvicorn's protocols share: the limits, and a watch over clients that do not read."""

import asyncio
import logging
import socket
from contextlib import suppress

import uvicorn

from .limits import DEFAULT_LIMITS, LAST_TIMEOUT_S, MAX_UNSENT_BYTES, SLOWEST_BYTES_PER_S, Limits
from .timer import Timer

log = logging.getLogger(__name__)


class LimitedConfig(uvicorn.Config):
    """uvicorn hands it to each connection, and so the limits."""

    limits: Limits = DEFAULT_LIMITS


def limits_in(config: uvicorn.Config) -> Limits:
    return config.limits if isinstance(config, LimitedConfig) else DEFAULT_LIMITS


def tune(transport: asyncio.Transport) -> None:
    """Set what the system is to do for a connection."""
    connection: socket.socket = transport.get_extra_info("socket")
    if connection.family not in (socket.AF_INET, socket.AF_INET6):
        return
    with suppress(OSError):  # It is closed already.
        # Nothing is to be held back until there is more of it. uvloop sees to that, asyncio only where the
        # listening socket was made with a protocol number.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Else the system takes megabytes that the client does not read, and one that reads slowly looks as if
        # it did not read at all.
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MAX_UNSENT_BYTES)


class WriteWatch:
    """Cuts a connection whose client does not take what is sent to it.

    Closing is not enough: that waits until all is sent, for as long as the client likes.
    """

    def __init__(self, transport: asyncio.Transport, limits: Limits) -> None:
        # The transport then tells as soon as anything has to wait, be it the last few bytes before it closes.
        transport.set_write_buffer_limits(high=0)
        self._transport = transport
        self._timeout_s = limits.write_timeout_s
        self._timer = Timer()
        self._waiting_bytes = 0

    def begin(self) -> None:
        """There is something that the client has yet to take."""
        self._waiting_bytes = self._transport.get_write_buffer_size()
        self._timer.set(self._timeout_s, self._check)

    def hurry(self) -> None:
        """The server stops."""
        self._timeout_s = LAST_TIMEOUT_S
        if self._transport.get_write_buffer_size():
            self.begin()

    def end(self) -> None:
        self._timer.cancel()

    def _check(self) -> None:
        taken_bytes = self._waiting_bytes - self._transport.get_write_buffer_size()
        if taken_bytes >= SLOWEST_BYTES_PER_S * self._timeout_s:
            self.begin()
        else:
            log.info("a client is cut off: it does not read what it is sent")
            self._transport.abort()
