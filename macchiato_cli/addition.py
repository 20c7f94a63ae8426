"""`macchiato add-namespace`: new files only, no existing one is touched."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from macchiato_cli.apply import change_files, stop_if_interrupted
from macchiato_cli.environment import venv_python
from macchiato_cli.errors import Refused, shown
from macchiato_cli.lock import locked
from macchiato_cli.name_rules import LONGEST
from macchiato_cli.names import DEFAULT_EVENT, EventName, NamespaceName
from macchiato_cli.plan import plan_addition
from macchiato_cli.project import NamespaceRecord, namespace_record, read_namespace, read_project
from macchiato_cli.report import Report
from macchiato_cli.scaffold import namespace_files
from macchiato_cli.target import here, present_files


@dataclass(frozen=True)
class NewNamespace:
    """A namespace that somebody asked for; without events and guard, it may be any of its name."""

    root: Path
    name: NamespaceName
    events: tuple[EventName, ...]
    public: bool

    @property
    def module(self) -> str:
        return f"app/namespaces/{self.name.module}.py"

    @property
    def again(self) -> str:
        """The command that asks for the same without a question."""
        public = ["--public"] if self.public else []
        return addition_command(self.name.wire, [event.typed for event in self.events], public)


def addition_command(name: str, events: Sequence[str], options: Sequence[str]) -> str:
    """The command for a namespace."""
    words = [word for event in events for word in ("--event", event)]
    return shlex.join(["macchiato", "add-namespace", name, *words, *options])


def add_to_project(wish: NewNamespace, report: Report, *, dry_run: bool) -> None:
    """Add the namespace to its project, and tell what was made and how to go on.

    Raises:
        Refused: There is another of that name, or a file is in the way; nothing was written.
        MacchiatoError: The project cannot be read or written; nothing was written.
        Stopped: A signal came when it was complete.
    """
    with locked(wish.root):
        project = read_project(wish.root)
        if there := read_namespace(wish.root, wish.name.module):
            _check_same(wish, there)
            report.did("unchanged", f"namespace {wish.name.wire} is there already, in {wish.module}")
            report.result(_result(wish, there, created=[], kept=[], dry_run=dry_run))
            return
        events = wish.events or (EventName(DEFAULT_EVENT),)
        # Of the project's version, which its core is of: an update brings both forward.
        record = NamespaceRecord(wish.name, events, wish.public, project.version)
        with report.doing(f"rendering {wish.name.wire}"):
            files = namespace_files(record)
        plan = plan_addition(files, present_files(wish.root, files))
        if not dry_run:
            change_files(wish.root, plan.steps)
            stop_if_interrupted(f"namespace {wish.name.wire} is complete and kept", wish.root / wish.module)
    for path in plan.keep:
        report.did("kept", path)
    for path in plan.create:
        report.did("create" if dry_run else "created", path)
    if dry_run:
        report.note("this was a dry run: nothing was written")
    else:
        _tell_next(wish, report)
    report.result(_result(wish, record, created=list(plan.create), kept=list(plan.keep), dry_run=dry_run))


def _check_same(wish: NewNamespace, there: NamespaceRecord) -> None:
    """Whether what is there is what was asked for; what was not asked for does not matter."""
    record = namespace_record(wish.name.module)
    if there.name != wish.name:
        other = replace(wish, name=NamespaceName(f"{wish.name.wire[: LONGEST - 1]}2"))
        raise Refused(
            f"{shown(wish.name.wire)} and {shown(there.name.wire)}, which is there, have one name in Python",
            code="name_collision",
            reasons=(f"both are {wish.module}",),
            tries=(other.again,),
            paths=(record,),
        )
    if (wish.events and wish.events != there.events) or (wish.public and not there.public):
        events = ", ".join(event.typed for event in there.events)
        raise Refused(
            f"namespace {wish.name.wire} is there already, and differs",
            code="namespace_differs",
            reasons=(
                f"it was made {'public' if there.public else 'with a token'} and with the events {events}",
                f"it is yours now: change it in {wish.module}",
            ),
            paths=(record,),
        )
    if not (wish.root / wish.module).is_file():
        raise Refused(
            f"namespace {wish.name.wire} has a record, but {wish.module} is not there",
            code="namespace_incomplete",
            reasons=("bring the file back from git, or forget the record and add the namespace again",),
            tries=(f"git checkout -- {wish.module}", f"rm {record}"),
            paths=(wish.module, record),
        )


def _tell_next(wish: NewNamespace, report: Report) -> None:
    def from_here(path: str | Path) -> str:
        return shlex.quote(os.path.relpath(wish.root / path, here()))

    python = from_here(venv_python())
    report.commands(
        "Next:",
        [
            f"{python} -m pytest {from_here(f'tests/test_{wish.name.module}.py')}",
            "macchiato run",
            f"{python} {from_here(f'clients/{wish.name.module}.py')} --name Ada   # in a second terminal",
        ],
    )
    report.commands("The same, without questions:", [wish.again])


def _result(
    wish: NewNamespace, record: NamespaceRecord, *, created: list[str], kept: list[str], dry_run: bool
) -> dict[str, object]:
    return {
        "command": "add-namespace",
        "dry_run": dry_run,
        "path": str(wish.root),
        "namespace": record.name.wire,
        "events": [event.typed for event in record.events],
        "public": record.public,
        "created": created,
        "kept": kept,
        "again": wish.again,
    }
