"""How long the command takes, against the least that it could: Typer's import, Copier's own command.

.venv/bin/python benchmarks/cli.py [--rounds 9] [--install]

Each round runs all of them once, every other round backwards, so that what else the machine does meets all
alike. A ratio is the median of the rounds' own. CPU time is user and system, that of children included.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT))

from macchiato_cli.templates import LEFT_BEHIND  # noqa: E402
from tests.cli.borrowed_environment import make_environment  # noqa: E402

PYTHON = sys.executable
MACCHIATO = str(Path(PYTHON).with_name("macchiato"))
COPIER = str(Path(PYTHON).with_name("copier"))

# Stands in for the installer, and notes what that takes; in sh, which takes no time itself.
SHIM = """#!/bin/sh
before=$(date +%s%N)
{uv} "$@"
code=$?
after=$(date +%s%N)
{{ echo "$before $after"; times; }} >> {took}
exit $code
"""


@dataclass
class Timed:
    """A command, what it is compared to, and what each of its runs took."""

    name: str
    command: list[str]
    against: str | None = None
    at_most: str = ""
    folder: str = "."
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--install", action="store_true", help="also `new` with its installation (network)")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="macchiato-bench-") as folder:
        work = Path(folder)
        commands = prepared(work)
        for each in commands:
            measure(each, work)  # Warm.
            each.wall_s, each.cpu_s = [], []
        for number in range(given.rounds):
            for each in commands if number % 2 == 0 else commands[::-1]:
                measure(each, work)
        show(commands)
        if given.install:
            show_installation(work, given.rounds)


def prepared(work: Path) -> list[Timed]:
    run([MACCHIATO, "new", "demo", "--no-install", "--no-git", "-q"], work)
    make_environment(work / "demo")
    for other in ("ten", "odd"):
        shutil.copytree(work / "demo", work / other, symlinks=True)
    for number in range(1, 10):
        run([MACCHIATO, "add-namespace", f"another{number}", "-q"], work / "ten")
    # Nothing that is read.
    (work / "odd/app/namespaces/odd.py").write_text("print()\n")
    answers = ("project_name=made", "namespace=devUser", "module=dev_user")
    template = [*(word for each in answers for word in ("-d", each)), str(CHECKOUT / "templates/project")]
    excluded = [word for each in LEFT_BEHIND for word in ("-x", each)]
    return [
        Timed("import typer", [PYTHON, "-c", "import typer"]),
        Timed("--help", [MACCHIATO, "--help"], "import typer", "1.5 times"),
        Timed("--version", [MACCHIATO, "--version"], "import typer", "1.5 times"),
        Timed("copier copy", [COPIER, "copy", "--defaults", "--quiet", *excluded, *template, "made"]),
        Timed("new", [MACCHIATO, "new", "--no-install", "--no-git", "made"], "copier copy", "1.2 times"),
        Timed("add-namespace", [MACCHIATO, "add-namespace", "made"], at_most="1 s", folder="demo"),
        Timed("import the app", [".venv/bin/python", "-c", "import app.namespaces.dev_user"], folder="demo"),
        Timed("list", [MACCHIATO, "list"], "import typer", "2.2 times", folder="demo"),
        Timed("list, ten namespaces", [MACCHIATO, "list"], "import typer", "2.2 times", folder="ten"),
        Timed("list, imported", [MACCHIATO, "list"], "import the app", folder="odd"),
        Timed("run --help", [MACCHIATO, "run", "--help"], "import typer"),
        Timed("update --check", [MACCHIATO, "update", "--check"], "copier copy", folder="demo"),
    ]


def measure(timed: Timed, work: Path) -> None:
    before = time.perf_counter()
    process = subprocess.Popen(timed.command, cwd=work / timed.folder, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    timed.wall_s.append(time.perf_counter() - before)
    timed.cpu_s.append(used.ru_utime + used.ru_stime)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{shlex.join(timed.command)} ended with {process.returncode}")
    # What it has made.
    shutil.rmtree(work / "made", ignore_errors=True)
    for made in (work / "demo").rglob("*made.*"):
        made.unlink()


def show(commands: list[Timed]) -> None:
    by_name = {each.name: each for each in commands}
    print("| command | wall, median | CPU, median (range) | ratio: wall, CPU | goal |\n|---|---|---|---|---|")
    for each in commands:
        ratio = ""
        if each.against:
            other = by_name[each.against]
            ratio = f"{_ratio(each, other, _wall):.2f}, {_ratio(each, other, _cpu):.2f} of `{other.name}`"
        cpu = f"{statistics.median(each.cpu_s):.3f} s ({min(each.cpu_s):.3f} to {max(each.cpu_s):.3f})"
        print(
            f"| `{each.name}` | {statistics.median(each.wall_s):.3f} s | {cpu} | {ratio} | {each.at_most} |"
        )


def _ratio(one: Timed, other: Timed, of: Callable[[Timed], list[float]]) -> float:
    return statistics.median(a / b for a, b in zip(of(one), of(other), strict=True))


def _wall(timed: Timed) -> list[float]:
    return timed.wall_s


def _cpu(timed: Timed) -> list[float]:
    return timed.cpu_s


def show_installation(work: Path, rounds: int) -> None:
    """`new` with git and all dependencies, and how much of it the installer takes: a shim tells."""
    uv = shutil.which("uv")
    if uv is None:
        print("\n`new` with installation: skipped, there is no uv")
        return
    (work / "bin").mkdir()
    shim, took = work / "bin/uv", work / "took"
    shim.write_text(SHIM.format(uv=shlex.quote(uv), took=shlex.quote(str(took))))
    shim.chmod(0o755)
    path = f"{work / 'bin'}{os.pathsep}{os.environ['PATH']}"
    command = Timed("new", [MACCHIATO, "new", "made", "-q"])
    os.environ["PATH"] = path
    rest = Timed("new, but for its installer", command.command)
    for _ in range(rounds):
        took.write_text("")
        measure(command, work)
        # Begin and end, then user and system time of the shell, then those of uv.
        words = took.read_text().split()
        runs = [words[start : start + 6] for start in range(0, len(words), 6)]
        wall_s = [(int(run[1]) - int(run[0])) / 1e9 for run in runs]
        cpu_s = [_seconds(word) for run in runs for word in run[2:]]
        rest.wall_s.append(command.wall_s[-1] - sum(wall_s))
        rest.cpu_s.append(command.cpu_s[-1] - sum(cpu_s))
    print("\nWith git and dependencies, from a warm cache:\n")
    command.name, rest.at_most = "new, with its installer (uv)", "1.5 s"
    show([command, rest])


def _seconds(text: str) -> float:
    """Of what the shell calls 1m2.5s."""
    minutes, seconds = text.removesuffix("s").split("m")
    return int(minutes) * 60 + float(seconds)


def run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True)


if __name__ == "__main__":
    main()
