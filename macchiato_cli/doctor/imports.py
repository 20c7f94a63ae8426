"""Whether every namespace module imports, and no two have one name."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

from macchiato_cli.doctor.check import Check, broken, note, ok
from macchiato_cli.environment import venv_python
from macchiato_cli.namespaces import import_namespaces


def check_namespaces(root: Path, python: Path, *, again: str) -> Check:
    """Whether the server could start with what is in app/namespaces.

    Raises:
        MacchiatoError: Not even app.core can be imported.
    """
    namespaces = import_namespaces(root, python, again=again)
    if namespaces.broken:
        first, *others = namespaces.broken
        found, tries = first.described(_place), _import_command(first.module)
        if others:
            found, tries = f"{found}; and {len(others)} more do not import", [*tries, "macchiato list"]
        return broken("namespaces", found, tries)
    names = [each["namespace"] for each in namespaces.found]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        return broken("namespaces", f"more than one wrapper has {', '.join(twice)}", ["macchiato list"])
    if not names:
        return note("namespaces", "there is none yet", ["macchiato add-namespace chat"])
    return ok("namespaces", f"{', '.join(names)} import" if len(names) > 1 else f"{names[0]} imports")


def _import_command(module: str) -> list[str]:
    """The command that shows the whole error, where the module's name can be written in Python."""
    if not all(part.isidentifier() for part in module.split(".")):
        return []
    return [shlex.join([str(venv_python()), "-c", f"import {module}"])]


def _place(file: str, line: int | None) -> str:
    return file if line is None else f"{file}:{line}"
