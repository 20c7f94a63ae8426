"""`macchiato list`: who may join which namespace, and what may be said there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macchiato_cli import interrupts
from macchiato_cli.interpreter import project_python
from macchiato_cli.project import read_project
from macchiato_cli.reading import read_namespaces
from macchiato_cli.report import Report
from macchiato_cli.target import here

if TYPE_CHECKING:
    from macchiato_cli.namespaces import Broken

_AGAIN = "macchiato list"


def list_namespaces(root: Path, report: Report) -> None:
    """Show the namespaces, and the modules that do not import: those are no failure of this command.

    Raises:
        MacchiatoError: The project has no environment, its record is damaged, or app itself is broken.
        Refused: The environment is somebody else's.
    """
    read_project(root)
    python = project_python(root, again=_AGAIN)
    found, broken = _namespaces(root, python, report)
    _show(found, broken, root, report)
    report.result(
        {
            "command": "list",
            "path": str(root),
            "namespaces": found,
            "broken": [asdict(each) for each in broken],
        }
    )


def _namespaces(root: Path, python: Path, report: Report) -> tuple[list[dict[str, Any]], list[Broken]]:
    """What is there and what is broken: read where that is sure to say the same, else imported."""
    with interrupts.allowed():
        read = read_namespaces(root)
    if read is not None:
        return read, []
    from macchiato_cli.namespaces import import_namespaces

    with report.waiting("importing the namespaces"):
        imported = import_namespaces(root, python, again=_AGAIN)
    return imported.found, imported.broken


def _show(found: list[dict[str, Any]], broken: list[Broken], root: Path, report: Report) -> None:
    def place(file: str | None, line: int | None) -> str:
        """file:line as an editor opens it from here."""
        if file is None:
            return "?"
        path = os.path.relpath(root / file, here())
        return path if line is None else f"{path}:{line}"

    if found:
        headings = ("namespace", "guard", "client key", "event", "where")
        rows = [row for namespace in found for row in _rows(namespace, place)]
        report.table(headings, rows, folding="event")
    elif not broken:
        report.note("there is no namespace yet: macchiato add-namespace chat")
    for each in broken:
        report.did("broken", each.described(place), style="bold red")


def _rows(
    namespace: Mapping[str, Any], place: Callable[[str | None, int | None], str]
) -> list[tuple[str, ...]]:
    """The namespace itself, what may be said in it, and what is heard."""
    key = namespace["client_key"] or "-"
    where = place(namespace["file"], namespace["line"])
    return [
        (namespace["namespace"], namespace["guard"], key, "", where),
        *(
            ("", "", "", signature(event), place(event["file"], event["line"]))
            for event in namespace["events"]
        ),
        *(
            ("", "", "", f"<- {signature_of_heard(heard)}", place(heard["file"], heard["line"]))
            for heard in namespace["heard"]
        ),
    ]


def signature(event: Mapping[str, Any]) -> str:
    """The event, what is sent with it, and the data of its ack: `addTask(title: str) -> int`."""
    sent = ", ".join(_parameter(each) for each in event["parameters"])
    return f"{event['event']}({sent}){_answer(event)}"


def signature_of_heard(event: Mapping[str, Any]) -> str:
    """An event that clients hear, with its types, and the type of what they answer."""
    return f"{event['event']}({', '.join(event['types'])}){_answer(event)}"


def _answer(event: Mapping[str, Any]) -> str:
    return f" -> {event['answer']}" if event["answer"] not in (None, "None") else ""


def _parameter(parameter: Mapping[str, Any]) -> str:
    stars = "*" if parameter["rest"] else ""
    default = "" if parameter["default"] is None else f" = {parameter['default']}"
    return f"{stars}{parameter['name']}: {parameter['type']}{default}"
