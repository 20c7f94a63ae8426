"""`python -m tests.cluster.soak`: a cluster with many clients, whose nodes are restarted one by one."""

import argparse
import asyncio
import resource
import sys
import tempfile
from pathlib import Path

from tests.cluster.redis_server import redis_server
from tests.cluster.soak.soaking import Plan, Report, soak

SHOWN = 5
DEFAULT = Plan()


def show(report: Report) -> None:
    verdict, told = report.verdict, report.told
    by_kind = ", ".join(f"{count:,} {kind}" for kind, count in sorted(verdict.sent.items()))
    print(f"{report.restarts} restarts, {report.connections:,} connections in all")
    print(f"{verdict.sent.total():,} messages: {by_kind}")
    print(f"{verdict.checked:,} deliveries that had to be, {verdict.also_heard:,} more that might")
    print(f"the slowest took {verdict.slowest_s:.2f} s")
    print(f"told of: {told['came']:,} who came, {told['went']:,} who went")
    print(f"lost: {len(verdict.lost)}, duplicated: {len(verdict.duplicated)}, wrong: {len(verdict.wrong)}")
    for what, found in report.faults.items():
        print(f"{what}: {len(found)}", *found[:SHOWN], sep="\n  ")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=DEFAULT.clients)
    parser.add_argument("--nodes", type=int, default=DEFAULT.nodes)
    parser.add_argument("--seconds", type=float, default=DEFAULT.seconds)
    parser.add_argument("--messages-per-s", type=float, default=DEFAULT.messages_per_s)
    parser.add_argument("--pause-s", type=float, default=DEFAULT.pause_s, help="between two restarts")
    parser.add_argument("--seed", type=int, default=DEFAULT.seed)
    plan = Plan(**vars(parser.parse_args()))
    # The nodes inherit it.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with redis_server() as redis, tempfile.TemporaryDirectory() as folder:
        report = asyncio.run(soak(plan, redis, Path(folder)))
    show(report)
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
