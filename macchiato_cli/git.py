"""How git is called: on the project's own repository, whatever the environment says, and asking nobody.

A project can come from anywhere, and git does what a repository's configuration says: here it must start no
program of it, fetch nothing, and not take a folder of files that look like a repository for one.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from macchiato_cli.child import Ended, clean_environment, run_child

OPTIONS = (
    "--no-optional-locks",  # Asking changes nothing, and nobody has to wait for us.
    *("-c", "init.defaultBranch=main"),
    *("-c", "commit.gpgSign=false"),
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "safe.bareRepository=explicit"),
)


def git_program() -> str | None:
    """The git to call, never one of the current folder; None where there is none."""
    folders = [folder for folder in os.get_exec_path() if os.path.isabs(folder)]
    return shutil.which("git", path=os.pathsep.join(folders))


def git(folder: Path, *arguments: str, stdin: Path | None = None) -> Ended:
    """Call git in a folder. Interruptible. Without git, the code is 127.

    Args:
        stdin: A file for it to read.
    """
    program = git_program()
    if program is None:
        return Ended(127, "", "git is not installed")
    try:
        command = [program, *OPTIONS, *arguments]
        return run_child(command, folder=folder, environment=git_environment(), stdin=stdin)
    except OSError as error:
        return Ended(127, "", str(error))


def git_environment() -> dict[str, str]:
    """The variables for git: GIT_DIR and the like would make it work on somebody else's repository."""
    ours = {
        "GIT_TERMINAL_PROMPT": "0",
        # What is missing in a partial clone is not fetched, since the way to fetch it may be a program.
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C",
    }
    return clean_environment(prefix="GIT_") | ours
