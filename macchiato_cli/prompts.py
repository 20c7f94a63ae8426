"""Questions: only on a terminal, and only for what has no default."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable
from typing import TypeVar

from macchiato_cli import interrupts
from macchiato_cli.errors import USAGE, MacchiatoError, shown
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


def ask(
    question: str,
    accept: Callable[[str], Answer],
    report: Report,
    *,
    hint: str,
    outcome: Callable[[Answer], str],
) -> Answer:
    """The user's answer, asked for until it is accepted.

    Args:
        accept: Turns a text into the answer, or raises MacchiatoError, which is shown. It is called at
            each keystroke, so it may look at the disk, but not wait.
        hint: What is chosen without being asked.
        outcome: What an answer would do.

    Raises:
        Interrupted: The user or a signal asks for the end.
    """

    def checked(text: str) -> Answer:
        _check_visible(text)
        return accept(text)

    if _moves_its_cursor():
        # It takes a fifth of a second to import.
        from macchiato_cli.live_question import LiveQuestion

        return LiveQuestion(question, checked, hint=hint, outcome=outcome).ask()
    print(hint)
    while True:
        try:
            return checked(_read_line(question))
        except MacchiatoError as error:
            report.error(error)


def _check_visible(text: str) -> None:
    """Check that it is an answer; what comes as an argument may be less, and is meant so."""
    if not text:
        raise MacchiatoError("an answer is needed, or Ctrl-C", code="no_answer", exit_code=USAGE)
    if not text.isprintable():
        raise MacchiatoError(
            f"{shown(text)} has characters that cannot be seen", code="bad_answer", exit_code=USAGE
        )


def _moves_its_cursor() -> bool:
    """Whether the terminal can draw below the line that is typed on."""
    return os.name == "nt" or os.environ.get("TERM", "").lower() not in ("", "dumb", "unknown")


def _read_line(question: str) -> str:
    print(question, end=" ", flush=True)
    with interrupts.allowed():
        # A signal just before a read that waits is noticed after it only: so wait in turns. (Windows
        # cannot, but there Ctrl-C ends a read.)
        while os.name == "posix" and not select.select([sys.stdin], [], [], 0.2)[0]:
            pass
        line = sys.stdin.buffer.readline()
    if not line:
        print()  # Ctrl-D leaves the cursor behind the question.
        raise interrupts.Interrupted
    return line.decode(sys.stdin.encoding, "surrogateescape").strip()
