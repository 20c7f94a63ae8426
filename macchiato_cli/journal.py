"""What a command was doing to a project when it was killed, so that the next one can put it back.

While files are changed, `.macchiato-changing` in the project holds `new/` and `old/`, one file for each step,
and a `journal`. As long as that is there, the change is not complete, and what has moved can be moved back;
renaming it to `done` completes the change. A folder with neither holds nothing that is needed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from macchiato_cli.errors import MacchiatoError, Refused, reason_of
from macchiato_cli.ownership import check_ours
from macchiato_cli.plan import Step

CHANGING = ".macchiato-changing"
_MOST_BYTES = 4 * 1024 * 1024
_MOST_PATHS = 10_000
_LONGEST_PATH = 1024
_FORBIDDEN = {".git", ".venv", CHANGING, ""}


@dataclass(frozen=True)
class Entry:
    """A step, as the journal knows it: what is to be at the path is known by its digest."""

    path: str
    adds: bool
    after: str | None


@dataclass(frozen=True)
class Journal:
    """The steps in their order, and the folders that are made on the way."""

    entries: tuple[Entry, ...]
    folders: tuple[str, ...]


def journal_of(steps: Sequence[Step], folders: Sequence[str]) -> Journal:
    """The journal of a change that is about to begin."""
    entries = (
        Entry(step.path, step.before is None, None if step.after is None else digest(step.after.content))
        for step in steps
    )
    return Journal(tuple(entries), tuple(folders))


def digest(content: bytes) -> str:
    """What the journal remembers of a file."""
    return hashlib.sha256(content).hexdigest()


def dump_journal(journal: Journal) -> bytes:
    """The text of the file."""
    entries = [{"path": entry.path, "adds": entry.adds, "after": entry.after} for entry in journal.entries]
    return json.dumps({"steps": entries, "folders": journal.folders}, indent=1).encode()


def is_unfinished(root: Path) -> bool:
    """Whether a command was interrupted here, or is at work."""
    return os.path.lexists(root / CHANGING)


def finish_interrupted(root: Path) -> bool:
    """Put a project back that a killed command left half changed; whether there was anything to put back.

    Call it with the project locked.

    Raises:
        Refused: Somebody else's hands are in it: a forged journal, or files that changed since.
        MacchiatoError: It could not be put back yet.
    """
    changing = root / CHANGING
    check_ours(root, CHANGING, *(f"{CHANGING}/{name}" for name in ("journal", "done", "old", "new")))
    for folder in (changing, changing / "old", changing / "new"):
        if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
            raise _unreadable(folder, "it is not a folder")
    _check_plain(changing)
    if os.path.lexists(changing / "done"):
        complete(root, _read(changing / "done"))
        return False
    if not os.path.lexists(changing / "journal"):
        remove(changing)
        return False
    roll_back(root, _read(changing / "journal"))
    return True


def roll_back(root: Path, journal: Journal) -> None:
    """Move everything back to where it was. May be interrupted, and called again.

    Raises:
        Refused: A file has been changed since; then nothing was moved.
        MacchiatoError: Something could not be moved; what was, is no obstacle to the next attempt.
    """
    try:
        _move_back(root, journal)
    except OSError as error:
        raise MacchiatoError(
            f"{root} is half changed: {reason_of(error)}",
            code="half_changed",
            reasons=("the next macchiato command puts it back",),
            paths=[str(root)],
        ) from error
    remove(root / CHANGING)


def complete(root: Path, journal: Journal) -> None:
    """Tidy up after the last step: what was replaced, and the folders that nothing is left in."""
    for entry in journal.entries:
        if entry.after is None and not _leads_through_link(root, entry.path):
            folder = (root / entry.path).parent
            while folder != root and remove_empty(folder):
                folder = folder.parent
    remove(root / CHANGING)


def remove(changing: Path) -> None:
    """Remove the folder, its journal first: without one nobody takes it for an unfinished change."""
    # Nothing in it is needed any more, and what cannot be removed now the next command removes.
    with suppress(OSError):
        for name in ("done", "journal"):
            (changing / name).unlink(missing_ok=True)
        shutil.rmtree(changing)


def sync(path: Path) -> None:
    """Make sure that a file's bytes, or a folder's entries, would survive a power failure."""
    if os.name == "posix":  # Windows lets nobody open a folder.
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_empty(folder: Path) -> bool:
    """Remove the folder if nothing is in it; whether it is gone."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True  # Whoever removed it was stopped before the one above it.
    except OSError:
        return False
    return True


