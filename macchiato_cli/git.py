"""How git is called: on the project's own repository, whatever the environment says, and asking nothing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from macchiato_cli.child import Ended, clean_environment, run_child

# Nothing here must depend on a passphrase, or start what a repository's own configuration names.
GIT = (
    "git",
    "--no-optional-locks",  # Asking changes nothing, and nobody has to wait for us.
    *("-c", "init.defaultBranch=main"),
    *("-c", "commit.gpgSign=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.fsmonitor=false"),
)


def has_git() -> bool:
    """Whether there is a git to call."""
    return shutil.which("git") is not None


def git(folder: Path, *arguments: str, stdin: Path | None = None) -> Ended:
    """Call git in a folder. Interruptible. Without git, the code is 127.

    Args:
        stdin: A file for it to read.
    """
    try:
        return run_child([*GIT, *arguments], folder=folder, environment=git_environment(), stdin=stdin)
    except OSError as error:
        return Ended(127, str(error))


def git_environment() -> dict[str, str]:
    """The variables for git: GIT_DIR and the like would make it work on somebody else's repository."""
    return clean_environment(prefix="GIT_") | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
