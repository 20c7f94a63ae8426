"""A real redis-server, which a test can freeze, kill and start again."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis.asyncio import Redis

from app.engine import Cluster
from support import free_port
from tests.services import require


class RedisServer:
    """Keeps nothing on disk: started again, it has lost everything."""

    def __init__(self, folder: str) -> None:
        self._program = require("redis-server", "apt install redis-server")
        self._folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", self._folder]
        self.process = subprocess.Popen(
            [self._program, *options, "--save", "", "--appendonly", "no"], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                if self.ask("PING") == "+PONG":
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def ask(self, *words: str) -> str:
        """The answer to a command, as Redis writes it: `+PONG`, `:1`, `*2 $3 all :1`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall((" ".join(words) + "\r\n").encode())
            return connection.recv(1_000_000).decode().replace("\r\n", " ").strip()

    def client(self) -> Redis:
        """redis-py's own."""
        return Redis.from_url(self.url)

    def subscriptions(self, cluster: Cluster) -> int:
        """How many nodes listen to what is for all."""
        return int(self.ask("PUBSUB", "NUMSUB", f"{cluster.prefix}:all").rpartition(":")[2])

    def cluster(self, prefix: str = "tests", *, lease_s: float = 10) -> Cluster:
        return Cluster(self.url, self.url, prefix, lease_s)


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    folder = tempfile.mkdtemp()
    server = RedisServer(folder)
    try:
        yield server
    finally:
        server.thaw()
        server.kill()
        shutil.rmtree(folder)