def _move_back(root: Path, journal: Journal) -> None:
    changing = root / CHANGING
    moved = [number for number in range(len(journal.entries)) if os.path.lexists(changing / f"old/{number}")]
    changed = [
        entry.path
        for entry in (journal.entries[number] for number in moved)
        if os.path.lexists(root / entry.path) and not _is_ours(root / entry.path, entry)
    ]
    if changed:
        raise Refused(
            f"{root} is half changed: a macchiato command was stopped, and files were edited since",
            code="half_changed",
            reasons=(
                *changed,
                f"what they were before is in {changing / 'old'}; {changing}/journal names them",
            ),
            tries=("git status",),
            paths=changed,
        )
    for number, entry in reversed(list(enumerate(journal.entries))):
        target = root / entry.path
        # What was moved back before may have made one.
        if _leads_through_link(root, entry.path):
            raise Refused(
                f"{root} is half changed, and {entry.path} leads through a link",
                code="half_changed",
                reasons=("nothing is moved through links: make it a folder again",),
                paths=[entry.path],
            )
        if number in moved:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(changing / f"old/{number}", target)
        elif entry.adds and _was_added(changing / f"new/{number}", target, entry):
            target.unlink()
    for folder in reversed(journal.folders):
        if not _leads_through_link(root, folder):
            remove_empty(root / folder)
    # The journal goes last, also on the disk.
    paths = (*(entry.path for entry in journal.entries), *journal.folders)
    for parent in {(root / path).parent for path in paths}:
        if parent.is_dir():
            sync(parent)


def _is_ours(target: Path, entry: Entry) -> bool:
    """Whether what is there is what the change put there."""
    return stat.S_ISREG(target.lstat().st_mode) and digest(target.read_bytes()) == entry.after


def _was_added(staged: Path, target: Path, entry: Entry) -> bool:
    """Whether the change added this very file, and nobody has edited it since."""
    if not os.path.lexists(target) or not _is_ours(target, entry):
        return False
    # Without hard links the staged file itself was moved there.
    return not staged.exists() or staged.samefile(target)


def _check_plain(changing: Path) -> None:
    """Check that there are only files in it, but for `old` and `new`.

    What is in `old` gets a place in the project: a link there would lead the next step elsewhere. And nobody
    could remove folders that are a thousand deep.
    """
    try:
        for folder in (changing, changing / "old", changing / "new"):
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                is_ours = path in (changing / "old", changing / "new")
                if not is_ours and not stat.S_ISREG(path.lstat().st_mode):
                    raise _unreadable(path, "it is not a regular file")
    except OSError as error:
        raise _unreadable(changing, f"it cannot be read: {reason_of(error)}") from error


def _read(path: Path) -> Journal:
    """A journal that anybody may have written: a project can come from anywhere."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.stat().st_size > _MOST_BYTES:
            raise _unreadable(path, "it is not a plain, small file")
        fields: Any = json.loads(path.read_bytes())
        if len(fields["steps"]) + len(fields["folders"]) > _MOST_PATHS:
            raise _unreadable(path, f"it has more than {_MOST_PATHS} paths")
        entries = tuple(_entry(path.parents[1], step) for step in fields["steps"])
        folders = tuple(_path(path.parents[1], folder) for folder in fields["folders"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _unreadable(path, "it is damaged") from error
    if _is_one_in_another(entries, folders):
        raise _unreadable(path, "it has a file and something below it")
    return Journal(entries, folders)


def _entry(root: Path, step: Any) -> Entry:
    after = step["after"]
    if not isinstance(step["adds"], bool) or not (after is None or isinstance(after, str)):
        raise TypeError
    return Entry(_path(root, step["path"]), step["adds"], after)


def _path(root: Path, text: Any) -> str:
    """A path inside the project, but not in git's or Python's own folders, and through no link."""
    if (
        not isinstance(text, str)
        or len(text) > _LONGEST_PATH
        or not re.fullmatch(r"[\w./ +@-]+", text, re.ASCII)
    ):
        raise TypeError
    # Nothing that some file system takes for another name of .git: other letters, git~1, signs it skips.
    if _FORBIDDEN & set(_folded(text).split("/")) or _leads_through_link(root, text):
        raise ValueError(text)
    return text


def _folded(path: str) -> str:
    """What all the spellings have in common that a file system may take for one path."""
    return "/".join(part.casefold().rstrip(". ") for part in path.split("/"))


def _is_one_in_another(entries: Sequence[Entry], folders: Sequence[str]) -> bool:
    """Whether a path that is to be a file is also to be a folder."""
    files = {_folded(entry.path) for entry in entries}
    paths = (*files, *(f"{_folded(folder)}/" for folder in folders))
    return any(path[:end] in files for path in paths for end, sign in enumerate(path) if sign == "/")


def _leads_through_link(root: Path, path: str) -> bool:
    """Whether one of the folders that the path is in is a link."""
    return any((root / parent).is_symlink() for parent in list(PurePosixPath(path).parents)[:-1])


def _unreadable(path: Path, reason: str) -> Refused:
    return Refused(
        f"{path} is not what macchiato leaves when it is killed",
        code="damaged_journal",
        reasons=(reason, "look into it, and remove it when nothing of yours is there"),
        paths=[str(path)],
    )
