"""The namespaces of a project as its own code has them, whatever happens when that is imported."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Any

from macchiato_cli import probe, redaction
from macchiato_cli.bounded import Answer, started
from macchiato_cli.environment import project_environment
from macchiato_cli.errors import MacchiatoError
from macchiato_cli.interpreter import cannot_start

MODULE_LIMIT_S = 10.0
LIMIT_S = 30.0

# What the probe answers: the project's own code can write there, too.
_PLACE = {"file": (str, NoneType), "line": (int, NoneType)}
_PARAMETER = {"name": str, "type": str, "default": (str, NoneType), "rest": bool}
_EVENT = {"event": str, "parameters": [_PARAMETER], "answer": str, **_PLACE}
_HEARD = {"event": str, "types": [str], "answer": (str, NoneType), **_PLACE}
_NAMESPACE = {
    "namespace": str,
    "module": str,
    "guard": str,
    "client_key": (str, NoneType),
    "events": [_EVENT],
    "heard": [_HEARD],
    **_PLACE,
}
_PROBLEM = {"error": str, **_PLACE}
_DESCRIBED = {"module": str, "namespaces": [_NAMESPACE]}
_FAILED = {"module": str, **_PROBLEM}


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
        if importing in done:  # Something else than the probe has written that.
            return namespaces
        # It hung, or ended the interpreter: the others are asked for again without it.
        done.append(importing)
        namespaces.broken.append(_stuck(importing, answer, root, module_limit_s))
        if answer.code is None or time.monotonic() > deadline:
            return namespaces


def _take(answer: Answer, root: Path, namespaces: Namespaces, done: list[str], *, again: str) -> str | None:
    """Add what was answered; the module whose import never ended, None when all have."""
    importing: str | None = None
    for line in answer.objects:
        if _fits(line, {"nothing": _PROBLEM}) and importing is None:
            raise _broken_project(line["nothing"])
        if _fits(line, {"end": bool}) or _fits(line, {"importing": str}):
            if importing is not None:  # Its answer was lost among what it has written itself.
                done.append(importing)
                namespaces.broken.append(_unreadable(importing, root))
            if "end" in line:
                return None
            importing = line["importing"]
        elif importing is not None:
            if line.get("module") != importing or not _add(line, root, namespaces):
                namespaces.broken.append(_unreadable(importing, root))
            done.append(importing)
            importing = None
    if importing is None:
        raise _no_answer(answer, root, again)
    return importing


def _add(line: dict[str, Any], root: Path, namespaces: Namespaces) -> bool:
    """Add what a module has, or its error; whether the line says so."""
    if _fits(line, _DESCRIBED):
        namespaces.found += line["namespaces"]
        return True
    if not _fits(line, _FAILED):
        return False
    path = _file_of(line["module"], root)
    namespaces.broken.append(Broken(line["module"], path, line["error"], line["file"] or path, line["line"]))
    return True


def _unreadable(module: str, root: Path) -> Broken:
    path = _file_of(module, root)
    return Broken(module, path, "its answer cannot be read", path, None)


def _fits(value: object, shape: Any) -> bool:
    """Whether the value has these keys, and under them what is of these types."""
    if isinstance(shape, dict):
        fields: dict[str, Any] = shape  # pyright: ignore[reportUnknownVariableType]
        given: Any = value
        return (
            isinstance(value, dict)
            and given.keys() == fields.keys()
            and all(_fits(given[key], each) for key, each in fields.items())
        )
    if isinstance(shape, list):
        items: Any = value
        return isinstance(value, list) and all(_fits(each, shape[0]) for each in items)
    return isinstance(value, shape)


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
    return Broken(module, path, error, redaction.of_project(root).applied_to(place[1]), int(place[2][:9]))


def _file_of(module: str, root: Path) -> str:
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if os.path.isdir(root / path) else f"{path}.py"


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
