"""What git knows of a project's files: which edits it could give back, and which wait for a decision."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from macchiato_cli.changes import Sides
from macchiato_cli.git import git, has_git
from macchiato_cli.plan import File


def uncommitted(root: Path, paths: Sequence[str]) -> tuple[list[str], str]:
    """Those of the paths that git could not give back as they are, and why if that is so for all."""
    if not paths:
        return [], ""
    if not has_git():
        return list(paths), "git is not installed"
    status = git(
        root,
        *("status", "--porcelain", "-z", "--untracked-files=all", "--ignored", "--no-renames", "--"),
        *(f":(literal){path}" for path in paths),
    )
    if status.code != 0:
        return list(paths), (status.output.splitlines() or ["git failed"])[0]
    if git(root, "rev-parse", "--verify", "--quiet", "HEAD").code != 0:
        return list(paths), "the repository has no commit yet"
    prefix = _prefix(root)
    changed = {entry[3:].removeprefix(prefix) for entry in status.output.split("\0") if entry}
    # git names a whole folder when nothing in it is tracked because of a .gitignore.
    folders = tuple(name for name in changed if name.endswith("/"))
    return [path for path in paths if path in changed or path.startswith(folders)], ""


def unmerged(root: Path) -> list[str]:
    """The paths in which git waits for somebody to resolve a conflict."""
    if not has_git():
        return []
    listed = git(root, "ls-files", "--unmerged", "-z")
    if listed.code != 0:
        return []
    return sorted({entry.partition("\t")[2] for entry in listed.output.split("\0") if entry})


def mark_unmerged(root: Path, conflicts: Mapping[str, tuple[str, Sides]]) -> str | None:
    """Tell git of conflicts, so that it and every editor know; why it could not be told, None otherwise.

    Args:
        conflicts: By the path of a file, the path that it had until now and its three sides.
    """
    if not has_git() or git(root, "rev-parse", "--is-inside-work-tree").output.strip() != "true":
        return "the project is in no git repository"
    with tempfile.TemporaryDirectory(prefix="macchiato-") as folder:
        lines: list[str] = []
        for path, (was, sides) in conflicts.items():
            full = f"{_prefix(root)}{path}"
            for stage, file in enumerate((sides.base, sides.ours, sides.theirs), start=1):
                blob = _tracked(root, was) if file is sides.ours else None
                if file is not None:
                    blob = blob or _blob(root, path, file, Path(folder, "side"))
                    mode = "100755" if file.executable else "100644"
                    lines.append(f"{mode} {blob} {stage}\t{full}")
            lines.append(f"0 {'0' * 40}\t{full}")
        listed = Path(folder, "index")
        listed.write_bytes("".join(f"{line}\0" for line in reversed(lines)).encode())
        ended = git(root, "update-index", "-z", "--index-info", stdin=listed)
    return ended.output.strip() if ended.code != 0 else None


def _prefix(root: Path) -> str:
    """The project's path inside its repository, with a slash; empty at the top."""
    return git(root, "rev-parse", "--show-prefix").output.removesuffix("\n")


def _tracked(root: Path, path: str) -> str | None:
    """What the index has of the path."""
    entry = git(root, "ls-files", "--stage", "-z", "--", f":(literal){path}").output
    return entry.split()[1] if entry else None


def _blob(root: Path, path: str, file: File, place: Path) -> str:
    """The file in git's store, as git would store it at the path."""
    place.write_bytes(file.content)
    return git(root, "hash-object", "-w", f"--path={path}", "--", str(place)).output.strip()
