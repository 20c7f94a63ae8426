"""Servers in processes of their own, which can be stopped, killed and frozen."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support import free_port

CHECKOUT = Path(__file__).resolve().parent.parent.parent
TEMPLATE = CHECKOUT / "templates" / "project"
IMPORTED = [CHECKOUT, TEMPLATE, TEMPLATE / "clients", TEMPLATE / "tests"]


@dataclass(frozen=True)
class Server:
    """A server in a process of its own, and what it notes on its standard output."""

    url: str
    process: subprocess.Popen[bytes]
    notes_path: Path
    log_path: Path

    @property
    def notes(self) -> list[str]:
        return self.notes_path.read_text().splitlines()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Stop it; returns how long that took, in seconds."""
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(timeout=15)
        return time.monotonic() - began


@contextmanager
def noting(script: Path, folder: Path, *args: str, port: int | None = None) -> Iterator[Server]:
    """A server that this script makes, with the port as its first argument; it notes `ready` once it is."""
    port = port or free_port()
    notes_path, log_path = folder / f"notes-{time.monotonic_ns()}", folder / f"log-{time.monotonic_ns()}"
    with notes_path.open("wb") as notes, log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, str(script), str(port), *args],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, IMPORTED))},
            stdout=notes,
            stderr=log,
        )
    server = Server(f"http://127.0.0.1:{port}", process, notes_path, log_path)
    try:
        wait_until_it_answers(server, port)
        yield server
    finally:
        process.kill()
        process.wait()


def wait_until_it_answers(server: Server, port: int) -> None:
    deadline = time.monotonic() + 20
    while "ready" not in server.notes:
        assert time.monotonic() < deadline, server.log_path.read_text()
        assert server.process.poll() is None, server.log_path.read_text()
        time.sleep(0.02)
    socket.create_connection(("127.0.0.1", port)).close()
