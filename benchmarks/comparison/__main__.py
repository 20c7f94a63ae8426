"""`benchmarks/run`: a generated server beside Node's socket.io and plain python-socketio."""

import argparse
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import documents
from .about import about
from .contenders import Broken, contenders
from .install import CannotInstall, alone, install
from .measuring import Plan, all_at_once, fresh_each_time, register_users
from .picture import draw
from .report import Records, tables
from .rows import ELSEWHERE, ROWS, Load, loads_of

DESCRIPTION = """Compares what servers take for the same work, one process each: a project that `macchiato
new` has just made, Node's socket.io 4.8, python-socketio on uvicorn with its defaults. Prints the medians of
round-by-round ratios, beside the goals. docs/performance.md says what is measured, and how."""


def read_options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run", description=DESCRIPTION)
    names = [load.name for load in loads_of(ROWS + ELSEWHERE)]
    parser.add_argument("--rounds", type=int, default=7, help="how often everything is measured (default: 7)")
    parser.add_argument("--rows", metavar="NAME,...", help=f"only some of: {', '.join(names)}")
    parser.add_argument(
        "--smoke", action="store_true", help="whether it works, in a minute, with tiny figures"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="append what is measured, as JSON lines")
    parser.add_argument(
        "--from", dest="source", metavar="FILE", type=Path, help="measure nothing, report this"
    )
    parser.add_argument(
        "--project", metavar="DIR", type=Path, help="a generated project, instead of a new one"
    )
    parser.add_argument(
        "--python", metavar="FILE", type=Path, help="runs the Python servers; has all they need"
    )
    parser.add_argument("--picture", metavar="FILE", type=Path, help="draw the ratios, as SVG")
    parser.add_argument("--write-docs", action="store_true", help="put the run in docs/performance.md")
    given = parser.parse_args(arguments)
    given.loads = loads_of(ROWS + ELSEWHERE)
    if given.rows:
        wanted = given.rows.split(",")
        if unknown := set(wanted) - set(names):
            parser.error(f"no such rows: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
        given.loads = [load for load in given.loads if load.name in wanted]
    if given.smoke:
        given.python = given.python or Path(sys.executable)
        given.rounds = 1
    return given


def measured(given: argparse.Namespace, command: list[str]) -> Iterator[dict[str, Any]]:
    """First what it is measured with, as {"about": ...}, then a record for each measurement."""
    tools = install(python=given.python, project=given.project, thorough=not given.smoke)
    for missing in tools.missing:
        print(f"note: {missing}", file=sys.stderr)
    loads: list[Load] = [load.shrunk() for load in given.loads] if given.smoke else given.loads
    plan = Plan(tools, contenders(tools), loads, given.rounds)
    yield {"about": about(tools, command)}
    identities = register_users(plan)
    yield from (all_at_once if given.smoke else fresh_each_time)(plan, identities)


def kept(records: Iterator[dict[str, Any]], file: Path | None) -> Iterator[dict[str, Any]]:
    """The same, each written down at once, and shown as progress."""
    for record in records:
        line = json.dumps(record)
        if file:
            with file.open("a") as lines:
                lines.write(line + "\n")
        if "load" in record:
            what = record.get("error") or f"{record['server_cpu_us']:.1f} \N{MICRO SIGN}s"
            place = f"{record['round'] + 1} {record['load']:16} {record['contender']:10}"
            print(f"{place} {what}", file=sys.stderr, flush=True)
        yield record


def main(arguments: list[str]) -> int:
    given = read_options(arguments)
    try:
        if given.source:
            lines = [json.loads(line) for line in given.source.read_text().splitlines()]
        else:
            with alone():
                lines = list(kept(measured(given, arguments), given.out))
    except (Broken, subprocess.CalledProcessError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    made_with = {name: what for line in lines for name, what in line.get("about", {}).items()}
    records = Records(line for line in lines if "load" in line)
    if given.smoke:
        counted = Counter(line["contender"] for line in lines if "load" in line)
        done = ", ".join(f"{name}: {loads} loads" for name, loads in sorted(counted.items()))
        print(f"{done}; each server answers, nothing was lost")
        return 0
    print(tables(records))
    if given.picture and not draw(records, given.picture):
        print("note: no picture, matplotlib could not be installed", file=sys.stderr)
    if given.write_docs:
        documents.write(records, made_with)
    for broken in records.errors:
        print(f"error: {broken}", file=sys.stderr)
    return 1 if records.errors else 0


if __name__ == "__main__":
    # Its servers are ended first.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        sys.exit(main(sys.argv[1:]))
    except CannotInstall as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)
