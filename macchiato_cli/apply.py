"""The only module that writes to the user's disk: staged first, then all or nothing.

Signals are held back here (see interrupts.py): one takes effect when all is staged and nothing in place.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from macchiato_cli import interrupts
from macchiato_cli.errors import MacchiatoError, Refused, reason_of
from macchiato_cli.plan import File


def create_folder(target: Path, files: Mapping[str, File]) -> None:
    """Write the files into a new folder: complete, or not there at all.

    The folders above it are made too, and removed again when something fails.

    Raises:
        MacchiatoError: It could not be written.
        Refused: Meanwhile somebody else made it.
    """
    with (
        _explained(target),
        _folders(target.parent),
        _staging(target.parent, f".{target.name[:40]}") as staging,
    ):
        _write(staging, files)
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


def add_files(root: Path, files: Mapping[str, File]) -> None:
    """Add the files to an existing folder: all of them or none, and never over something else.

    They appear in their order, so the last may vouch for the others.

    Raises:
        MacchiatoError: They could not be written.
        Refused: Something is in the way.
    """
    with _explained(root), _staging(root, ".macchiato") as staging:
        _write(staging, files)
        interrupts.check()
        added: list[Path] = []
        made: list[Path] = []
        try:
            for path in files:
                target = root / path
                made += _make_folders(target.parent)
                _add(staging / path, target)
                added.append(target)
        except BaseException:
            for target in reversed(added):
                target.unlink(missing_ok=True)
            _remove_folders(made)
            raise


def _add(staged: Path, target: Path) -> None:
    """Give a staged file its place, unless something is there."""
    try:
        try:
            os.link(staged, target)
        except FileExistsError:
            raise
        except OSError:
            # A file system without hard links, such as exFAT or some network shares.
            _write_file(target, File(staged.read_bytes()), mode=staged.stat().st_mode & 0o777)
    except FileExistsError as error:
        raise Refused(
            f"{target} has just been made by somebody else", code="files_in_the_way", paths=[str(target)]
        ) from error


def _write(folder: Path, files: Mapping[str, File]) -> None:
    for path, file in files.items():
        target = folder / PurePosixPath(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_file(target, file, mode=file.mode)


def _write_file(target: Path, file: File, *, mode: int) -> None:
    """Write a new file that has its permissions from its first moment on; none is left when it fails."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(target, flags, mode)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(file.content)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


@contextmanager
def _staging(parent: Path, prefix: str) -> Generator[Path]:
    """A folder on the target's own file system, gone afterwards."""
    # Not mkdtemp: it makes folders that only their owner may enter, and this one becomes the project.
    staging = parent / f"{prefix}.{secrets.token_hex(4)}.tmp"
    staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _folders(folder: Path) -> Generator[None]:
    """The folder and those above it exist; those which did not are removed when something fails."""
    made = _make_folders(folder)
    try:
        yield
    except BaseException:
        _remove_folders(made)
        raise


def _make_folders(folder: Path) -> list[Path]:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    made: list[Path] = []
    try:
        for path in reversed(missing):
            path.mkdir()
            made.append(path)
    except BaseException:
        _remove_folders(made)
        raise
    return made


def _remove_folders(made: list[Path]) -> None:
    for path in reversed(made):
        try:
            path.rmdir()
        except OSError:
            return  # Somebody else uses it by now.


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
