"""The project's git repository: one commit of everything, where that is possible."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from macchiato_cli.errors import MacchiatoError
from macchiato_cli.git import git, git_program


def why_no_repository(root: Path) -> str | None:
    """Why the project is not to get a repository of its own, None when it is.

    Interruptible, as everything here is that calls git.
    """
    if git_program() is None:
        return "git is not installed"
    if around := next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), None):
        return f"it is inside the git repository of {around}"
    # A bare one has no .git, and git is told not to work in one: it says so, or works in what is around it.
    around_it = git(root, "rev-parse", "--absolute-git-dir")
    if found := re.search(r"cannot use bare repository '(.*)' \(", around_it.errors):
        return f"it is inside the git repository {found[1]}"
    if around_it.code == 0:
        return f"it is inside the git repository {around_it.output.rstrip()}"
    return None


def identity_commands(root: Path) -> dict[str, str]:
    """What git does not know of the user and needs for a commit: each setting, and the command for it."""
    examples = {"user.name": "Your Name", "user.email": "you@example.com"}
    return {
        setting: shlex.join(["git", "config", "--global", setting, example])
        for setting, example in examples.items()
        if not git(root, "config", setting).output.strip()
    }


def commit_everything(root: Path, message: str) -> None:
    """Make a repository with one commit.

    Raises:
        MacchiatoError: With what git said.
    """
    for arguments in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", message]):
        ended = git(root, *arguments)
        if ended.code != 0:
            reasons = (
                f"git {shlex.join(arguments)} ended with {ended.code}",
                *ended.lines[:8],
            )
            raise MacchiatoError("git could not commit", code="git_failed", reasons=reasons)


def commit_commands(message: str) -> list[str]:
    """What to type inside the project to do the same."""
    return ["git init -b main", "git add --all", shlex.join(["git", "commit", "-m", message])]
