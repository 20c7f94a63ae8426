"""uvicorn as one of several processes on a port: it serves the connections that it is given (workers.py)."""

import asyncio
import logging
import socket
from typing import Any

from . import session_ids
from .uvicorn_patience import LimitedConfig
from .uvicorn_server import UvicornServer
from .worker_channel import Taker

log = logging.getLogger(__name__)


class WorkerServer(UvicornServer):
    """
    Args:
        number: Which of the workers it is, from 1.
        count: How many there are.
        channel: Where its connections come from; it stops when the other end is closed.
    """

    def __init__(self, config: LimitedConfig, number: int, count: int, channel: socket.socket) -> None:
        super().__init__(config)
        session_ids.belong_to(number, of=count)
        # The next request of a connection can be for the session of another worker.
        config.keeps_connections = False
        self._channel = channel
        self._taker: Taker | None = None
        self._beginning: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        self._taker = Taker(self._channel, self._begin, self._on_end, self._count)
        self._taker.report()

    async def on_tick(self, counter: int) -> bool:
        if self._taker is not None:
            self._taker.report()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._taker is not None:
            self._taker.close()
        await super().shutdown(sockets)

    def _count(self) -> int:
        return len(self.server_state.connections) + len(self._beginning)

    def _begin(self, connection: socket.socket) -> None:
        task = asyncio.get_running_loop().create_task(self._serve_connection(connection))
        self._beginning.add(task)
        task.add_done_callback(self._beginning.discard)

    async def _serve_connection(self, connection: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)
        except OSError:  # The client is gone.
            connection.close()

    def _protocol(self) -> asyncio.Protocol:
        # As uvicorn makes it in `startup`, for what it accepts itself.
        make: Any = self.config.http_protocol_class
        protocol: asyncio.Protocol = make(self.config, self.server_state, self.lifespan.state)
        return protocol

    def _on_end(self) -> None:
        if not self.should_exit:
            log.warning("The process that accepts connections is gone: this one stops")
        self.should_exit = True
