"""The contract of a project, as its own code says it: `python -m app.contract`, in its environment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from macchiato_cli.bounded import Answer, started
from macchiato_cli.environment import project_environment
from macchiato_cli.errors import MacchiatoError
from macchiato_cli.interpreter import cannot_start, project_python

LIMIT_S: Final = 30.0
_LINES_SHOWN: Final = 8


def contract_of(root: Path, *, again: str, limit_s: float = LIMIT_S) -> Any:
    """The document, which can be any JSON.

    Raises:
        MacchiatoError: The project has no environment, or no contract, or cannot tell it.
        Refused: The environment is somebody else's.
    """
    if not (root / "app/contract/__main__.py").is_file():
        raise MacchiatoError(
            "this project cannot tell its contract: app/contract is not there",
            code="no_contract",
            tries=("macchiato update",),
        )
    python = project_python(root, again=again)
    command = [str(python), "-m", "app.contract"]
    try:
        with started(command, folder=root, environment=project_environment(), limit_s=limit_s) as child:
            answer = child.answer()
    except OSError as error:
        raise cannot_start(root, error, again=again) from error
    if answer.code != 0:
        raise _failed(_reasons(answer))
    try:
        return json.loads(_document_in(answer.output))
    except (ValueError, RecursionError):
        raise _failed(("what it printed is no JSON",)) from None


def _document_in(output: str) -> str:
    """Without what modules print when they are imported."""
    lines = output.splitlines()
    starts = [number for number, line in enumerate(lines) if line == "{"]
    return "\n".join(lines[starts[-1] :]) if starts else output


def _reasons(answer: Answer) -> tuple[str, ...]:
    if answer.code is None:
        return ("it did not end in time",)
    lines = [line.removeprefix("error: ") for line in answer.errors.splitlines() if line.strip()]
    told = lines[-1:] if "Traceback" in answer.errors else lines[-_LINES_SHOWN:]
    return tuple(told) or (f"it ended with {answer.code}",)


def _failed(reasons: tuple[str, ...]) -> MacchiatoError:
    return MacchiatoError(
        "the project's contract cannot be read",
        code="no_contract",
        reasons=reasons,
        tries=(".venv/bin/python -m app.contract",),
    )
