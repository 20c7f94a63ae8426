"""The namespaces of a project as its own code has them, whatever happens when that is imported."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from macchiato_cli import probe
from macchiato_cli.bounded import Answer, started
from macchiato_cli.environment import project_environment
from macchiato_cli.errors import MacchiatoError
from macchiato_cli.interpreter import cannot_start

MODULE_LIMIT_S = 10.0
LIMIT_S = 30.0


@dataclass(frozen=True)
class Broken:
    """A module that does not import: its error in one line, and where in the project that was raised."""

    module: str
    path: str
    error: str
    file: str
    line: int | None

    def described(self, place: Callable[[str, int | None], str]) -> str:
        """The module and its error, with files as `place` writes them."""
        where = place(self.file, self.line)
        if self.file == self.path:
            return f"{where}  {self.error}"
        return f"{place(self.path, None)}  {self.error}, at {where}"


@dataclass
class Namespaces:
    """What the modules of app/namespaces have; the fields of the namespaces are those of the JSON output."""

    found: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    broken: list[Broken] = field(default_factory=list[Broken])


def import_namespaces(
    root: Path, python: Path, *, again: str, module_limit_s: float = MODULE_LIMIT_S, limit_s: float = LIMIT_S
) -> Namespaces:
    """Import every module in the project's environment, and describe what is in it.

    Args:
        again: The command that asks for it, for the error.
        limit_s: For all modules together; those which have no turn until then are broken too.

    Raises:
        MacchiatoError: The environment or the project itself is broken, so nothing can be said.
    """
    deadline = time.monotonic() + limit_s
    namespaces = Namespaces()
    done: list[str] = []
    while True:
        command = [str(python), probe.__file__, str(module_limit_s), *done]
        left = max(deadline - time.monotonic(), 0.1)
        try:
            with started(command, folder=root, environment=project_environment(), limit_s=left) as child:
                answer = child.answer()
        except OSError as error:
            raise cannot_start(root, error, again=again) from error
        importing = _take(answer, root, namespaces, done, again=again)
        if importing is None:
            return namespaces
        # It hung, or ended the interpreter: the others are asked for again without it.
        done.append(importing)
        namespaces.broken.append(_stuck(importing, answer, root, module_limit_s))
        if answer.code is None:
            return namespaces


def _take(answer: Answer, root: Path, namespaces: Namespaces, done: list[str], *, again: str) -> str | None:
    """Add what was answered; the module whose import never ended, None when all have."""
    importing: str | None = None
    for line in answer.objects:
        if "nothing" in line:
            raise _broken_project(line["nothing"])
        if "end" in line:
            return None
        if "importing" in line:
            importing = line["importing"]
            continue
        done.append(line["module"])
        importing = None
        namespaces.found += line.get("namespaces", [])
        if "error" in line:
            path = _file_of(line["module"], root)
            error = Broken(line["module"], path, line["error"], line["file"] or path, line["line"])
            namespaces.broken.append(error)
    if importing is None:
        raise _no_answer(answer, root, again)
    return importing


def _stuck(module: str, answer: Answer, root: Path, module_limit_s: float) -> Broken:
    if answer.code is None or "Timeout (" in answer.output:
        limit = "in time" if answer.code is None else f"within {module_limit_s:g} s"
        error = f"its import did not end {limit}"
    else:
        error = f"its import ended the interpreter, with {answer.code}"
    own = re.escape(f"{root.resolve()}/")
    place = re.search(rf'^  File "{own}((?!\.venv/).+?)", line (\d+)', answer.output, re.MULTILINE)
    path = _file_of(module, root)
    if place is None:
        return Broken(module, path, error, path, None)
    return Broken(module, path, error, place[1], int(place[2]))


def _file_of(module: str, root: Path) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (root / path).is_dir() else f"{path}.py"


def _broken_project(problem: dict[str, Any]) -> MacchiatoError:
    place = f"{problem['file']}:{problem['line']}" if problem["file"] else "app"
    return MacchiatoError(
        "the project's app cannot be imported, so nothing is known of its namespaces",
        code="broken_app",
        reasons=(f"{place}: {problem['error']}",),
        paths=[problem["file"]] if problem["file"] else [],
    )


def _no_answer(answer: Answer, root: Path, again: str) -> MacchiatoError:
    if answer.code is None:
        return MacchiatoError(
            "the project's app cannot be imported, so nothing is known of its namespaces",
            code="broken_app",
            reasons=("the import of app.core did not end in time",),
        )
    return cannot_start(root, answer.last_words, again=again)
