"""What a command is doing to a project, written down first, so that the next one can put it back.

While files are changed, `.macchiato-changing` in the project holds `new/` and `old/`, one file for each step,
and a `journal`. As long as that is there, the change is not complete, and what has moved can be moved back;
renaming it to `done` completes the change. A folder with neither holds nothing that is needed.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from macchiato_cli.errors import Refused, reason_of
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
    import hashlib

    return hashlib.sha256(content).hexdigest()


def dump_journal(journal: Journal) -> bytes:
    """The text of the file."""
    entries = [{"path": entry.path, "adds": entry.adds, "after": entry.after} for entry in journal.entries]
    return json.dumps({"steps": entries, "folders": journal.folders}, indent=1).encode()


def is_unfinished(root: Path) -> bool:
    """Whether a command was interrupted here, or is at work."""
    return os.path.lexists(root / CHANGING)


def check_plain(changing: Path) -> None:
    """Check that there are only files in it, but for `old` and `new`.

    What is in `old` gets a place in the project: a link there would lead the next step elsewhere. And nobody
    could remove folders that are a thousand deep.

    Raises:
        Refused: There is something else.
    """
    try:
        for folder in (changing, changing / "old", changing / "new"):
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                is_ours = path in (changing / "old", changing / "new")
                if not is_ours and not stat.S_ISREG(path.lstat().st_mode):
                    raise unreadable(path, "it is not a regular file")
    except OSError as error:
        raise unreadable(changing, f"it cannot be read: {reason_of(error)}") from error


def read_journal(path: Path) -> Journal:
    """A journal that anybody may have written: a project can come from anywhere.

    Raises:
        Refused: macchiato cannot have written it.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode) or path.stat().st_size > _MOST_BYTES:
            raise unreadable(path, "it is not a plain, small file")
        fields: Any = json.loads(path.read_bytes())
        if len(fields["steps"]) + len(fields["folders"]) > _MOST_PATHS:
            raise unreadable(path, f"it has more than {_MOST_PATHS} paths")
        entries = tuple(_entry(path.parents[1], step) for step in fields["steps"])
        folders = tuple(_path(path.parents[1], folder) for folder in fields["folders"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise unreadable(path, "it is damaged") from error
    if _is_one_in_another(entries, folders):
        raise unreadable(path, "it has a file and something below it")
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
    if _FORBIDDEN & set(_folded(text).split("/")) or leads_through_link(root, text):
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


def leads_through_link(root: Path, path: str) -> bool:
    """Whether one of the folders that the path is in is a link."""
    return any((root / parent).is_symlink() for parent in list(PurePosixPath(path).parents)[:-1])


def unreadable(path: Path, reason: str) -> Refused:
    """The error for what macchiato cannot have left."""
    return Refused(
        f"{path} is not what macchiato leaves when it is killed",
        code="damaged_journal",
        reasons=(reason, "look into it, and remove it when nothing of yours is there"),
        paths=[str(path)],
    )
