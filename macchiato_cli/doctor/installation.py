"""The project's environment: its interpreter, its packages."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from macchiato_cli.bounded import Answer
from macchiato_cli.doctor import installation_probe
from macchiato_cli.doctor.check import Check, broken, note, ok
from macchiato_cli.environment import install_commands, venv_python
from macchiato_cli.redaction import read_regular

OLDEST = (3, 11)
_LARGEST_PYPROJECT = 1024 * 1024
# Nested too deeply, it is a RecursionError.
_UNREADABLE = (OSError, ValueError, TypeError, AttributeError, RecursionError)


def probe_command(python: Path) -> list[str]:
    """The command that looks into the environment."""
    return [str(python), installation_probe.__file__]


def probe_input(root: Path) -> bytes:
    """What it is to look for: too much for an argument, maybe."""
    try:
        needed, dev = _requirements(root)
    except _UNREADABLE:
        needed, dev = [], []  # The check of the dependencies says what is wrong there.
    return json.dumps({"needed": needed, "dev": dev}).encode()


def check_environment(answer: Answer) -> Check:
    """Whether the interpreter runs."""
    if answer.objects:
        return ok("environment", f"{venv_python()} runs")
    found = f"{venv_python()} does not run: {answer.last_words}"
    return broken("environment", found, ["rm -r .venv", *install_commands()])


def check_python(answer: Answer) -> Check:
    """Whether it is new enough."""
    lines = answer.objects
    if not lines:
        return note("python", "not known: the environment cannot be used")
    oldest = ".".join(map(str, OLDEST))
    if tuple(lines[0]["python"]) < OLDEST:
        found = f"{lines[0]['version']} in .venv, and the project needs {oldest}"
        return broken("python", found, ["rm -r .venv", *install_commands()])
    return ok("python", f"{lines[0]['version']} in .venv ({oldest} or newer is needed)")


def check_dependencies(answer: Answer, root: Path, *, told: Sequence[str] = ()) -> Check:
    """Whether what pyproject.toml asks for is installed, in the right versions.

    Args:
        told: Packages of which another check says what is wrong with them; it is not for development only.
    """
    try:
        needed, dev = _requirements(root)
    except _UNREADABLE as error:
        return broken("dependencies", f"pyproject.toml cannot be read: {error}", ["git diff pyproject.toml"])
    lines = answer.objects
    if len(lines) < 2:
        return note("dependencies", f"could not be compared: {answer.last_words}")
    install = [install_commands()[-1]]
    if lines[1]["needed"]:
        return broken("dependencies", ", ".join(lines[1]["needed"]), install)
    lacking = lines[1]["dev"]
    if for_development := [text for text in lacking if text.partition(" ")[0] not in told]:
        return note("dependencies", f"for development only: {', '.join(for_development)}", install)
    compared = "" if lines[1]["versions"] else "; their versions could not be compared without packaging"
    return ok(
        "dependencies", f"{len(needed) + len(dev) - len(lacking)} of pyproject.toml are installed{compared}"
    )


def _requirements(root: Path) -> tuple[Sequence[str], Sequence[str]]:
    text = read_regular(root / "pyproject.toml", _LARGEST_PYPROJECT).decode()
    project: Mapping[str, Any] = tomllib.loads(text).get("project", {})
    dev = project.get("optional-dependencies", {}).get("dev", [])
    return [str(line) for line in project.get("dependencies", [])], [str(line) for line in dev]
