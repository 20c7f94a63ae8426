"""Child processes that end with us: each in a process group of its own, which is stopped as a whole."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macchiato_cli import interrupts

_PATIENCE_S = 3


@dataclass(frozen=True)
class Ended:
    """How a child ended, and what it said; where that is no text, with surrogates."""

    code: int
    output: str
    errors: str

    @property
    def lines(self) -> list[str]:
        """All that it said, errors last."""
        return [line.rstrip() for line in (self.output + self.errors).expandtabs().splitlines()]


def clean_environment(*dropped: str, prefix: str = "") -> dict[str, str]:
    """This process's environment but for some variables, and those that begin with a prefix."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in dropped and not (prefix and name.startswith(prefix))
    }


def run_child(
    command: Sequence[str], *, folder: Path, environment: dict[str, str], stdin: Path | None = None
) -> Ended:
    """Run a command to its end. Interruptible: the whole group of processes ends first.

    Args:
        stdin: A file for it to read; by default there is nothing to read.

    Raises:
        OSError: It could not be started.
    """
    own_group: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
    with open(os.devnull if stdin is None else stdin, "rb") as source:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
            **own_group,
        )
    try:
        with interrupts.allowed():
            output, errors = _all_output(child)
    except BaseException:
        _stop(child)
        raise
    return Ended(child.returncode, output, errors)


def _all_output(child: subprocess.Popen[str]) -> tuple[str, str]:
    while True:
        try:
            # A signal just before a system call that waits is noticed after it only: so wait in turns.
            return child.communicate(timeout=0.5)
        except subprocess.TimeoutExpired:
            continue


def _stop(child: subprocess.Popen[str]) -> None:
    _signal(child, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(_PATIENCE_S)
    # Also when the child is gone: those which it started may not be.
    _signal(child, getattr(signal, "SIGKILL", signal.SIGTERM))
    child.wait()
    for stream in (child.stdout, child.stderr):
        if stream is not None:
            stream.close()


def _signal(child: subprocess.Popen[str], number: int) -> None:
    # When it has ended already, there is nobody to tell.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(child.pid, number)
        else:
            child.send_signal(number)
