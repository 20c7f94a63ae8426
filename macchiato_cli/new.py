"""`macchiato new`: files first, complete or not at all; then git and the dependencies, which may fail."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from macchiato_cli.apply import change_files, create_folder
from macchiato_cli.environment import install_commands, installer, venv_python
from macchiato_cli.errors import USAGE, MacchiatoError, Refused, shown
from macchiato_cli.journal import is_unfinished
from macchiato_cli.lock import locked
from macchiato_cli.names import (
    DEFAULT_EVENT,
    DEFAULT_NAMESPACE,
    EventName,
    NamespaceName,
    project_name,
    right_namespace,
    right_project,
)
from macchiato_cli.plan import File, Step
from macchiato_cli.project import PROJECT_RECORD, NamespaceRecord, ProjectRecord
from macchiato_cli.report import Report
from macchiato_cli.scaffold import namespace_files, project_files, settings_file
from macchiato_cli.setup import enter, git_stage, install_stage, set_up
from macchiato_cli.target import as_typed, here, is_folder_already

_PURPOSES = {
    "app/": "the server; its namespaces are in app/namespaces",
    "clients/": "a client for the terminal, one for each namespace",
    "tests/": "a real server, real clients",
    ".env": "settings and a fresh secret, not in git",
    "pyproject.toml": "dependencies and tools",
    "README.md": "where things live, how to add more",
}


@dataclass(frozen=True)
class Place:
    """A folder that is free for a new project, as somebody typed it, and the project's name."""

    typed: str
    folder: Path
    name: str


@dataclass(frozen=True)
class NewProject:
    """A project that somebody asked for."""

    place: Place
    namespace: NamespaceName
    with_git: bool
    with_install: bool

    @property
    def record(self) -> ProjectRecord:
        return ProjectRecord(self.place.name, self.namespace)

    @property
    def again(self) -> str:
        """The command that asks for the same without a question."""
        options = [] if self.with_install else ["--no-install"]
        options += [] if self.with_git else ["--no-git"]
        return new_command(self.place.typed, self.place.name, self.namespace.wire, options)


def new_command(typed: str, name: str | None, namespace: str, options: Sequence[str]) -> str:
    """The command for a project; names that will not do are put right.

    Args:
        typed: The folder.
        name: The project's name, None to call it as its folder.
    """
    folder = _folder(typed).name
    called = right_project(folder if name is None else name)
    command = ["macchiato", "new", typed or "."]
    command += [] if called == folder else ["--name", called]
    command += [] if namespace == DEFAULT_NAMESPACE else ["--namespace", right_namespace(namespace)]
    return shlex.join([*command, *options])


def find_place(typed: str, name: str | None, *, command: Callable[[str], str]) -> Place:
    """The place for a new project.

    Args:
        name: The project's name, None to call it as its folder.
        command: The whole command to suggest, of a name that would do.

    Raises:
        BadName: The project cannot be called so.
        Refused: Something of the user's is in the way.
    """
    folder = _folder(typed)
    place = Place(typed, folder, project_name(folder.name if name is None else name, command=command))
    if is_unfinished(folder):
        with locked(folder):
            pass  # What a killed command had begun here is taken back.
    try:
        is_folder_already(folder)
    except Refused as refusal:
        if (folder / PROJECT_RECORD).is_file():
            refusal.tries = (*enter(folder), *refusal.tries)
        raise
    return place


def would_make(place: Place) -> str:
    """What a project there would be, in words."""
    return f"creates {as_typed(place.folder)}: project {place.name}"


def chosen(namespace: NamespaceName, *, with_git: bool, with_install: bool) -> str:
    """What a project has without being asked for it, in words."""
    choices = [f"namespace {namespace.wire}"]
    choices += ["git repository"] if with_git else []
    choices += [f"dependencies installed with {installer()}"] if with_install else []
    return ", ".join(choices)


def make_project(project: NewProject, report: Report, *, dry_run: bool) -> None:
    """Make the project, and tell what was made and how to go on.

    Raises:
        MacchiatoError: Nothing was written; or the project is complete, but git or the installation failed.
        Stopped: A signal came; the message says what was kept.
    """
    target = project.place.folder
    exists = is_folder_already(target)
    with report.doing(f"rendering {project.record.name}"):
        files = _all_files(project.record)
    if dry_run:
        for path in files:
            report.did("create", path)
        report.note("this was a dry run: nothing was written")
        report.result(_result(project, files, dry_run=True, done=[]))
        return
    if exists:
        with locked(target):
            change_files(target, [Step(path, None, file) for path, file in files.items()])
    else:
        create_folder(target, files)
    report.did("created", f"{len(files)} files in {as_typed(target)}")
    stages = [git_stage(target, project.record, report)] if project.with_git else []
    stages += [install_stage(target, report)] if project.with_install else []
    done, left = set_up(target, stages)
    following = _next_commands(project, left, installed="installed" in done)
    report.tree(project.place.name, _entries(files))
    report.commands("Next:", following)
    report.commands("The same, without questions:", [project.again])
    report.result(_result(project, files, dry_run=False, done=done) | {"next": following})


def _folder(typed: str) -> Path:
    try:
        return Path(os.path.abspath(here() / Path(typed).expanduser()))
    except RuntimeError as error:  # ~ada, and there is no Ada.
        raise MacchiatoError(
            f"{shown(typed)} begins with a home folder that is not there", code="no_home", exit_code=USAGE
        ) from error


def _all_files(record: ProjectRecord) -> dict[str, File]:
    first = NamespaceRecord(record.namespace, (EventName(DEFAULT_EVENT),), public=False)
    files = project_files(record)
    vouching = files.pop(PROJECT_RECORD)
    secret = {".env": settings_file(files[".env.example"])}
    # The record comes last: what has none is not a project yet.
    return files | secret | namespace_files(first) | {PROJECT_RECORD: vouching}


def _next_commands(project: NewProject, left: Sequence[str], *, installed: bool) -> list[str]:
    client = f"{venv_python()} clients/{project.namespace.module}.py --name Ada"
    return [
        *enter(project.place.folder),
        *left,
        *([] if installed else install_commands()),
        "macchiato run",
        f"{client}   # in a second terminal",
    ]


def _entries(files: Iterable[str]) -> dict[str, str]:
    """What is at the top of the project and has a purpose to tell."""
    top = {path.split("/")[0] + ("/" if "/" in path else "") for path in files}
    known = {name: purpose for name, purpose in _PURPOSES.items() if name in top}
    return known | {f"and {len(top) - len(known)} more": ""}


def _result(
    project: NewProject, files: Iterable[str], *, dry_run: bool, done: list[str]
) -> dict[str, object]:
    return {
        "command": "new",
        "dry_run": dry_run,
        "path": str(project.place.folder),
        "name": project.place.name,
        "namespace": project.namespace.wire,
        "files": list(files),
        "done": done,
        "again": project.again,
    }
