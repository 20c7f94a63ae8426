"""A small change of a small folder, which may be killed at one of its steps."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from macchiato_cli import apply, repair
from macchiato_cli.apply import change_files
from macchiato_cli.lock import locked
from macchiato_cli.plan import File, Step

BEFORE = {"edited": b"old", "gone/deep/file": b"dropped", "untouched": b"mine"}
AFTER = {"edited": b"new", "added/deep/file": b"more", "untouched": b"mine"}
STEPS = [
    Step("edited", File(b"old"), File(b"new")),
    Step("gone/deep/file", File(b"dropped"), None),
    Step("added/deep/file", None, File(b"more")),
]


def make_folder(root: Path) -> Path:
    """The folder as it is before."""
    for path, content in BEFORE.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def files(root: Path) -> dict[str, bytes]:
    """The files, but for those of the change itself."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".macchiato-changing" not in path.parts
    }


def change(root: Path) -> None:
    with locked(root):
        change_files(root, STEPS)


def kill_after_the_steps(root: Path) -> None:
    """All is in its place, and the journal is still there."""
    child = os.fork()
    if child == 0:
        try:  # Whatever happens, the child must not go on as another pytest.
            _kill_after_the_steps(root)
        finally:
            os._exit(99)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert files(root) == AFTER


def _kill_after_the_steps(root: Path) -> None:
    sync = repair.sync

    def killing(path: Path) -> None:
        if (root / "added/deep/file").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        sync(path)

    apply.__dict__["sync"] = killing
    change(root)
