"""python -m benchmarks.comparison.polling PORT PID IDENTITIES CLIENTS WARMUP_S SECONDS: acks over polling.

Prints what load/load.c does. Clients are in Python: good enough, since only the server's CPU time counts.
"""

import asyncio
import json
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

NAMESPACE = "/bench"
SEPARATOR = "\x1e"  # Between the packets of a poll.
QUESTION = {"p": "a few words, as people write them to each other in a hurry here."}


def cpu_us(pid: int) -> float:
    # The process's CPU-time clock, which Linux numbers so (clock_getcpuclockid(3)).
    return time.clock_gettime_ns((~pid << 3) | 2) / 1000


class Wrong(Exception):
    """The server did not answer as it has to."""


class PollingClient:
    def __init__(self, http: aiohttp.ClientSession, port: int) -> None:
        self._http = http
        self._url = f"http://127.0.0.1:{port}/socket.io/?EIO=4&transport=polling"
        self._waiting: list[str] = []
        self._ids = count()
        self.latencies_us: list[float] = []

    async def connect(self, token: str) -> None:
        opened = json.loads((await self._next())[1:])
        self._url += f"&sid={opened['sid']}"
        await self._send(f"40{NAMESPACE},{json.dumps({'token': token})}")
        await self._expect(f"40{NAMESPACE},")

    async def ask(self) -> None:
        """One event, and its ack."""
        began, id = time.perf_counter(), next(self._ids)
        await self._send(f"42{NAMESPACE},{id}{json.dumps(['echo', QUESTION], separators=(',', ':'))}")
        answer = await self._expect(f"43{NAMESPACE},{id}")
        if json.loads(answer) != [{"ok": True, "data": QUESTION}]:
            raise Wrong(f"not the answer: {answer}")
        self.latencies_us.append((time.perf_counter() - began) * 1e6)

    async def _send(self, packet: str) -> None:
        async with self._http.post(self._url, data=packet) as answer:
            if (await answer.text()).lower() != "ok":
                raise Wrong(f"the server refuses a packet: {answer.status}")

    async def _expect(self, start: str) -> str:
        """What follows `start` in the next packet, but for pings."""
        packet = await self._next()
        while packet == "2":
            await self._send("3")
            packet = await self._next()
        if not packet.startswith(start):
            raise Wrong(f"expected {start}, got {packet[:200]}")
        return packet.removeprefix(start)

    async def _next(self) -> str:
        while not self._waiting:
            async with self._http.get(self._url) as answer:
                answer.raise_for_status()
                self._waiting = (await answer.text()).split(SEPARATOR)
        return self._waiting.pop(0)


async def main(port: int, pid: int, tokens: list[str], warmup_s: float, seconds: float) -> dict[str, Any]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        clients = [PollingClient(http, port) for _ in tokens]
        await asyncio.gather(*(each.connect(token) for each, token in zip(clients, tokens, strict=True)))
        end = time.monotonic() + warmup_s + seconds

        async def talk(client: PollingClient) -> None:
            while time.monotonic() < end:
                await client.ask()

        talking = asyncio.gather(*map(talk, clients))
        await asyncio.sleep(warmup_s)
        for client in clients:
            client.latencies_us.clear()
        began, cpu_before, own_before = time.monotonic(), cpu_us(pid), time.process_time()
        await asyncio.sleep(seconds)
        took_s, cpu = time.monotonic() - began, cpu_us(pid) - cpu_before
        own_s = time.process_time() - own_before
        latencies = sorted(latency for client in clients for latency in client.latencies_us)
        await talking
    units = len(latencies)
    if not units:
        raise Wrong("nothing was answered in time")
    return {
        "units": units,
        "seconds": round(took_s, 3),
        "server_cpu_us": round(cpu / units, 3),
        "server_busy": round(cpu / took_s / 1e6, 3),
        "load_busy": round(own_s / took_s, 3),
        "p50_us": round(latencies[units // 2], 1),
        "p99_us": round(latencies[units * 99 // 100], 1),
    }


if __name__ == "__main__":
    port, pid, identities, clients, warmup_s, seconds = sys.argv[1:]
    tokens = [line.split()[1] for line in Path(identities).read_text().splitlines()[: int(clients)]]
    print(json.dumps(asyncio.run(main(int(port), int(pid), tokens, float(warmup_s), float(seconds)))))
