"""`macchiato doctor`: what the project needs, one line each, and what to type where something is broken."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from macchiato_cli.bounded import Child, started
from macchiato_cli.doctor import installation, services
from macchiato_cli.doctor.check import Check, from_error, guarded, note
from macchiato_cli.doctor.env_file import check_env_file
from macchiato_cli.doctor.git import start_git
from macchiato_cli.doctor.imports import check_namespaces
from macchiato_cli.doctor.template import check_template
from macchiato_cli.environment import project_environment
from macchiato_cli.errors import MacchiatoError
from macchiato_cli.interpreter import cannot_start, project_python
from macchiato_cli.report import Report

_AGAIN = "macchiato doctor"
_PROBE_LIMIT_S = 15
_ORDER = (
    "python",
    "environment",
    "dependencies",
    ".env",
    "settings",
    "port",
    "database",
    "redis",
    "template",
    "namespaces",
    "git",
)
_IN_THE_ENVIRONMENT = ("dependencies", "settings", "port", "database", "namespaces")


def examine(root: Path, report: Report) -> None:
    """Check everything, and tell of each what was found.

    Raises:
        MacchiatoError: At least one check found something broken.
    """
    with report.waiting("examining the project"):
        checks = make_checks(root)
    width = max(len(check.name) for check in checks) + 2
    for check in checks:
        report.check(check.name, width, check.state, check.found, check.commands(root))
    facts: dict[str, object] = {
        "command": "doctor",
        "path": str(root),
        "checks": [
            {"name": each.name, "state": each.state, "found": each.found, "try": each.commands(root)}
            for each in checks
        ],
    }
    broken = [check for check in checks if check.state == "broken"]
    if not broken:
        report.result(facts)
        return
    names = ", ".join(check.name for check in broken)
    # The lines, where there are any, have said it already.
    again = broken if report.quiet or report.as_json else []
    raise MacchiatoError(
        f"{len(broken)} of {len(checks)} checks found something broken: {names}",
        code="broken_project",
        reasons=[f"{check.name}: {check.found}" for check in again],
        tries=[command for check in again for command in check.commands(root)],
        facts=facts,
    )


def make_checks(root: Path) -> list[Check]:
    """All checks, in the order in which they are told; what waits for others works side by side."""
    with ExitStack() as stack:
        repository = start_git(root, stack)
        checks = [
            *_in_the_environment(root, stack),
            guarded("template", lambda: check_template(root)),
            guarded(".env", lambda: check_env_file(root, repository())),
            guarded("git", lambda: repository().check()),
        ]
    return sorted(checks, key=lambda check: _ORDER.index(check.name))


def _in_the_environment(root: Path, stack: ExitStack) -> list[Check]:
    """What takes the project's interpreter."""
    try:
        python = project_python(root, again=_AGAIN)
        asked = _start(installation.probe_command(python), root, stack, given=installation.probe_input(root))
        tried = _start(services.probe_command(python), root, stack)
    except MacchiatoError as error:
        return [from_error("environment", error), *_unknown("python", *_IN_THE_ENVIRONMENT)]
    namespaces = guarded("namespaces", lambda: check_namespaces(root, python, again=_AGAIN))
    answer = asked.answer()
    checks = [
        guarded("environment", lambda: installation.check_environment(answer)),
        guarded("python", lambda: installation.check_python(answer)),
    ]
    if any(check.state == "broken" for check in checks):
        return [*checks, *_unknown(*_IN_THE_ENVIRONMENT)]
    named = services.check_services(tried.answer())
    told = ["redis"] if any("the client for Redis is " in check.found for check in named) else []
    dependencies = guarded("dependencies", lambda: installation.check_dependencies(answer, root, told=told))
    return [*checks, dependencies, namespaces, *named]


def _start(command: Sequence[str], root: Path, stack: ExitStack, *, given: bytes = b"") -> Child:
    environment = project_environment()
    child = started(command, folder=root, environment=environment, limit_s=_PROBE_LIMIT_S, given=given)
    try:
        return stack.enter_context(child)
    except OSError as error:
        raise cannot_start(root, error, again=_AGAIN) from error


def _unknown(*names: str) -> list[Check]:
    return [note(name, "not known: the environment cannot be used") for name in names]
