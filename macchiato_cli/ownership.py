"""Whose a project is. As git learned (CVE-2022-24765), what lies in a shared folder may wait for a victim."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from macchiato_cli.errors import Refused


def check_ours(root: Path, *paths: str) -> None:
    """Check that what is at the paths belongs to whoever runs this; links count, not what they lead to.

    Paths that are not there are left out. On Windows all will do.

    Raises:
        Refused: It is somebody else's.
    """
    if os.name != "posix":
        return
    for path in (root / path for path in paths):
        if os.path.lexists(path) and (owner := path.lstat().st_uid) not in _ourselves():
            us = os.geteuid()
            # -h: without it, chown follows .venv/bin/python and gives away the system's interpreter.
            command = shlex.join(["chown", "-hR", _name(us), str(root)])
            raise Refused(
                f"{path} belongs to {_name(owner)}, and you are {_name(us)}",
                code="foreign_project",
                reasons=("what is in a project runs with your rights: make it yours only if you trust it",),
                tries=(command if us == 0 else f"sudo {command}",),
                paths=[str(path)],
            )


def _ourselves() -> set[int]:
    """Our user, and under sudo the one who called it: git decides the same way."""
    us = os.geteuid()
    caller = os.environ.get("SUDO_UID", "")
    return {us, int(caller)} if us == 0 and caller.isascii() and caller.isdigit() else {us}


def _name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
