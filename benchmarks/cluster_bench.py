"""Nodes in processes of their own, their Redis, their clients, and the CPU time that all of it takes."""

import asyncio
import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Awaitable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeAlias

CHECKOUT = Path(__file__).resolve().parents[1]
TEMPLATE = CHECKOUT / "templates" / "project"
sys.path[:0] = [str(CHECKOUT), str(TEMPLATE), str(TEMPLATE / "clients"), str(TEMPLATE / "tests")]

from tests.cluster.soak.clients import Connection  # noqa: E402
from tests.cluster.soak.ledger import Heard  # noqa: E402

NODE = Path(__file__).with_name("cluster_node.py")
ALONE = 0
# For those who hear of it last.
DRAIN_S = 0.3
CONNECTED_AT_ONCE = 10

Figures: TypeAlias = dict[str, float]


class Receiver(Connection):
    """A client that only notes how long what it hears was under way."""

    def __init__(self, user: str) -> None:
        super().__init__(Heard(user, "room"), {})
        self.latencies_s: list[float] = []
        self.joined = asyncio.Event()

    def _has_joined_room(self, answer: Any) -> None:
        super()._has_joined_room(answer)
        self.joined.set()

    def _hear(self, event: list[Any]) -> None:
        self.latencies_s.append(time.monotonic() - event[1]["at"])


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def process(command: list[str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as started:
        try:
            for _ in range(2_000):
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    time.sleep(0.01)
            yield started
        finally:
            started.kill()


def cpu_ns(pid: int) -> int:
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads)


class Bench:
    """Nodes of a cluster, the first of which sends, and its Redis.

    Args:
        nodes: How many; `ALONE`: one that has no Redis.
    """

    def __init__(self, stack: ExitStack, nodes: int, python: str) -> None:
        self.nodes = nodes
        self.redis: int | None = None
        to_redis: list[str] = []
        if nodes != ALONE:
            self._redis_port = free_port()
            folder = tempfile.mkdtemp()
            stack.callback(shutil.rmtree, folder)
            options = ["--port", str(self._redis_port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
            redis = process(["redis-server", *options], self._redis_port)
            self.redis = stack.enter_context(redis).pid
            to_redis = [f"redis://127.0.0.1:{self._redis_port}/0"]
        self.ports = [free_port() for _ in range(max(1, nodes))]
        commands = [[python, str(NODE), str(port), *to_redis] for port in self.ports]
        started = [process(command, port) for command, port in zip(commands, self.ports, strict=True)]
        self.pids = [stack.enter_context(node).pid for node in started]
        self.besides_ns_per_s: dict[int, float] = defaultdict(float)

    @property
    def processes(self) -> list[int]:
        return [*self.pids, *([self.redis] if self.redis else [])]

    async def cpu(self, doing: Awaitable[Any]) -> tuple[Any, dict[int, float]]:
        """What comes of something, and the CPU time that it took besides, in ns by process."""
        before, began_s = {pid: cpu_ns(pid) for pid in self.processes}, time.monotonic()
        done = await doing
        await asyncio.sleep(DRAIN_S)
        after, took_s = {pid: cpu_ns(pid) for pid in self.processes}, time.monotonic() - began_s
        return done, {pid: after[pid] - before[pid] - self.besides_ns_per_s[pid] * took_s for pid in after}

    async def set_apart(self, doing: Awaitable[Any], seconds: float) -> Figures:
        """From now on, what this takes is not counted: in µs for each second."""
        self.besides_ns_per_s.clear()
        _, cpu = await self.cpu(doing)
        self.besides_ns_per_s |= {pid: ns / (seconds + DRAIN_S) for pid, ns in cpu.items()}
        return self.per_unit(self.besides_ns_per_s, 1)

    async def ask(self, path: str, node: int = 0, **query: Any) -> Any:
        address = f"http://127.0.0.1:{self.ports[node]}/{path}?{urllib.parse.urlencode(query)}"
        asked = urllib.request.Request(address, method="POST")
        with await asyncio.to_thread(urllib.request.urlopen, asked, timeout=60) as answer:
            return json.load(answer)

    async def connected(self, user: str, node: int) -> Receiver:
        receiver = Receiver(user)
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: receiver, "127.0.0.1", self.ports[node])
        await asyncio.wait_for(receiver.joined.wait(), 20)
        return receiver

    async def crowd(self, *where: tuple[str, int]) -> list[Receiver]:
        found: list[Receiver] = []
        for start in range(0, len(where), CONNECTED_AT_ONCE):
            found += await asyncio.gather(
                *(self.connected(*each) for each in where[start : start + CONNECTED_AT_ONCE])
            )
        return found

    async def leave(self, receivers: list[Receiver]) -> None:
        for receiver in receivers:
            receiver.leave(abruptly=False)
        await asyncio.sleep(0.5)

    def redis_bytes(self) -> int:
        with socket.create_connection(("127.0.0.1", self._redis_port)) as connection:
            connection.sendall(b"INFO memory\r\n")
            return int(connection.recv(100_000).partition(b"used_memory:")[2].split()[0])

    def per_unit(self, cpu: dict[int, float], units: int, receiver: int = 0) -> Figures:
        """In µs: of the first node, which sends, of one that receives, of each other, of Redis, of all."""
        us = {pid: ns / units / 1000 for pid, ns in cpu.items()}
        found = {"first_node_us": us[self.pids[0]]}
        others = [pid for number, pid in enumerate(self.pids[1:], 1) if number != receiver]
        if receiver:
            found["receiver_us"] = us[self.pids[receiver]]
        if others:
            found["each_other_us"] = statistics.mean(us[pid] for pid in others)
        if self.redis:
            found["redis_us"] = us[self.redis]
        return found | {"all_us": sum(us.values())}
