"""`macchiato remove-namespace`: takes away what `add-namespace` brought, and nothing else."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from macchiato_cli.apply import change_files, stop_if_interrupted
from macchiato_cli.errors import USAGE, MacchiatoError, Refused, shown
from macchiato_cli.lock import locked
from macchiato_cli.merge import in_lf
from macchiato_cli.name_rules import to_snake, why_misspelled_namespace
from macchiato_cli.plan import File, Obstacle, Step
from macchiato_cli.project import (
    NamespaceRecord,
    ProjectRecord,
    namespace_record,
    read_namespace,
    read_project,
    recorded_modules,
)
from macchiato_cli.record_file import damaged
from macchiato_cli.report import Report
from macchiato_cli.scaffold import namespace_files, project_files
from macchiato_cli.target import present_files
from macchiato_cli.worktree import uncommitted

_SEARCHED = ("app", "clients", "tests")
_MOST_BYTES_SEARCHED = 1024 * 1024


def remove_from_project(root: Path, name: str, report: Report, *, force: bool, dry_run: bool) -> None:
    """Remove a namespace: its module, client, test and record.

    Args:
        name: In any spelling that gives the same module, perhaps after a slash.
        force: Also remove files that their owner edited; their diffs are shown all the same.

    Raises:
        MacchiatoError: There is no such namespace, or the files cannot be removed.
        Refused: A file was edited; its diff has been shown, and nothing was removed. Or the record is forged.
        Stopped: A signal came when all was done.
    """
    with locked(root):
        project = read_project(root)
        record = _find(root, name)
        with report.doing(f"comparing {record.name.wire} with its template"):
            generated = namespace_files(record)
            _check_apart(root, record, generated, project)
        present = present_files(root, generated)
        edited = _edited(generated, present, namespace_record(record.name.module))
        for path, file in edited.items():
            report.diff((path, generated[path].content), (path, in_lf(file.content)))
        if edited and not force:
            raise _refusal(record, edited)
        # Asked for while a signal may still end it all: git may take its time.
        lost, reason = uncommitted(root, edited)
        steps = [Step(path, file, None) for path, file in present.items() if isinstance(file, File)]
        if not dry_run:
            change_files(root, steps)
            stop_if_interrupted(f"namespace {record.name.wire} is removed", root)
    for step in steps:
        report.did("remove" if dry_run else "removed", step.path, style="red")
    kept = [path for path, file in present.items() if isinstance(file, Obstacle)]
    for path in kept:
        report.note(f"{path} is kept: it is no file that macchiato made")
    if lost:
        were, why = "are" if dry_run else "were", f" ({reason.removeprefix('fatal: ')})" if reason else ""
        report.note(f"your edits {were} not committed, so git cannot give them back: {', '.join(lost)}{why}")
    gone = {step.path for step in steps}
    for path in (path for path in _mentions(root, record.name.object) if path not in gone):
        report.note(f"{path} still mentions {record.name.object}")
    if dry_run:
        report.note("this was a dry run: nothing was removed")
    report.result(
        {
            "command": "remove-namespace",
            "dry_run": dry_run,
            "path": str(root),
            "namespace": record.name.wire,
            "removed": [step.path for step in steps],
            "edited": sorted(edited),
            "kept": kept,
        }
    )


def _find(root: Path, typed: str) -> NamespaceRecord:
    name = typed.removeprefix("/")  # As it is on the wire, and as `macchiato list` has it.
    record = None if why_misspelled_namespace(name) else read_namespace(root, to_snake(name))
    if record is None:
        modules = recorded_modules(root)
        raise MacchiatoError(
            f"there is no namespace {shown(typed)}",
            code="no_such_namespace",
            exit_code=USAGE,
            reasons=(f"there {'is' if len(modules) == 1 else 'are'} {', '.join(modules) or 'none'}",),
            tries=("macchiato list",),
        )
    return record


def _check_apart(
    root: Path, record: NamespaceRecord, generated: Mapping[str, File], project: ProjectRecord
) -> None:
    """Check that the namespace has no file of the project itself, as only one with a forged record would."""
    if both := sorted(generated.keys() & project_files(project).keys()):
        path = root / namespace_record(record.name.module)
        raise damaged(path, f"{both[0]} is a file of the project too")


def _edited(
    generated: Mapping[str, File], present: Mapping[str, File | Obstacle], record: str
) -> dict[str, File]:
    """The files that are not what macchiato made of them; the record is nobody's to edit."""
    return {
        path: file
        for path, file in present.items()
        if isinstance(file, File) and path != record and in_lf(file.content) != generated[path].content
    }


def _refusal(record: NamespaceRecord, edited: Mapping[str, File]) -> Refused:
    return Refused(
        f"namespace {record.name.wire} has files that you edited",
        code="edited",
        reasons=(*edited, "nothing was removed; --force removes these too"),
        tries=(shlex.join(["macchiato", "remove-namespace", record.name.wire, "--force"]),),
        paths=list(edited),
    )


def _mentions(root: Path, name: str) -> Iterator[str]:
    """The project's modules that hold the name, as far as they can be read: the removal is done by now."""
    return (
        path.relative_to(root).as_posix() for path in sorted(_modules(root)) if _holds(path, name.encode())
    )


def _modules(root: Path) -> Iterator[Path]:
    # Not rglob: until Python 3.13 it follows links. Until 3.12, walk gives up a thousand folders deep.
    with suppress(RecursionError):
        for folder in _SEARCHED:
            for place, _, names in os.walk(root / folder):
                yield from (Path(place) / name for name in names if name.endswith(".py"))


def _holds(path: Path, word: bytes) -> bool:
    try:
        found = path.lstat()
        is_small = stat.S_ISREG(found.st_mode) and found.st_size <= _MOST_BYTES_SEARCHED
        return is_small and word in path.read_bytes()
    except OSError:
        return False
