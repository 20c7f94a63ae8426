"""The only module that writes to the user's disk: staged first, then all or nothing.

Signals are held back here (see interrupts.py): one takes effect when all is staged and nothing in place.
What no process can catch, being killed or a power failure, is put right by the next command (see journal.py).
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath

from macchiato_cli import interrupts
from macchiato_cli.errors import MacchiatoError, Refused, Stopped, reason_of
from macchiato_cli.journal import CHANGING, dump_journal, journal_of
from macchiato_cli.plan import File, Step
from macchiato_cli.repair import complete, remove, remove_empty, roll_back, sync


def create_folder(target: Path, files: Mapping[str, File]) -> None:
    """Write the files into a new folder: complete, or not there at all.

    The folders above it are made too, and removed again when something fails.

    Raises:
        MacchiatoError: It could not be written.
        Refused: Meanwhile somebody else made it.
    """
    with _explained(target), _folders(target.parent), _staging(target) as staging:
        for path, file in files.items():
            place = staging / PurePosixPath(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            _write(place, file)
        # Else a power failure could leave the folder's new name, and files that are empty.
        for place in (*staging.rglob("*"), staging):
            sync(place)
        interrupts.check()
        try:
            # One step: nobody ever sees half a project. An empty folder may be replaced, nothing else.
            staging.rename(target)
        except OSError as error:
            if os.path.lexists(target):
                raise Refused(
                    f"{target} has just been made by somebody else", code="target_exists", paths=[str(target)]
                ) from error
            raise


def write_file(target: Path, file: File) -> None:
    """Write one file, wherever that is: complete, or as it was. A link stays one.

    Raises:
        MacchiatoError: It could not be written.
    """
    # realpath, since resolve() fails where links lead to each other.
    place = Path(os.path.realpath(target))
    staged = place.parent / f".{place.name[:40]}.{secrets.token_hex(4)}.tmp"
    with _explained(target):
        if place.exists():
            file = replace(file, permissions=stat.S_IMODE(place.stat().st_mode))
        try:
            _write(staged, file)
            sync(staged)
            interrupts.check()
            staged.replace(place)
        except BaseException:
            remove(staged)
            raise


def stop_if_interrupted(what: str, place: Path) -> None:
    """A signal that came during the last steps ends the command, and changes nothing any more.

    Args:
        what: What is done, for whoever interrupted it.
        place: Where.

    Raises:
        Stopped: A signal came.
    """
    try:
        interrupts.check()
    except interrupts.Interrupted:
        raise Stopped(what, paths=[str(place)]) from None


def change_files(root: Path, steps: Sequence[Step]) -> None:
    """Add, replace and remove files of a folder that is locked: all the steps or none.

    They are taken in their order, so the last file may vouch for the others. A file that is not what its
    step says it is stops them.

    Raises:
        MacchiatoError: They could not be written.
        Refused: Meanwhile somebody changed one of the files.
    """
    if not steps:
        return
    changing = root / CHANGING
    folders = _missing_folders(root, steps)
    journal = journal_of(steps, folders)
    with _explained(root):
        # Outside of the clean-up: if it is there, it is not ours to remove.
        changing.mkdir()
        try:
            _stage(changing, steps)
            interrupts.check()
            _write(changing / "journal.part", File(dump_journal(journal)))
            sync(changing / "journal.part")
            (changing / "journal.part").rename(changing / "journal")
            sync(changing)
            sync(root)
        except BaseException:
            remove(changing)
            raise
        try:
            for folder in folders:
                (root / folder).mkdir()
            for number, step in enumerate(steps):
                _take(step, number, root)
            for parent in {(root / path).parent for path in (*(step.path for step in steps), *folders)}:
                sync(parent)
            (changing / "journal").rename(changing / "done")
        except BaseException:
            roll_back(root, journal)
            raise
    # Everything is in its place, and what fails from here on, the next command tidies up.
    with suppress(OSError):
        sync(changing)
        complete(root, journal)


def _stage(changing: Path, steps: Sequence[Step]) -> None:
    """Write what will be, with its final permissions, and make sure that it is on the disk."""
    _write(changing / ".gitignore", File(b"*\n"))
    (changing / "old").mkdir()
    (changing / "new").mkdir()
    for number, step in enumerate(steps):
        if step.after is not None:
            _write(changing / f"new/{number}", step.after)
            sync(changing / f"new/{number}")
    sync(changing / "new")


def _take(step: Step, number: int, root: Path) -> None:
    """One step, made of nothing but renames, each of which can be taken back."""
    target, changing = root / step.path, root / CHANGING
    if step.before is not None:
        old = changing / f"old/{number}"
        try:
            target.rename(old)
        except FileNotFoundError as error:
            raise _changed_meanwhile(target) from error
        if not old.is_file() or old.is_symlink() or old.read_bytes() != step.before.content:
            raise _changed_meanwhile(target)
    if step.after is not None:
        try:
            _place(changing / f"new/{number}", target)
        except FileExistsError as error:
            raise _changed_meanwhile(target) from error


def _place(staged: Path, target: Path) -> None:
    """Give a staged file its place, unless something is there."""
    try:
        os.link(staged, target)
    except FileExistsError:
        raise
    except OSError:
        # A file system without hard links, such as exFAT or some network shares.
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        staged.rename(target)


def _changed_meanwhile(target: Path) -> Refused:
    return Refused(
        f"{target} has just been changed by somebody else", code="changed_meanwhile", paths=[str(target)]
    )


def _missing_folders(root: Path, steps: Sequence[Step]) -> list[str]:
    """The folders that the steps need and that are not there, each after the one above it."""
    needed = {parent for step in steps if step.after for parent in PurePosixPath(step.path).parents}
    return sorted(str(folder) for folder in needed if not (root / folder).exists())


def _write(target: Path, file: File) -> None:
    """Write a new file that has its permissions from its first moment on."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(target, flags, file.mode)
    with open(descriptor, "wb") as stream:
        if file.permissions is not None and os.name == "posix":
            os.fchmod(descriptor, file.permissions)  # Those of the file that it replaces, whatever the umask.
        stream.write(file.content)


@contextmanager
def _staging(target: Path) -> Generator[Path]:
    """A folder beside the target, on its own file system; gone afterwards."""
    # Not mkdtemp: it makes folders that only their owner may enter, and this one becomes the project.
    staging = target.parent / f".{target.name[:40]}.{secrets.token_hex(4)}.tmp"
    staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _folders(folder: Path) -> Generator[None]:
    """The folder and those above it exist; those which did not are removed when something fails."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    made: list[Path] = []
    try:
        for path in reversed(missing):
            path.mkdir()
            made.append(path)
        yield
    except BaseException:
        for path in reversed(made):
            remove_empty(path)  # Unless somebody else uses it by now.
        raise


@contextmanager
def _explained(target: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise MacchiatoError(
            f"{target} cannot be written: {reason_of(error)}",
            code="disk_full" if full else "not_writable",
            reasons=("nothing was written",),
            paths=[str(target)],
        ) from error
