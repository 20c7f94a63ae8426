"""Questions: only on a terminal, and only for what has no default."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from typing import TypeVar

from macchiato_cli import interrupts
from macchiato_cli.errors import USAGE, MacchiatoError
from macchiato_cli.report import Report

Answer = TypeVar("Answer")


def need_terminal(missing: str, *, example: str, never: bool) -> None:
    """Check that there is somebody to ask.

    Args:
        missing: The argument that would have been the answer.
        example: A command that has it.
        never: The user wants no questions.

    Raises:
        MacchiatoError: There is nobody.
    """
    if never or os.environ.get("CI") or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise MacchiatoError(
            f"{missing} is missing", code="missing_argument", exit_code=USAGE, tries=(example,)
        )


def ask(question: str, accept: Callable[[str], Answer], report: Report) -> Answer:
    """The user's answer, asked for until it is accepted.

    Args:
        accept: Turns a text into the answer, or raises MacchiatoError, which is shown.
    """
    while True:
        try:
            return accept(_read_line(question))
        except MacchiatoError as error:
            report.error(error)


def _read_line(question: str) -> str:
    print(question, end=" ", flush=True)
    with interrupts.allowed():
        # A signal just before a read that waits is noticed after it only: so wait in turns. (Windows
        # cannot, but there Ctrl-C ends a read.)
        while os.name == "posix" and not select.select([sys.stdin], [], [], 0.2)[0]:
            pass
        line = sys.stdin.readline()
    if not line:
        print()  # Ctrl-D leaves the cursor behind the question.
        raise interrupts.Interrupted
    return line.strip()
