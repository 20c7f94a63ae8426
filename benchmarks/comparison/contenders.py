"""The servers that are compared, each in a process of its own."""

import http.client
import os
import resource
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .install import SERVERS, WORK, Tools

OURS: Final = "macchiato"
NODE: Final = "Node"
PLAIN: Final = "plain"

# One connection does what hundreds do, and one address all of it. The environment wins over .env.
LIMITS: Final = {
    "EVENTS_PER_SECOND": "10000000",
    "EVENTS_BURST": "10000000",
    "CONNECTIONS_PER_ADDRESS": "1000000",
    "FAILED_HANDSHAKES_PER_MINUTE": "1000000",
}
START_TIMEOUT_S: Final = 30


class Broken(Exception):
    """A server, or what it said, is not what it has to be: there is nothing to measure."""


@dataclass(frozen=True)
class Contender:
    name: str
    command: list[str]
    folder: Path
    environment: dict[str, str] = field(repr=False)

    @property
    def log(self) -> Path:
        return WORK / f"{self.name}.log"


@dataclass(frozen=True)
class Server:
    contender: Contender
    port: int
    pid: int


def contenders(tools: Tools) -> list[Contender]:
    """In the order in which they are measured: ours between the two that it is compared with."""
    database = tools.project / "bench.sqlite3"
    ours = {
        "HOST": "127.0.0.1",
        "TOKEN_SECRET": secrets.token_urlsafe(48),
        # Longer than any run.
        "TOKEN_LIFETIME_S": str(7 * 24 * 3600),
        "DATABASE_URL": f"sqlite:///{database}",
        "LOG_FORMAT": "json",
        "ENVIRONMENT": "production",
        **LIMITS,
    }
    others = {"TOKEN_SECRET": ours["TOKEN_SECRET"], "DATABASE": str(database)}
    found = [
        Contender(OURS, [str(tools.project_python), "-m", "app"], tools.project, ours),
        Contender(PLAIN, [str(tools.plain_python), str(SERVERS / "plain.py")], WORK, others),
    ]
    if tools.node and tools.node_modules:
        node = {**others, "NODE_MODULES": str(tools.node_modules), "NODE_ENV": "production"}
        found.insert(0, Contender(NODE, [tools.node, str(SERVERS / "node.cjs")], WORK, node))
    return found


def environment_of(contender: Contender) -> dict[str, str]:
    """Nothing of who runs this may help or hinder a server."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return inherited | contender.environment


@contextmanager
def running(contender: Contender) -> Iterator[Server]:
    """A fresh process that serves.

    Raises:
        Broken: It does not, or has ended before it was to.
    """
    port = _free_port()
    # Both ends of 5,000 connections, with the default of 1,024 in most shells.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with contender.log.open("wb") as log, on_core(0):
        process = subprocess.Popen(
            contender.command,
            cwd=contender.folder,
            env=environment_of(contender) | {"PORT": str(port)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _wait_for_answer(contender, process, port)
        yield Server(contender, port, process.pid)
        if process.poll() is not None:
            raise Broken(f"{contender.name} ended with {process.returncode}: {_last_words(contender)}")
    finally:
        _stop(process)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _wait_for_answer(contender: Contender, process: subprocess.Popen[bytes], port: int) -> None:
    latest = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < latest and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            time.sleep(0.3)  # What it has left to do at its start.
            return
        connection.close()
        time.sleep(0.05)
    raise Broken(f"{contender.name} does not serve: {_last_words(contender)}")


def _last_words(contender: Contender) -> str:
    return contender.log.read_text(errors="replace")[-2000:]


def _stop(process: subprocess.Popen[bytes]) -> None:
    # How they stop is not measured, and some take their time. It leads a group, of which nobody is left.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """Processes started meanwhile stay on this core: 0 is the server's, 1 the load's; where there are two."""
    allowed = os.sched_getaffinity(0)
    if len(allowed) > number and len(allowed) > 1:
        os.sched_setaffinity(0, {sorted(allowed)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
