"""The one boundary: from what was typed to an exit code, whatever happens in between."""

from __future__ import annotations

import io
import os
import shlex
import sys
import traceback
from collections.abc import Sequence

from typer.exceptions import TyperException

from macchiato_cli import __version__, interrupts
from macchiato_cli.cli import app
from macchiato_cli.errors import FAILED, USAGE, MacchiatoError, Stopped
from macchiato_cli.report import Report


def execute(arguments: Sequence[str]) -> int:
    """The exit code of the command; whatever goes wrong has been told."""
    if list(arguments) == ["--version"]:
        # Typer would ask for a command.
        print(f"macchiato {__version__}")
        return 0
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Each command tells with it, so that an error has the notes that came before.
    report = Report(as_json="--json" in arguments)
    try:
        code = app(list(arguments) or ["--help"], prog_name="macchiato", standalone_mode=False, obj=report)
    except (Exception, interrupts.Interrupted) as problem:
        if os.environ.get("MACCHIATO_DEBUG") == "1":
            traceback.print_exc()
        error = _as_error(problem)
        report.error(error)
        return error.exit_code
    return code or 0


def _as_error(problem: BaseException) -> MacchiatoError:
    if isinstance(problem, MacchiatoError):
        return problem
    if isinstance(problem, interrupts.Interrupted):
        return Stopped("nothing was written")
    if isinstance(problem, TyperException):
        context = getattr(problem, "ctx", None)
        command = context.command_path if context else "macchiato"
        message = problem.format_message().rstrip(".")
        message = message[:1].lower() + message[1:]
        return MacchiatoError(message, code="usage", exit_code=USAGE, tries=(f"{command} --help",))
    return MacchiatoError(
        f"{type(problem).__name__}: {problem}",
        code="unexpected",
        exit_code=FAILED,
        reasons=("this is a fault of macchiato's; MACCHIATO_DEBUG=1 shows where",),
        tries=(shlex.join(["MACCHIATO_DEBUG=1", "macchiato", *sys.argv[1:]]),),
    )
