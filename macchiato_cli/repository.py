"""The project's git repository: one commit of everything, where that is possible."""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from macchiato_cli.child import Ended, clean_environment, run_child
from macchiato_cli.errors import MacchiatoError

# A first commit must not depend on a passphrase or on hooks made for other repositories.
_OURSELVES = (
    "-c",
    "init.defaultBranch=main",
    "-c",
    "commit.gpgSign=false",
    "-c",
    f"core.hooksPath={os.devnull}",
)


def why_no_repository(root: Path) -> str | None:
    """Why the project is not to get a repository of its own, None when it is.

    Interruptible, as everything here is that calls git.
    """
    if not shutil.which("git"):
        return "git is not installed"
    if around := next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None):
        return f"it is inside the git repository of {around}"
    # A bare one has no .git; a commit inside of it works with some versions of git only.
    if (bare := _git(root, "rev-parse", "--absolute-git-dir")).code == 0:
        return f"it is inside the git repository {bare.output.rstrip()}"
    for setting in ("user.name", "user.email"):
        if not _git(root, "config", setting).output.strip():
            return f"git does not know your {setting}"
    return None


def commit_everything(root: Path, message: str) -> None:
    """Make a repository with one commit.

    Raises:
        MacchiatoError: With what git said.
    """
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", message]):
        ended = _git(root, *arguments)
        if ended.code != 0:
            reasons = (
                f"git {shlex.join(arguments)} ended with {ended.code}",
                *ended.output.expandtabs().splitlines()[:8],
            )
            raise MacchiatoError("git could not commit", code="git_failed", reasons=reasons)


def commit_commands(message: str) -> list[str]:
    """What to type inside the project to do the same."""
    return ["git init -b main", "git add --all", shlex.join(["git", "commit", "-m", message])]


def _git(root: Path, *arguments: str) -> Ended:
    # GIT_DIR and the like would make it work on somebody else's repository.
    environment = clean_environment(prefix="GIT_") | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        return run_child(["git", *_OURSELVES, *arguments], folder=root, environment=environment)
    except OSError as error:
        return Ended(127, str(error))
