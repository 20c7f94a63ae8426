"""Runs a command again and again in real processes, each with one fault at one step of its writing.

python -m tests.cli.faulty FOLDER FAULT STRIDE ARGUMENTS...: just before the n-th change below FOLDER, FAULT
happens: a signal by its name, sent by kill, or an OSError by its errno's name. n grows by STRIDE from child
to child, and FOLDER is put back between them. Prints for each child its exit code and what it left, as lines
of JSON; the last one met no fault.
"""

from __future__ import annotations

import errno
import importlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from macchiato_cli import interrupts, render, scaffold
from macchiato_cli.execution import execute
from tests.cli.conftest import snapshot

CHANGES = {"os.mkdir", "os.rename", "os.link"}
# A disk that fails these too leaves what it likes; a signal is no excuse.
REMOVALS = {"os.remove", "os.rmdir", "shutil.rmtree"}


NO_FAULT = 77


def main(folder: Path, fault: str, stride: int, arguments: list[str]) -> None:
    prepare()
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept, symlinks=True)
    for step in range(1, 10_000, stride):
        child = os.fork()
        if child == 0:
            try:
                os._exit(run_with_fault(folder, fault, step, arguments))
            finally:
                os._exit(99)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({"step": step, "code": code, "left": snapshot(folder)}))
        shutil.rmtree(folder)
        shutil.copytree(kept, folder, symlinks=True)
        if code == NO_FAULT:
            return  # It has fewer steps than this.


def prepare() -> None:
    """Import and render once for all the children: they are about what comes after it."""
    importlib.import_module("rich.console")
    importlib.import_module("rich.text")
    rendered: dict[str, dict[str, object]] = {}
    original = render.render

    def remembered(template: Path, answers: dict[str, object]) -> dict[str, object]:
        key = f"{template} {answers}"
        if key not in rendered:
            rendered[key] = dict(original(template, answers))
        return rendered[key]

    scaffold.__dict__["render"] = remembered
    execute(["new", "/nonexistent/demo", "--dry-run", "-q"])
    if sys.argv[4] == "add-namespace":
        os.chdir(Path(sys.argv[1], "demo"))
        execute([*sys.argv[4:], "--dry-run"])


def run_with_fault(folder: Path, fault: str, step: int, arguments: list[str]) -> int:
    interrupts.listen()
    os.chdir(folder / "demo" if arguments[0] == "add-namespace" else folder)
    remaining = step
    happen = fault_of(fault)
    counted = CHANGES | REMOVALS if fault.startswith("SIG") else CHANGES

    def on_event(event: str, values: tuple[object, ...]) -> None:
        nonlocal remaining
        is_write = event == "open" and isinstance(values[2], int) and values[2] & os.O_CREAT
        if (event in counted or is_write) and str(values[0]).startswith(f"{folder}/"):
            remaining -= 1
            if remaining == 0:
                happen()

    sys.addaudithook(on_event)
    # The children's words would mix with the lines for the test.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    code = execute(arguments)
    return NO_FAULT if code == 0 and remaining > 0 else code


def fault_of(name: str) -> Callable[[], None]:
    def fail() -> None:
        number = getattr(errno, name)
        raise OSError(number, os.strerror(number))

    def interrupt() -> None:
        os.kill(os.getpid(), getattr(signal, name))

    return interrupt if name.startswith("SIG") else fail


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4:])
