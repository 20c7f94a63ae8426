"""`macchiato list`: who may join which namespace, and what may be said there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from macchiato_cli.interpreter import project_python
from macchiato_cli.namespaces import Namespaces, import_namespaces
from macchiato_cli.project import read_project
from macchiato_cli.report import Report
from macchiato_cli.target import here

_AGAIN = "macchiato list"


def list_namespaces(root: Path, report: Report) -> None:
    """Show the namespaces, and the modules that do not import: those are no failure of this command.

    Raises:
        MacchiatoError: The project has no environment, its record is damaged, or app itself is broken.
        Refused: The environment is somebody else's.
    """
    read_project(root)
    python = project_python(root, again=_AGAIN)
    with report.waiting("importing the namespaces"):
        namespaces = import_namespaces(root, python, again=_AGAIN)
    _show(namespaces, root, report)
    report.result(
        {
            "command": "list",
            "path": str(root),
            "namespaces": namespaces.found,
            "broken": [asdict(broken) for broken in namespaces.broken],
        }
    )


def _show(namespaces: Namespaces, root: Path, report: Report) -> None:
    def place(file: str | None, line: int | None) -> str:
        """file:line as an editor opens it from here."""
        if file is None:
            return "?"
        path = os.path.relpath(root / file, here())
        return path if line is None else f"{path}:{line}"

    if namespaces.found:
        headings = ("namespace", "guard", "client key", "event", "where")
        rows = [row for namespace in namespaces.found for row in _rows(namespace, place)]
        report.table(headings, rows, folding="event")
    elif not namespaces.broken:
        report.note("there is no namespace yet: macchiato add-namespace chat")
    for broken in namespaces.broken:
        report.did("broken", broken.described(place), style="bold red")


def _rows(
    namespace: Mapping[str, Any], place: Callable[[str | None, int | None], str]
) -> list[tuple[str, ...]]:
    """The namespace itself, then its events."""
    key = namespace["client_key"] or "-"
    where = place(namespace["file"], namespace["line"])
    return [
        (namespace["namespace"], namespace["guard"], key, "", where),
        *(
            ("", "", "", signature(event), place(event["file"], event["line"]))
            for event in namespace["events"]
        ),
    ]


def signature(event: Mapping[str, Any]) -> str:
    """The event and what is sent with it: `addTask(title: str, urgent: bool = False)`."""
    return f"{event['event']}({', '.join(_parameter(each) for each in event['parameters'])})"


def _parameter(parameter: Mapping[str, Any]) -> str:
    stars = "*" if parameter["rest"] else ""
    default = "" if parameter["default"] is None else f" = {parameter['default']}"
    return f"{stars}{parameter['name']}: {parameter['type']}{default}"
