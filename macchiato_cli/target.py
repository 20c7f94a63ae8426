"""What is on the disk before anything is written."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from macchiato_cli.errors import MacchiatoError, Refused, reason_of, shown
from macchiato_cli.plan import File, Obstacle
from macchiato_cli.project import PROJECT_RECORD

_NAMES_SHOWN = 10
# A generated file has some thousand bytes, and what somebody made of it is compared and merged in memory.
_MOST_BYTES = 4 * 1024 * 1024


def here() -> Path:
    """The current folder.

    Raises:
        MacchiatoError: It has been deleted.
    """
    try:
        return Path.cwd()
    except OSError as error:
        raise MacchiatoError(
            "the current folder is not there any more", code="no_current_folder", tries=("cd ~",)
        ) from error


def as_typed(path: Path) -> str:
    """The path as one would type it here: relative where it is below the current folder."""
    return os.path.relpath(path, here()) if path.is_relative_to(here()) else str(path)


def is_folder_already(target: Path) -> bool:
    """Whether the folder for a new project exists; then it is empty, but perhaps for `.git`.

    Raises:
        Refused: Something of the user's is in the way.
        MacchiatoError: It cannot be read, or not be made.
    """
    try:
        if not os.path.lexists(target):
            _check_parent(target)
            return False
        if not target.is_dir():
            raise Refused(f"{target} is not a folder", code="target_is_no_folder", paths=[str(target)])
        names = sorted(entry.name for entry in target.iterdir() if entry.name != ".git")
    except OSError as error:
        raise MacchiatoError(
            f"{target} cannot be used: {reason_of(error)}", code="not_writable", paths=[str(target)]
        ) from error
    if names:
        raise _not_empty(target, names)
    return True


def present_files(root: Path, paths: Iterable[str]) -> dict[str, File | Obstacle]:
    """What is at the paths already.

    Raises:
        Refused: A symbolic link is on the way to one.
    """
    present: dict[str, File | Obstacle] = {}
    for path in paths:
        _check_no_link(root, path)
        with suppress(FileNotFoundError):
            present[path] = _present(root / path)
    return present


def _check_no_link(root: Path, path: str) -> None:
    """Check that each folder which the path is in is one: a link may lead to .git, to .venv or anywhere."""
    folder = PurePosixPath(path).parent
    for link in (each for each in (folder, *folder.parents) if (root / each).is_symlink() and each.name):
        # realpath, since resolve() fails where links lead to each other.
        place = os.path.realpath(root / folder)
        if not Path(place).is_relative_to(os.path.realpath(root)):
            raise Refused(
                f"{folder} leads out of the project",
                code="outside_of_project",
                reasons=(f"it is a link to {place}", "nothing is written outside of it"),
                paths=[path],
            )
        raise Refused(
            f"{link} is a link to {os.readlink(root / link)}",
            code="linked_folder",
            reasons=("nothing is written through links: make it a folder",),
            paths=[path],
        )


def _present(target: Path) -> File | Obstacle:
    """What is there.

    Raises:
        FileNotFoundError: Nothing is.
    """
    try:
        found = target.lstat()
        mode = found.st_mode
        if stat.S_ISREG(mode):
            if found.st_size > _MOST_BYTES:
                return Obstacle("is too large")
            executable = bool(mode & stat.S_IXUSR) if os.name == "posix" else False
            return File(target.read_bytes(), executable, permissions=stat.S_IMODE(mode))
    except FileNotFoundError:
        raise
    except OSError as error:
        return Obstacle(f"cannot be read: {reason_of(error)}")
    kind = (
        "a symbolic link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "no regular file"
    )
    return Obstacle(f"is {kind}")


def _check_parent(target: Path) -> None:
    above = next(folder for folder in target.parents if os.path.lexists(folder))
    if not above.is_dir():
        raise Refused(f"{above} is not a folder", code="target_is_no_folder", paths=[str(above)])
    if not os.access(above, os.W_OK | os.X_OK):
        raise MacchiatoError(
            f"{target} cannot be made: you may not write to {above}", code="not_writable", paths=[str(above)]
        )


def _not_empty(target: Path, names: list[str]) -> Refused:
    listed = [shown(name)[1:-1] for name in names[:_NAMES_SHOWN]]
    if len(names) > _NAMES_SHOWN:
        listed.append(f"and {len(names) - _NAMES_SHOWN} more")
    is_project = (target / PROJECT_RECORD).is_file()
    return Refused(
        f"{target} is {'a macchiato project already' if is_project else 'not empty'}",
        code="target_not_empty",
        reasons=[f"it holds {', '.join(listed)}"],
        tries=["macchiato add-namespace chat", "macchiato run"]
        if is_project
        else ["macchiato new another-name"],
        paths=[str(target / name) for name in names],
    )
