"""Accepts connections for several processes, and has each handed over to the one that it is for."""

import asyncio
import errno
import logging
import socket
from collections.abc import Iterable
from typing import Final

from .addresses import origin_of
from .arrival import Arrival, HandOver
from .timer import Timer
from .uvicorn_patience import LimitedConfig

log = logging.getLogger(__name__)

# What uvicorn has the system accept, before there is time for it.
BACKLOG: Final = 2_048
ACCEPTED_AT_ONCE: Final = 64
# Where there is no file left for a connection, until one may be.
NO_FILES_PAUSE_S: Final = 1.0
NO_FILES: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Acceptor:
    def __init__(self, listening: socket.socket, config: LimitedConfig, hand_over: HandOver) -> None:
        listening.setblocking(False)
        listening.listen(BACKLOG)
        self._listening = listening
        self._config = config
        self._hand_over = hand_over
        self._is_open = False
        self._retry = Timer()
        self._arrivals: set[Arrival] = set()

    def open(self) -> None:
        """There is a worker."""
        self._retry.cancel()
        if not self._is_open and self._listening.fileno() >= 0:
            self._is_open = True
            asyncio.get_running_loop().add_reader(self._listening.fileno(), self._accept)

    def pause(self) -> None:
        """There is none: clients wait where the system has them."""
        self._retry.cancel()
        if self._is_open:
            self._is_open = False
            asyncio.get_running_loop().remove_reader(self._listening.fileno())

    def close(self) -> None:
        self.pause()
        self._listening.close()
        for arrival in list(self._arrivals):
            arrival.close()

    def take_back(self, connections: Iterable[socket.socket]) -> None:
        """Those that a worker has not taken."""
        for connection in connections:
            if self._listening.fileno() < 0:
                connection.close()
            else:
                self._arrive(connection, None)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                connection, address = self._listening.accept()
            except OSError as error:
                if error.errno in NO_FILES:
                    log.warning("No connection can be accepted: %s", error.strerror)
                    self.pause()
                    self._retry.set(NO_FILES_PAUSE_S, self.open)
                return  # There are no more; or the first of them has gone.
            # Proxies have as many as there are clients.
            self._arrive(connection, None if self._config.is_proxy(address[0]) else origin_of(address[0]))

    def _arrive(self, connection: socket.socket, origin: str | None) -> None:
        arrival = Arrival(connection, self._hand_over)
        if arrival.look():
            return
        # Those who connect and say nothing have to leave files for others. As many may wait as a worker has.
        if origin is not None and not self._config.connections.enter(origin):
            arrival.give_up()
            return
        self._arrivals.add(arrival)
        arrival.wait(self._config.limits.head_timeout_s, lambda: self._leave(arrival, origin))

    def _leave(self, arrival: Arrival, origin: str | None) -> None:
        self._arrivals.discard(arrival)
        if origin is not None:
            self._config.connections.leave(origin)
