"""The project's own environment: `.venv`, with the project and its tools installed."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from macchiato_cli.child import clean_environment, run_child
from macchiato_cli.errors import MacchiatoError

# Those of the environment that macchiato runs in, which is not the project's.
_OURS = ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "UV_PROJECT_ENVIRONMENT")
_LINES_SHOWN = 8


def venv_python(root: Path = Path()) -> Path:
    """The interpreter of the project's environment, relative to the current folder by default."""
    return root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def project_environment() -> dict[str, str]:
    """The variables for a program that runs in the project's environment."""
    return clean_environment(*_OURS)


def installer() -> str:
    """`uv` where there is one, else `pip`."""
    return "uv" if shutil.which("uv") else "pip"


def install_commands() -> list[str]:
    """What to type inside the project to make its environment."""
    return [shlex.join(command) for command in _commands(quiet=False)]


def install(root: Path) -> None:
    """Make the environment; half of one is removed again.

    Raises:
        MacchiatoError: With the last lines that the installer wrote.
    """
    try:
        for command in _commands(quiet=True):
            _run(command, root)
    except BaseException:
        shutil.rmtree(root / ".venv", ignore_errors=True)
        raise


def _commands(*, quiet: bool) -> list[list[str]]:
    hush = ["--quiet"] if quiet else []
    python = str(venv_python())
    if installer() == "uv":
        # Not `uv sync`: its lock file would hold the addresses of whatever registry is used here.
        return [
            ["uv", "venv", *hush, "--python", sys.executable, ".venv"],
            ["uv", "pip", "install", *hush, "--python", python, "-e", ".[dev]"],
        ]
    # Compiling everything takes pip a third of its time; Python compiles what is used, as with uv.
    hush += ["--no-compile"] if quiet else []
    return [
        # An old Python brings an old pip, which takes twice the time of a new one.
        [sys.executable, "-m", "venv", "--upgrade-deps", ".venv"],
        [python, "-m", "pip", "install", *hush, "-e", ".[dev]"],
    ]


def _run(command: list[str], root: Path) -> None:
    # Where a relative program is looked for differs between platforms.
    program = str(root / command[0]) if command[0] == str(venv_python()) else command[0]
    try:
        ended = run_child([program, *command[1:]], folder=root, environment=project_environment())
    except OSError as error:
        raise _failed((str(error),)) from error
    if ended.code != 0:
        lines = [line for line in ended.lines if line]
        raise _failed((f"{shlex.join(command)} ended with {ended.code}", *lines[-_LINES_SHOWN:]))


def _failed(reasons: tuple[str, ...]) -> MacchiatoError:
    return MacchiatoError("the dependencies could not be installed", code="install_failed", reasons=reasons)
