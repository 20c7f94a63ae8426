"""`macchiato update`: what later templates brought, merged into what the owner made of a project."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from macchiato_cli import __version__, interrupts
from macchiato_cli.apply import change_files
from macchiato_cli.changes import Change, plan_update
from macchiato_cli.environment import install_commands, venv_python
from macchiato_cli.errors import CONFLICTS, MacchiatoError, Refused, Stopped
from macchiato_cli.layers import Layer, read_layers
from macchiato_cli.lock import locked
from macchiato_cli.merge import conflict_line, in_lf, merge_with_git, with_line_ends_of
from macchiato_cli.plan import File, Obstacle
from macchiato_cli.report import Report
from macchiato_cli.setup import enter
from macchiato_cli.target import present_files
from macchiato_cli.worktree import mark_unmerged, not_checked_out, uncommitted, unmerged

_STYLES = {"conflict": "bold red", "merged": "yellow", "kept": "yellow", "removed": "red"}


def update_project(root: Path, report: Report, *, check: bool, dry_run: bool) -> None:
    """Bring the project to this version of macchiato.

    Args:
        check: Only find out whether there is something to do.

    Raises:
        Refused: It is behind (with `check`), or cannot be updated yet; nothing was written.
        MacchiatoError: It could not be written, and is what it was; or conflicts are left to resolve.
        Stopped: A signal came when all was written.
    """
    with locked(root):
        with report.doing("comparing with the templates"):
            layers = read_layers(root)
            present = present_files(root, _paths(layers))
            _check_resolved(root, present)
            behind = [layer for layer in layers if layer.is_behind]
            changes = [] if check else _plan(behind, present)
            _check_all_there(root, _paths(behind) if changes else [], present)
        if check and behind:
            raise _behind(behind)
        if not behind:
            report.did("unchanged", f"everything is from macchiato {__version__}")
        if dry_run:
            _note_uncommitted(root, changes, report)
        else:
            _check_committed(root, changes)
            change_files(root, [step for change in changes for step in change.steps])
        _tell(changes, report, dry_run=dry_run)
        result = _result(root, layers, changes, dry_run=dry_run)
        if changes and not dry_run:
            _settle(root, changes, report, result)
    report.result(result)


def _paths(layers: Sequence[Layer]) -> list[str]:
    return sorted({path for layer in layers for path in (layer.record, *layer.base, *layer.theirs)})


def _plan(layers: Sequence[Layer], present: Mapping[str, File | Obstacle]) -> list[Change]:
    """All changes; the records come last, since they vouch for the others."""
    changes: list[Change] = []
    for layer in layers:
        merge = merge_with_git(("yours", f"macchiato {layer.version}", f"macchiato {__version__}"))
        changes += plan_update(layer.base, layer.theirs, present, renames=layer.renamed, merge=merge)
    return changes + [_record_change(layer, present[layer.record]) for layer in layers]


def _record_change(layer: Layer, there: File | Obstacle) -> Change:
    if isinstance(there, Obstacle):
        raise Refused(f"{layer.record} {there.what}", code="files_in_the_way", paths=[layer.record])
    after = replace(there, content=with_line_ends_of(there.content, layer.now.content))
    # A comment of the owner's, say: git has to have it.
    edited = in_lf(there.content) != layer.then.content
    return Change(layer.record, "updated", there, after, edited=edited)


def _behind(layers: Sequence[Layer]) -> Refused:
    return Refused(
        f"this project is behind macchiato {__version__}",
        code="behind",
        reasons=[f"{layer.name} is from {layer.version}" for layer in layers],
        tries=("macchiato update",),
        paths=[layer.record for layer in layers],
        facts={"from": {layer.name: layer.version for layer in layers}, "to": __version__},
    )


def _check_resolved(root: Path, present: Mapping[str, File | Obstacle]) -> None:
    """Check that no conflict is left from an earlier update or merge."""
    marked = _marked(present)
    if paths := sorted({*marked, *unmerged(root)}):
        raise Refused(
            "there are conflicts to resolve first",
            code="conflicts_left",
            reasons=_conflicts(marked, paths),
            tries=(*_resolving(root, paths), "macchiato update"),
            paths=paths,
        )


def _check_all_there(root: Path, paths: Sequence[str], present: Mapping[str, File | Obstacle]) -> None:
    """Check that what is missing was deleted, and is not only left out of this checkout."""
    if left_out := not_checked_out(root, [path for path in paths if path not in present]):
        raise Refused(
            "files of the project are not checked out",
            code="not_checked_out",
            reasons=[*left_out[:10], *(["..."] if len(left_out) > 10 else [])],
            tries=(*enter(root), "git sparse-checkout disable", "macchiato update"),
            paths=left_out,
        )


def _check_committed(root: Path, changes: Sequence[Change]) -> None:
    """Check that git has all that is about to be merged or moved, so that nothing can be lost."""
    paths, reason = _uncommitted(root, changes)
    if paths:
        raise Refused(
            "files that would be changed hold edits of yours that are not committed",
            code="uncommitted",
            reasons=(*paths, *([reason] if reason else [])),
            tries=(
                *enter(root),
                *(["git init -b main"] if "not a git repository" in reason else []),
                "git add --all",
                'git commit -m "Before the update"',
                "macchiato update",
            ),
            paths=paths,
        )


def _note_uncommitted(root: Path, changes: Sequence[Change], report: Report) -> None:
    if paths := _uncommitted(root, changes)[0]:
        report.note(f"commit first, so that nothing of yours can be lost: {', '.join(paths)}")


def _uncommitted(root: Path, changes: Sequence[Change]) -> tuple[list[str], str]:
    edited = (change.there for change in changes if change.edited)
    return uncommitted(root, {path: file for path, file in edited if file})


def _tell(changes: Sequence[Change], report: Report, *, dry_run: bool) -> None:
    for change in changes:
        if change.kind != "unchanged":
            was = f" (was {change.was[0]})" if change.was else ""
            reason = f": {change.reason}" if change.reason else ""
            report.did(change.kind, f"{change.path}{was}{reason}", style=_STYLES.get(change.kind, "green"))
        if dry_run and change.steps:
            path, before = change.there
            report.diff(
                (path, before.content if before else None),
                (change.path, change.after.content if change.after else None),
            )
    if unchanged := sum(change.kind == "unchanged" for change in changes):
        report.did("unchanged", f"{unchanged} files")
    if dry_run:
        report.note("this was a dry run: nothing was written")


def _settle(root: Path, changes: Sequence[Change], report: Report, result: Mapping[str, object]) -> None:
    """What follows once everything is written."""
    conflicts = {
        change.path: (change.there[0], change.sides) for change in changes if change.sides is not None
    }
    try:
        interrupts.check()
        if conflicts and (reason := mark_unmerged(root, conflicts)):
            report.note(f"git was not told of the conflicts: {reason}")
    except interrupts.Interrupted:
        raise Stopped("the update is complete and kept", paths=[str(root)]) from None
    if conflicts:
        marked = _marked({change.path: change.after for change in changes if change.sides})
        raise MacchiatoError(
            f"updated, with conflicts in {len(conflicts)} of your files",
            code="conflicts",
            exit_code=CONFLICTS,
            reasons=_conflicts(marked, list(conflicts)),
            tries=(
                *_resolving(root, list(conflicts)),
                *_install_commands(root, changes),
                "scripts/test",
                _commit_command(),
            ),
            paths=list(conflicts),
            facts={key: value for key, value in result.items() if key not in ("ok", "path")},
        )
    install = _install_commands(root, changes)
    report.commands("Next:", [*enter(root), "git diff", *install, "scripts/test", _commit_command()])


def _install_commands(root: Path, changes: Sequence[Change]) -> list[str]:
    """What to type where the project may need other packages now; an environment that is there stays."""
    if not any(change.path == "pyproject.toml" and change.steps for change in changes):
        return []
    return install_commands()[-1:] if venv_python(root).exists() else install_commands()


def _marked(files: Mapping[str, File | Obstacle | None]) -> dict[str, int]:
    """Those with conflict marks, and the line of the first."""
    contents = {path: file.content for path, file in files.items() if isinstance(file, File)}
    return {path: line for path, content in contents.items() if (line := conflict_line(content))}


def _conflicts(marked: Mapping[str, int], paths: Sequence[str]) -> list[str]:
    """Where they are, and what to do there."""
    places = [f"{path}:{marked[path]}" if path in marked else f"{path}: git waits for it" for path in paths]
    hint = "from <<<<<<< to >>>>>>> keep what is right, then remove the marks"
    return [*places, *([hint] if marked else [])]


def _resolving(root: Path, paths: Sequence[str]) -> list[str]:
    return [*enter(root), "git diff", shlex.join(["git", "add", "--", *paths])]


def _commit_command() -> str:
    return f'git add --all && git commit -m "Update to macchiato {__version__}"'


def _result(
    root: Path, layers: Sequence[Layer], changes: Sequence[Change], *, dry_run: bool
) -> dict[str, object]:
    return {
        "command": "update",
        "dry_run": dry_run,
        "path": str(root),
        "from": {layer.name: layer.version for layer in layers},
        "to": __version__,
        "files": [
            {
                "path": change.path,
                "kind": change.kind,
                **({"was": change.was[0]} if change.was else {}),
                **({"reason": change.reason} if change.reason else {}),
            }
            for change in changes
        ],
    }
