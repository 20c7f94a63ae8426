"""A project that a killed command left half changed is put back, or tidied up."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path

from macchiato_cli.errors import MacchiatoError, Refused, reason_of
from macchiato_cli.journal import (
    CHANGING,
    Entry,
    Journal,
    check_plain,
    digest,
    leads_through_link,
    read_journal,
    unreadable,
)
from macchiato_cli.ownership import check_ours


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
            raise unreadable(folder, "it is not a folder")
    check_plain(changing)
    if os.path.lexists(changing / "done"):
        complete(root, read_journal(changing / "done"))
        return False
    if not os.path.lexists(changing / "journal"):
        remove(changing)
        return False
    roll_back(root, read_journal(changing / "journal"))
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
        if entry.after is None and not leads_through_link(root, entry.path):
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
        if leads_through_link(root, entry.path):
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
        if not leads_through_link(root, folder):
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
