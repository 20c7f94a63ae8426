"""A generated project: where it is, and the records of what it was made from."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from macchiato_cli import __version__
from macchiato_cli.errors import MacchiatoError, Refused
from macchiato_cli.journal import is_unfinished
from macchiato_cli.name_rules import why_misspelled_event, why_misspelled_namespace, why_misspelled_project
from macchiato_cli.names import EventName, NamespaceName, read_event
from macchiato_cli.ownership import check_ours
from macchiato_cli.record_file import damaged, load_record
from macchiato_cli.templates import version_key

PROJECT_RECORD = ".macchiato/project.yml"


@dataclass(frozen=True)
class ProjectRecord:
    """What the project template was rendered from."""

    name: str
    namespace: NamespaceName
    version: str = __version__


@dataclass(frozen=True)
class NamespaceRecord:
    """What a namespace was rendered from."""

    name: NamespaceName
    events: tuple[EventName, ...]
    public: bool
    version: str = __version__


def namespace_record(module: str) -> str:
    """Where the record of a namespace is."""
    return f".macchiato/namespaces/{module}.yml"


def find_project(start: Path) -> Path:
    """The project that the folder is in; a killed command may have left it half changed.

    Raises:
        MacchiatoError: It is in none.
        Refused: It is in somebody else's, or in one that has lost its record.
    """
    for folder in (start, *start.parents):
        if (folder / PROJECT_RECORD).is_file() or is_unfinished(folder):
            check_ours(folder, "", ".macchiato", PROJECT_RECORD)
            return folder
        if (folder / namespace_record("x")).parent.is_dir():
            check_ours(folder, "", ".macchiato")
            raise _without_record(folder)
    raise MacchiatoError(
        f"{start} is not inside a macchiato project",
        code="not_a_project",
        reasons=(f"neither it nor a folder above it has a {PROJECT_RECORD}",),
        tries=("macchiato new myproj",),
    )


def dump_project(record: ProjectRecord) -> bytes:
    """The text of a project's record."""
    return _dump("project", record.version, {"name": record.name, "namespace": record.namespace.wire})


def dump_namespace(record: NamespaceRecord) -> bytes:
    """The text of a namespace's record."""
    answers = {
        "name": record.name.wire,
        "events": [event.typed for event in record.events],
        "public": record.public,
    }
    return _dump("namespace", record.version, answers)


def read_project(root: Path) -> ProjectRecord:
    """The project's record.

    Raises:
        Refused: It is damaged, or from a newer macchiato.
    """
    path = root / PROJECT_RECORD
    version, answers = _load(path, "project")
    try:
        name = _spelled(answers["name"], why_misspelled_project)
        first = _spelled(answers["namespace"], why_misspelled_namespace)
        return ProjectRecord(name, NamespaceName(first), version)
    except (KeyError, ValueError) as error:
        raise damaged(path, "its answers are not those of a project") from error


def read_namespace(root: Path, module: str) -> NamespaceRecord | None:
    """The namespace's record, None without one.

    Raises:
        Refused: It is damaged, or from a newer macchiato.
    """
    path = root / namespace_record(module)
    if not os.path.lexists(path):
        return None
    version, answers = _load(path, "namespace")
    try:
        name = NamespaceName(_spelled(answers["name"], why_misspelled_namespace))
        events = _events(answers["events"])
        public = answers["public"]
    except (KeyError, ValueError) as error:
        raise damaged(path, "its answers are not those of a namespace") from error
    if name.module != module or not isinstance(public, bool):
        raise damaged(path, "its answers are not those of this namespace")
    return NamespaceRecord(name, events, public, version)


def read_namespaces(root: Path) -> list[NamespaceRecord]:
    """The records of all namespaces, by the names of their modules.

    Raises:
        Refused: One is damaged, or from a newer macchiato.
    """
    found = (read_namespace(root, module) for module in recorded_modules(root))
    return [record for record in found if record is not None]


def recorded_modules(root: Path) -> list[str]:
    """The modules of the namespaces that have a record."""
    return sorted(path.stem for path in (root / namespace_record("x")).parent.glob("*.yml"))


def _dump(template: str, version: str, answers: Mapping[str, object]) -> bytes:
    import yaml

    record = {"template": template, "version": version, "answers": dict(answers)}
    # A line for an event, however long its parameters are.
    text = yaml.safe_dump(record, sort_keys=False, allow_unicode=True, width=10_000)
    return f"# What macchiato made this from. Keep it in git: later versions update from it.\n{text}".encode()


def _load(path: Path, template: str) -> tuple[str, Mapping[str, Any]]:
    """Version and answers of a record that anybody may have edited."""
    fields = _mapping(load_record(path))
    if fields.get("template") != template:
        raise damaged(path, f"it is not the record of a {template}")
    version, answers = fields.get("version"), _mapping(fields.get("answers"))
    if not isinstance(version, str) or not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6}){2}", version):
        raise damaged(path, "its version is not one of macchiato's")
    if version_key(version) > version_key(__version__):
        raise Refused(
            f"{path} was written by macchiato {version}, and this is {__version__}",
            code="newer_project",
            tries=("uv tool upgrade macchiato-cli", "pip install --upgrade macchiato-cli"),
            paths=[str(path)],
        )
    return version, answers


def _without_record(root: Path) -> Refused:
    """The error for a folder that has the records of namespaces, and not the project's."""
    path = root / PROJECT_RECORD
    if os.path.lexists(path):
        return damaged(path, "it is not a regular file")
    return Refused(
        f"{root} has lost its record, {PROJECT_RECORD}",
        code="missing_record",
        reasons=("those of its namespaces are still there",),
        tries=(shlex.join(["git", "checkout", "--", str(path)]),),
        paths=[str(path)],
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _spelled(value: Any, why_not: Callable[[str], str | None]) -> str:
    # Its spelling only: a name that is reserved today was not when the record was written.
    if not isinstance(value, str) or why_not(value):
        raise ValueError(value)
    return value


def _events(value: Any) -> tuple[EventName, ...]:
    values: list[Any] = value if isinstance(value, list) else []  # pyright: ignore[reportUnknownVariableType]
    events = tuple(_event(each) for each in values)
    if not events or len({event.function for event in events}) < len(events):
        raise ValueError("events")
    return events


def _event(value: Any) -> EventName:
    event, reason = read_event(value if isinstance(value, str) else "", any_name=True)
    _spelled(event.wire, why_misspelled_event)
    if reason or event.typed != value:
        raise ValueError(value)
    return event
