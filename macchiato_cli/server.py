"""`macchiato run`: the project's server, in the project's own environment."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from macchiato_cli import interrupts
from macchiato_cli.environment import project_environment
from macchiato_cli.interpreter import cannot_start, project_python
from macchiato_cli.project import read_project

_AGAIN = "macchiato run"


def run_server(
    root: Path, *, host: str | None, port: int | None, reload: bool, arguments: Sequence[str]
) -> int:
    """The server's exit code once it has ended; 0 when Ctrl-C ended it.

    Raises:
        MacchiatoError: The project has no environment, or its record is damaged.
        Refused: The environment is somebody else's.
    """
    read_project(root)
    python = project_python(root, again=_AGAIN)
    environment = project_environment()
    if host is not None:
        environment["HOST"] = host
    if port is not None:
        environment["PORT"] = str(port)
    command = [str(python), "-m", "app", *(["--reload"] if reload else []), *arguments]
    return _run_passing_signals_on(command, root, environment)


def _run_passing_signals_on(command: list[str], folder: Path, environment: dict[str, str]) -> int:
    child: subprocess.Popen[bytes] | None = None
    received: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        received.append(number)
        # Always as SIGTERM: a terminal has sent Ctrl-C to the server too, and a second SIGINT would
        # tell it not to finish what it is doing. Windows has only that Ctrl-C, and nothing to pass on.
        if child is not None and os.name == "posix":
            child.terminate()

    interrupts.listen(pass_on)
    interrupts.check()
    try:
        child = subprocess.Popen(command, cwd=folder, env=environment)
    except OSError as error:
        raise cannot_start(folder, error, again=_AGAIN) from error
    if received:
        child.terminate()
    code = _wait(child)
    if signal.SIGINT in received:
        return 0
    return code if code >= 0 else 128 - code


def _wait(child: subprocess.Popen[bytes]) -> int:
    while True:
        try:
            # A signal just before a system call that waits is noticed after it only: so wait in turns.
            return child.wait(timeout=1)
        except subprocess.TimeoutExpired:
            continue
