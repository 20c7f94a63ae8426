"""A real redis-server as the doctor may find it, and somebody who asks it."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from macchiato_cli.doctor.redis_check import address, resp
from support import free_port
from tests.services import require


class Redis:
    """One with two users: "default", whose password is "s3:cret", and, once allowed something, "node"."""

    def __init__(self, port: int, folder: Path, *, scheme: str = "redis") -> None:
        self.port, self.folder = port, folder
        self.url = f"{scheme}://:s3%3Acret@127.0.0.1:{port}"
        self.shown = f"{scheme}://127.0.0.1:{port}"

    @property
    def version(self) -> str:
        return str(re.findall(r"redis_version:(\S+)", str(self.ask("INFO")))[0])

    def ask(self, *words: str) -> resp.Answer:
        with address.read_url(self.url).connect() as connection:
            return connection.ask(*words)

    def settle(self, *settings: str) -> None:
        """CONFIG SET, name by name."""
        for name, value in zip(settings[::2], settings[1::2], strict=True):
            self.ask("CONFIG", "SET", name, value)

    def as_node(self, *rules: str) -> str:
        """The URL of a user who may do this, beyond what nodes need."""
        every = ("reset", "on", ">pass", "~tests:*", "&tests", "&tests:*", "+@all")
        self.ask("ACL", "SETUSER", "node", *every, *rules)
        return f"redis://node:pass@127.0.0.1:{self.port}"


@contextmanager
def started_redis(folder: Path, *options: str) -> Iterator[Redis]:
    program = require("redis-server", "apt install redis-server")
    port = free_port()
    command = [program, *options, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    process = subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield Redis(port, folder)
    finally:
        process.terminate()
        process.wait(10)
