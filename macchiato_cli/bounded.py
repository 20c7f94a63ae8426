"""Child processes with a time limit: when it is up, they are stopped, with all that they started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from macchiato_cli import interrupts, redaction

_LONGEST_ANSWER = 4 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """What a child said, and how it ended: its exit code, None when its time was up."""

    code: int | None
    output: str
    errors: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The JSON objects in its output, one a line; what was cut off, or is no JSON, is none."""
        found: list[dict[str, Any]] = []
        for line in self.output.splitlines():
            if line.startswith("{"):
                with suppress(ValueError, RecursionError):
                    found.append(json.loads(line, parse_constant=_refuse))
        return found

    @property
    def last_words(self) -> str:
        """Why it said no more."""
        if self.code is None:
            return "it did not end in time"
        return (self.errors.strip().splitlines() or [f"it ended with {self.code}"])[-1]


class Child:
    """A child at work beside us, in a folder whose secrets its errors may quote."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        output: IO[bytes],
        errors: IO[bytes],
        *,
        folder: Path,
        limit_s: float,
    ) -> None:
        self._process = process
        self._folder = folder
        self._output = output
        self._errors = errors
        self._deadline = time.monotonic() + limit_s
        self._answer: Answer | None = None

    def answer(self) -> Answer:
        """What it said, once it has ended or its time is up. Interruptible."""
        if self._answer is None:
            with interrupts.allowed():
                code = self._wait()
            if code is None:
                self.stop()
            errors = redaction.of_project(self._folder).applied_to(_text(self._errors))
            self._answer = Answer(code, _text(self._output), errors)
        return self._answer

    def stop(self) -> None:
        """End it, and those which it started: they may outlive it."""
        # Already gone, or not ours to end any more.
        with suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            elif self._process.poll() is None:
                self._process.kill()
        self._process.wait()

    def _wait(self) -> int | None:
        while True:
            left = self._deadline - time.monotonic()
            try:
                # A signal just before a system call that waits is noticed after it only: so wait in turns.
                return self._process.wait(min(max(left, 0), 0.5))
            except subprocess.TimeoutExpired:
                if left <= 0:
                    return None


@contextmanager
def started(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    limit_s: float,
    given: bytes = b"",
) -> Generator[Child]:
    """A child that works while the block does; afterwards it is gone.

    Args:
        given: Its standard input.

    Raises:
        OSError: It could not be started.
    """
    # Files, not pipes: what a child leaves running could keep a pipe open for ever.
    with (
        tempfile.TemporaryFile() as source,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as errors,
    ):
        source.write(given)
        source.seek(0)
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=source,
            stdout=output,
            stderr=errors,
            process_group=0 if os.name == "posix" else None,
        )
        child = Child(process, output, errors, folder=folder, limit_s=limit_s)
        try:
            yield child
        finally:
            child.stop()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read(_LONGEST_ANSWER).decode(errors="replace")
