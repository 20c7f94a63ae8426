"""What several servers that are one cost each other, and Redis: `python benchmarks/cluster.py`.

Each round starts a Redis and 1, 2, 4 and 8 nodes, in processes of their own; "alone" is one without Redis.
CPU time is the scheduler's, less what the process takes while nothing is sent: right also where there are
fewer cores than processes. Latencies are not: they are measured while the cores have little to do.
"""

import argparse
import asyncio
import json
import resource
import statistics
import sys
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from cluster_bench import ALONE, Bench, Figures, Receiver

RECEIVERS = 100
AT_ONCE = 10


@dataclass(frozen=True)
class Amount:
    """How much of each load."""

    nodes: tuple[int, ...] = (ALONE, 1, 2, 4, 8)
    rounds: int = 5
    seconds: float = 3
    per_s: int = 500
    """Messages that nobody hears, or one client."""
    heard_per_s: int = 20
    """Broadcasts that everybody hears."""
    visits: int = 400
    entries: int = 10_000


SMOKE = Amount(nodes=(ALONE, 2), rounds=1, seconds=0.5, per_s=100, visits=20, entries=500)


async def measure(bench: Bench, amount: Amount) -> list[tuple[str, Figures]]:
    """The loads, one after the other, each with its figures."""
    last = len(bench.pids) - 1
    await asyncio.sleep(min(2, amount.seconds))
    idle = await bench.set_apart(asyncio.sleep(amount.seconds), amount.seconds)
    found = [("idle, for each second", idle)]

    async def visit() -> None:
        for start in range(0, amount.visits, AT_ONCE):
            visitors = await bench.crowd(*((f"v{at}", 0) for at in range(start, start + AT_ONCE)))
            for visitor in visitors:
                visitor.leave(abruptly=False)

    _, cpu = await bench.cpu(visit())
    found.append(("a connection comes and goes", bench.per_unit(cpu, amount.visits)))

    often = {"seconds": amount.seconds, "rate": amount.per_s}
    await bench.set_apart(bench.ask("send", kind="nothing", **often), amount.seconds)
    sent, cpu = await bench.cpu(bench.ask("send", kind="all", **often))
    found.append(("broadcast, nobody there", bench.per_unit(cpu, sent)))
    receivers = await bench.crowd(("receiver", last))
    sent, cpu = await bench.cpu(bench.ask("send", kind="client", **often))
    heard(receivers, sent)
    found.append(("send_to_client, to the last node", bench.per_unit(cpu, sent, last)))
    for kind in ("client", "all"):
        sent = await bench.ask("send", kind=kind, seconds=amount.seconds, rate=100)
        await asyncio.sleep(0.3)
        in_ms = sorted(each * 1000 for each in heard(receivers, sent))
        figures = {"p50_ms": statistics.median(in_ms), "p99_ms": in_ms[len(in_ms) * 99 // 100]}
        found.append((f"latency of {'send_to_client' if kind == 'client' else 'broadcast'}", figures))
    await bench.leave(receivers)

    receivers = await bench.crowd(*((f"r{at}", at % (last + 1)) for at in range(RECEIVERS * (last + 1))))
    seldom = {"seconds": amount.seconds, "rate": amount.heard_per_s}
    sent, cpu = await bench.cpu(bench.ask("send", kind="all", **seldom))
    heard(receivers, sent)
    found.append((f"broadcast, {RECEIVERS} on each node", bench.per_unit(cpu, sent)))
    await bench.leave(receivers)
    return found + (await memory(bench, amount, last) if bench.redis else [])


async def memory(bench: Bench, amount: Amount, last: int) -> list[tuple[str, Figures]]:
    """What Redis keeps of each client."""
    nothing, something = "{}", json.dumps({"shown": "x" * 88})
    entries = [("memory in Redis of a client", "client", 0, nothing)]
    entries.append(("memory of 100 bytes published, too", "spoken", 0, something))
    if last:
        entries.append(("memory of a connection to another node, too", "client", last, nothing))
    found = []
    for what, name, node, published in entries:
        before = bench.redis_bytes()
        await bench.ask("enter", node, name=name, count=amount.entries, published=published)
        found.append((what, {"bytes": (bench.redis_bytes() - before) / amount.entries}))
    return found


def heard(receivers: list[Receiver], sent: int) -> list[float]:
    """How long that took; where not all was heard, the figures would be of something else."""
    counts = {len(receiver.latencies_s) for receiver in receivers}
    if counts != {sent}:
        raise SystemExit(f"{sent} were sent, {counts} heard")
    found = [latency_s for receiver in receivers for latency_s in receiver.latencies_s]
    for receiver in receivers:
        receiver.latencies_s = []
    return found


def show(records: list[dict[str, Any]]) -> None:
    """The medians of all rounds."""
    found: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    for record in records:
        for figure, value in record["figures"].items():
            found[record["load"], record["nodes"], figure].append(value)
    figures = list(dict.fromkeys(figure for _, _, figure in found))
    print("| load | nodes |", *(f"{figure} |" for figure in figures))
    print("|---" * (len(figures) + 2) + "|")
    for load, nodes in dict.fromkeys(
        (load, nodes) for load, nodes, _ in sorted(found, key=lambda key: key[0])
    ):
        values = [found.get((load, nodes, figure)) for figure in figures]
        shown = [f"{statistics.median(each):,.1f}" if each else "" for each in values]
        print(f"| {load} | {nodes or 'alone'} |", *(f"{each} |" for each in shown))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="whether it works, in seconds")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default=sys.executable, help="the nodes' Python")
    parser.add_argument(
        "--out", type=argparse.FileType("w"), help="a file for what is measured, as JSON lines"
    )
    parser.add_argument("--per-s", type=int, default=500, help="messages that few hear")
    given = parser.parse_args()
    amount = SMOKE if given.smoke else Amount(rounds=given.rounds, per_s=given.per_s)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    records: list[dict[str, Any]] = []
    for round in range(amount.rounds):
        for nodes in amount.nodes:
            with ExitStack() as stack:
                for load, figures in asyncio.run(measure(Bench(stack, nodes, given.python), amount)):
                    records.append({"round": round, "nodes": nodes, "load": load, "figures": figures})
                    if given.out:
                        print(json.dumps(records[-1]), file=given.out, flush=True)
    show(records)


if __name__ == "__main__":
    main()
