"""Ports where somebody is, other than a server of ours."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import cycle


@contextmanager
def answering(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port where this is done with each connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                kept.append(connection)
                serve(connection)

        kept: list[socket.socket] = []
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for connection in kept:
            connection.close()


@contextmanager
def listening(*, answer: bytes | None = None) -> Iterator[int]:
    """A port where somebody says this to whoever connects, or nothing at all."""

    def serve(connection: socket.socket) -> None:
        if answer is not None:
            connection.sendall(answer)

    with answering(serve) as port:
        yield port


@contextmanager
def in_front_of(*ports: int, instead: tuple[bytes, bytes] = (b"", b"")) -> Iterator[int]:
    """A port of which each connection ends at the next of these, as it does with a load balancer.

    Args:
        instead: A pattern, and what is to be heard in its place, of the same length.
    """
    behind = cycle(ports)

    def serve(connection: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", next(behind)))
        kept.append(server)
        for one, other, (pattern, text) in ((connection, server, (b"", b"")), (server, connection, instead)):
            threading.Thread(target=pump, args=(one, other, pattern, text), daemon=True).start()

    kept: list[socket.socket] = []
    with answering(serve) as port:
        yield port
    for server in kept:
        server.close()


def pump(one: socket.socket, other: socket.socket, pattern: bytes, text: bytes) -> None:
    with suppress(OSError):
        while heard := one.recv(65536):
            other.sendall(re.sub(pattern, text, heard) if pattern else heard)
    with suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)
