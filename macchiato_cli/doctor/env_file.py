"""`.env`: whether it is there, who can read it, whether git has it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from macchiato_cli.doctor.check import Check, broken, note, ok
from macchiato_cli.doctor.git import Repository

_MAKE_ANOTHER = 'python3 -c "import secrets; print(secrets.token_urlsafe(48))"   # the new TOKEN_SECRET'


def check_env_file(root: Path, repository: Repository) -> Check:
    """Whether the secret in it is one."""
    path = root / ".env"
    if not os.path.lexists(path):
        if os.environ.get("TOKEN_SECRET"):
            return ok(".env", "not there: the settings come from the environment")
        return broken(".env", "not there, and TOKEN_SECRET is not in the environment", ["scripts/setup"])
    if not path.is_file():
        return broken(".env", "is no regular file", ["mv -i .env .env.bak", "scripts/setup"])
    problems: list[str] = []
    tries: list[str] = []
    if repository.tracks_env_file:
        problems.append("git tracks it, so whoever gets the code gets the secret")
        tries += ["git rm --cached .env", "git commit -m 'Take .env out of git'", _MAKE_ANOTHER]
    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        problems.append(f"its mode is {mode:04o}, so others on this machine can read the secret")
        tries.append("chmod 600 .env")
    if problems:
        return broken(".env", "; ".join(problems), tries)
    if repository.would_add_env_file:
        return note(
            ".env", "git does not ignore it: the next `git add` takes it", ["echo .env >> .gitignore"]
        )
    return ok(
        ".env",
        f"only you can read it ({mode:04o}), and git does not have it" if os.name == "posix" else "there",
    )
