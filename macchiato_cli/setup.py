"""What follows once a project's files are there: git, the dependencies. Failing, it keeps the project."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from macchiato_cli import __version__, interrupts
from macchiato_cli.environment import install, install_commands, installer
from macchiato_cli.errors import MacchiatoError, Stopped
from macchiato_cli.project import ProjectRecord
from macchiato_cli.report import Report
from macchiato_cli.repository import commit_commands, commit_everything, identity_commands, why_no_repository
from macchiato_cli.target import as_typed


@dataclass(frozen=True)
class Stage:
    """One thing to do: what is true afterwards, and what to type when it did not work.

    Args:
        do: Does it, or returns what has to be typed for it instead, perhaps nothing. None when it is done.
    """

    name: str
    do: Callable[[], Sequence[str] | None]
    retry: list[str]


def git_stage(root: Path, record: ProjectRecord, report: Report) -> Stage:
    """A repository with one commit; a note where there can be none."""
    message = f"Start {record.name} from macchiato {__version__}"

    def commit() -> Sequence[str] | None:
        if reason := why_no_repository(root):
            report.note(f"no git repository was made: {reason}")
            return []
        if unknown := identity_commands(root):
            report.note(f"no git repository was made: git does not know your {' and '.join(unknown)}")
            return [*unknown.values(), *commit_commands(message)]
        commit_everything(root, message)
        report.did("committed", f"{message}, on main")
        return None

    return Stage("committed", commit, commit_commands(message))


def install_stage(root: Path, report: Report) -> Stage:
    """The project's environment."""

    def install_all() -> None:
        with report.doing(f"installing the dependencies with {installer()}"):
            install(root)
        report.did("installed", "the project and its tools, in .venv")

    return Stage("installed", install_all, install_commands())


def set_up(root: Path, stages: Sequence[Stage]) -> tuple[list[str], list[str]]:
    """Do one stage after the other, also when one fails; the names of those done, and what is left to type.

    Raises:
        MacchiatoError: At least one failed, with the commands to type for them.
        Stopped: A signal came, with the commands for what was not done.
    """
    failures: list[tuple[Stage, MacchiatoError]] = []
    done: list[str] = []
    left: list[str] = []
    waiting = list(stages)
    try:
        interrupts.check()
        while waiting:
            try:
                instead = waiting[0].do()
                left += instead or []
                done += [waiting[0].name] if instead is None else []
            except MacchiatoError as error:
                failures.append((waiting[0], error))
            waiting.pop(0)
        interrupts.check()
    except interrupts.Interrupted:
        undone = [stage for stage, _ in failures] + waiting
        message = f"{as_typed(root)} is complete and kept"
        if undone:
            message += f", but not yet {' and '.join(stage.name for stage in undone)}"
        raise Stopped(message, tries=_retry(root, left, undone), paths=[str(root)]) from None
    if failures:
        errors = [error for _, error in failures]
        raise MacchiatoError(
            f"{as_typed(root)} is complete, but {' and '.join(error.message for error in errors)}",
            code=errors[0].code,
            reasons=[reason for error in errors for reason in error.reasons],
            tries=_retry(root, left, (stage for stage, _ in failures)),
            paths=[str(root)],
        ) from errors[0]
    return done, left


def enter(root: Path) -> list[str]:
    """The command that goes there, none when one is there."""
    return [] if as_typed(root) == "." else [f"cd {shlex.quote(as_typed(root))}"]


def _retry(root: Path, left: Sequence[str], stages: Iterable[Stage]) -> list[str]:
    commands = [*left, *(command for stage in stages for command in stage.retry)]
    return enter(root) + commands if commands else []
