"""`macchiato remove-namespace`: takes away what `add-namespace` brought, and nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from macchiato_cli import interrupts
from macchiato_cli.apply import change_files
from macchiato_cli.errors import USAGE, MacchiatoError, Refused, Stopped, shown
from macchiato_cli.lock import locked
from macchiato_cli.merge import in_lf
from macchiato_cli.name_rules import to_snake, why_misspelled_namespace
from macchiato_cli.plan import File, Obstacle, Step
from macchiato_cli.project import (
    NamespaceRecord,
    namespace_record,
    read_namespace,
    read_project,
    recorded_modules,
)
from macchiato_cli.report import Report
from macchiato_cli.scaffold import namespace_files
from macchiato_cli.target import present_files

_SEARCHED = ("app", "clients", "tests")


def remove_from_project(root: Path, name: str, report: Report, *, force: bool, dry_run: bool) -> None:
    """Remove a namespace: its module, client, test and record.

    Args:
        force: Also remove files that their owner edited.

    Raises:
        MacchiatoError: There is no such namespace, or the files cannot be removed.
        Refused: A file was edited; its diff has been shown, and nothing was removed.
        Stopped: A signal came when all was done.
    """
    with locked(root):
        read_project(root)
        record = _find(root, name)
        with report.doing(f"comparing {record.name.wire} with its template"):
            generated = namespace_files(record)
        present = present_files(root, generated)
        edited = _edited(generated, present, namespace_record(record.name.module))
        if edited and not force:
            raise _refusal(record, generated, edited, report)
        steps = [Step(path, file, None) for path, file in present.items() if isinstance(file, File)]
        if not dry_run:
            change_files(root, steps)
            _stop_if_interrupted(record, root)
    for step in steps:
        report.did("remove" if dry_run else "removed", step.path, style="red")
    kept = [path for path, file in present.items() if isinstance(file, Obstacle)]
    for path in kept:
        report.note(f"{path} is kept: it is no file that macchiato made")
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


def _find(root: Path, name: str) -> NamespaceRecord:
    record = None if why_misspelled_namespace(name) else read_namespace(root, to_snake(name))
    if record is None:
        modules = recorded_modules(root)
        raise MacchiatoError(
            f"there is no namespace {shown(name)}",
            code="no_such_namespace",
            exit_code=USAGE,
            reasons=(f"there {'is' if len(modules) == 1 else 'are'} {', '.join(modules) or 'none'}",),
            tries=("macchiato list",),
        )
    return record


def _edited(
    generated: Mapping[str, File], present: Mapping[str, File | Obstacle], record: str
) -> dict[str, File]:
    """The files that are not what macchiato made of them; the record is nobody's to edit."""
    return {
        path: file
        for path, file in present.items()
        if isinstance(file, File) and path != record and in_lf(file.content) != generated[path].content
    }


def _refusal(
    record: NamespaceRecord, generated: Mapping[str, File], edited: Mapping[str, File], report: Report
) -> Refused:
    for path, file in edited.items():
        report.diff((path, generated[path].content), (path, in_lf(file.content)))
    return Refused(
        f"namespace {record.name.wire} has files that you edited",
        code="edited",
        reasons=(*edited, "nothing was removed; --force removes these too"),
        tries=(shlex.join(["macchiato", "remove-namespace", record.name.wire, "--force"]),),
        paths=list(edited),
    )


def _stop_if_interrupted(record: NamespaceRecord, root: Path) -> None:
    try:
        interrupts.check()
    except interrupts.Interrupted:
        raise Stopped(f"namespace {record.name.wire} is removed", paths=[str(root)]) from None


def _mentions(root: Path, name: str) -> Iterator[str]:
    """The project's modules that hold the name."""
    for path in sorted(path for folder in _SEARCHED for path in (root / folder).rglob("*.py")):
        if path.is_file() and name.encode() in path.read_bytes():
            yield path.relative_to(root).as_posix()
