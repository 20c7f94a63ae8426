"""What uvicorn's protocols share: the limits, and a watch over clients that do not read."""

import asyncio
import logging
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from . import libraries
from .addresses import origin_of
from .limits import LAST_TIMEOUT_S, MAX_UNSENT_BYTES, SLOWEST_BYTES_PER_S, SPARE_CONNECTIONS, Limits
from .metrics import Limit
from .rates import Tally
from .timer import Timer
from .turn import Turn

if TYPE_CHECKING:
    from .server import SocketServer

WEBSOCKETS_LOG: Final = "uvicorn.error.websockets"
# The key of the ASGI lifespan state under which the application leaves its SocketServer.
STATE_KEY: Final = "socket_server"


class LimitedConfig(uvicorn.Config):
    """uvicorn hands it to each connection, and so the limits, and what is counted of all connections."""

    def __init__(
        self,
        *args: Any,
        limits: Limits,
        trusted_proxies: Sequence[str],
        direct_websockets: bool,
        **more: Any,
    ) -> None:
        # uvicorn would trust whoever connects from this machine.
        more |= {"proxy_headers": bool(trusted_proxies), "forwarded_allow_ips": list(trusted_proxies)}
        super().__init__(*args, **more)
        self.limits = limits
        self.turn = Turn()
        self.direct_websockets = direct_websockets and libraries.are_as_expected()
        # Whether one connection may have several HTTP requests.
        self.keeps_connections = True
        # A client that polls has two; and some are for pages, or have not ended yet.
        self.connections = Tally(2 * limits.connections_per_address + SPARE_CONNECTIONS)
        self._proxies = [ip_network(proxy) for proxy in trusted_proxies]

    def configure_logging(self) -> None:
        """Called as this is made, and once more in the process that --reload starts."""
        super().configure_logging()
        logging.getLogger(WEBSOCKETS_LOG).setLevel(logging.INFO if self.access_log else logging.WARNING)

    def is_proxy(self, address: str) -> bool:
        """Whether it is one that is trusted."""
        return bool(self._proxies) and any(ip_address(address) in proxy for proxy in self._proxies)


class Peer:
    """The other end of a TCP connection, which may be a proxy.

    Args:
        state: uvicorn's, of the ASGI lifespan.
    """

    __slots__ = ("_is_counted", "_state", "config", "origin")

    def __init__(self, transport: asyncio.BaseTransport, config: Any, state: Mapping[str, Any]) -> None:
        address = transport.get_extra_info("peername")
        self.origin = origin_of(address[0] if isinstance(address, tuple) else None)
        self.config: LimitedConfig = config
        self._state = state
        # Proxies have as many as there are clients, and are to limit these themselves.
        self._is_counted = isinstance(address, tuple) and not self.config.is_proxy(address[0])

    @property
    def limits(self) -> Limits:
        return self.config.limits

    def enter(self) -> bool:
        """Count the connection, unless there are too many; `leave` is for those that were counted."""
        return not self._is_counted or self.config.connections.enter(self.origin)

    def leave(self) -> None:
        if self._is_counted:
            self.config.connections.leave(self.origin)

    def is_over(self, limit: Limit, why: str) -> None:
        """Have it counted and logged."""
        server: SocketServer | None = self._state.get(STATE_KEY)
        if server is not None:
            server.refused(limit, self.origin, why)


def refusal(status: bytes) -> bytes:
    """The last answer on a connection."""
    return b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Length: 0\r\n\r\n" % status


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

    def __init__(self, transport: asyncio.Transport, peer: Peer) -> None:
        # The transport then tells as soon as anything has to wait, be it the last few bytes before it closes.
        transport.set_write_buffer_limits(high=0)
        self._transport = transport
        self._peer = peer
        self._timeout_s = peer.limits.write_timeout_s
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

    def cancel(self) -> None:
        """The client has taken all, or is gone."""
        self._timer.cancel()

    def _check(self) -> None:
        taken_bytes = self._waiting_bytes - self._transport.get_write_buffer_size()
        if taken_bytes >= SLOWEST_BYTES_PER_S * self._timeout_s:
            self.begin()
        else:
            self._peer.is_over("slow_reader", f"{self._transport.get_write_buffer_size()} bytes wait for it")
            self._transport.abort()
