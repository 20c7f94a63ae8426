"""The project's git repository, as git itself tells it; nothing of it is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from macchiato_cli.bounded import Answer, started
from macchiato_cli.doctor.check import Check, broken, note, ok
from macchiato_cli.git import OPTIONS, git_environment, git_program
from macchiato_cli.repository import commit_commands

_LIMIT_S = 5


@dataclass(frozen=True)
class Repository:
    """What git answered about everything in the project, and about `.env`; None without a git program."""

    status: Answer | None
    env_file: Answer | None

    @property
    def tracks_env_file(self) -> bool:
        """Whether git has `.env`."""
        return self.env_file is not None and "H .env" in self.env_file.output.splitlines()

    @property
    def would_add_env_file(self) -> bool:
        """Whether git neither has nor ignores it."""
        return self.env_file is not None and "? .env" in self.env_file.output.splitlines()

    def check(self) -> Check:
        """Whether the project is in git, and what is not committed."""
        if self.status is None:
            return note("git", "not installed, and macchiato update merges with it")
        if self.status.code is None:
            return note("git", f"did not answer within {_LIMIT_S} s")
        if self.status.code != 0:
            return _refused(self.status)
        lines = self.status.output.splitlines()
        unmerged = [line.split(" ", 10)[-1] for line in lines if line.startswith("u ")]
        if unmerged:
            return broken("git", f"not merged yet: {', '.join(unmerged[:5])}", ["git status"])
        changes = sum(line.startswith(("1 ", "2 ", "? ")) for line in lines)
        said = f"{changes} uncommitted change{'s' * (changes != 1)}" if changes else "everything is committed"
        if "# branch.oid (initial)" in lines:
            return note("git", "nothing is committed yet", commit_commands("Start")[1:])
        branch = next((line.split(" ")[-1] for line in lines if line.startswith("# branch.head")), "?")
        return ok("git", f"on {branch}, {said}")


def start_git(root: Path, stack: ExitStack) -> Callable[[], Repository]:
    """Ask git; its answers come when they are wanted."""
    if git_program() is None:
        return lambda: Repository(None, None)
    filters = _start(root, stack, {}, "config", "-z", "--name-only", "--get-regexp", r"^filter\.")
    options = ("-t", "--cached", "--others", "--exclude-standard")
    env_file = _start(root, stack, {}, "ls-files", *options, "--", ".env")

    def status() -> Answer:
        configured = filters()
        if configured.code is None:
            return configured
        options = ("--porcelain=v2", "--branch", "--ignore-submodules=dirty", "--", ".")
        return _start(root, stack, _without(configured.output), "status", *options)()

    return lambda: Repository(status(), env_file())


def _start(
    root: Path, stack: ExitStack, variables: Mapping[str, str], *arguments: str
) -> Callable[[], Answer]:
    command = [git_program() or "git", *OPTIONS, *arguments]
    environment = {**git_environment(), **variables}
    try:
        child = stack.enter_context(started(command, folder=root, environment=environment, limit_s=_LIMIT_S))
    except OSError as error:
        failed = Answer(127, "", str(error))
        return lambda: failed
    return child.answer


def _without(filters: str) -> dict[str, str]:
    """The variables for a git that starts none of the programs which files go through in a repository.

    Args:
        filters: The settings of these, each with a zero byte behind.
    """
    names = sorted({name.rpartition(".")[0] for name in filters.split("\0") if name})
    off = [(f"{name}.{key}", "") for name in names for key in ("clean", "process", "smudge")]
    off += [(f"{name}.required", "false") for name in names]
    variables = {"GIT_CONFIG_COUNT": str(len(off))}
    for number, (key, value) in enumerate(off):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def _refused(status: Answer) -> Check:
    words = (status.errors.strip().splitlines() or [f"git status ended with {status.code}"])[0]
    if "not a git repository" in words:
        return note("git", "the project is in no repository", commit_commands("Start"))
    return broken("git", words.removeprefix("fatal: "), ["git status"])
