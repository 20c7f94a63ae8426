"""One command at a time changes a project."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from macchiato_cli import interrupts
from macchiato_cli.errors import Refused, reason_of
from macchiato_cli.journal import CHANGING, is_unfinished
from macchiato_cli.repair import finish_interrupted

_PATIENCE_S = 20.0
_LONGEST_CHANGE_S = 60


@contextmanager
def locked(root: Path) -> Generator[bool]:
    """The project is ours alone: another command waits until we are done, or we for it.

    Yields whether a killed command had left it half changed; then it has been put back.

    Raises:
        Refused: Another command is at work and does not end.
    """
    with _lock(root) as is_ours_alone:
        if not is_ours_alone and is_unfinished(root) and _age_s(root / CHANGING) < _LONGEST_CHANGE_S:
            raise _busy(
                root, f"where there are no locks, what it left is put back after {_LONGEST_CHANGE_S} s"
            )
        yield is_unfinished(root) and finish_interrupted(root)


@contextmanager
def _lock(root: Path) -> Generator[bool]:
    """The lock, which ends with the process however that ends; false where there are no such locks."""
    if os.name != "posix":
        yield False
        return
    try:
        descriptor = os.open(root, os.O_RDONLY)
    except OSError as error:
        message = f"{root} cannot be read: {reason_of(error)}"
        raise Refused(message, code="not_readable", paths=[str(root)]) from error
    try:
        yield _wait_for(descriptor, root)
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, root: Path) -> bool:
    import fcntl

    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EINTR):
                return False  # Some network file systems have none.
        if time.monotonic() > deadline:
            raise _busy(root, f"it has not ended within {_PATIENCE_S:.0f} seconds")
        with interrupts.allowed():
            time.sleep(0.05)


def _busy(root: Path, reason: str) -> Refused:
    message = f"another macchiato command is at work in {root}"
    return Refused(message, code="busy", reasons=(reason,), paths=[str(root)])


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0
