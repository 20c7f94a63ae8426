"""What the doctor finds in the project's environment: Python, and what pyproject.toml asks for."""

from __future__ import annotations

import ast
import inspect
import os
import sys
from pathlib import Path

import pytest

from macchiato_cli import doctor, probe, redaction
from macchiato_cli.bounded import Answer
from macchiato_cli.doctor import (
    database_check,
    installation,
    installation_probe,
    port_check,
    redis_check,
    services_probe,
)
from macchiato_cli.doctor.check import note
from tests.cli.borrowed_environment import make_environment


def test_the_probes_start_on_any_python_and_need_no_package() -> None:
    for module in (
        installation_probe,
        services_probe,
        probe,
        redaction,
        port_check,
        redis_check,
        redis_check.address,
        redis_check.client,
        redis_check.nodes,
        redis_check.resp,
        redis_check.server,
        database_check,
    ):
        source = inspect.getsource(module)
        imports = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {
            alias.name if isinstance(node, ast.Import) else node.module or ""
            for node in imports
            for alias in node.names
            # Of the same package.
            if not (isinstance(node, ast.ImportFrom) and node.level)
        }
        assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names, module
    ast.parse(inspect.getsource(installation_probe), feature_version=(3, 8))


def test_an_old_python_is_broken() -> None:
    answer = Answer(0, '{"python": [3, 10, 4], "version": "3.10.4"}\n', "")

    found = installation.check_python(answer)

    assert (found.state, found.found) == ("broken", "3.10.4 in .venv, and the project needs 3.11")
    assert found.tries[0] == "rm -r .venv"


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [
        ("packaging", []),
        ("packaging>=1; python_version >= '3'", []),
        ("nowhere>=1; python_version < '3'", []),
        ("nowhere[x]>=1", ["nowhere is not installed"]),
        (
            "Pytest_Timeout<1",
            [f"Pytest_Timeout is {installation_probe.version_of('pytest-timeout')}, not <1"],
        ),
        ("pydantic[email]", []),
    ],
)
def test_requirements_are_compared_with_what_is_installed(requirement: str, expected: list[str]) -> None:
    assert installation_probe.problems(requirement) == expected


def test_what_an_extra_needs_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = installation_probe.version_of
    monkeypatch.setattr(
        installation_probe, "version_of", lambda name: None if "email" in name else real(name)
    )

    assert installation_probe.problems("pydantic[email]>=2") == ["email-validator is not installed"]


def test_without_packaging_only_names_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation_probe, "requirements", None)

    assert installation_probe.problems("packaging>=999") == []
    assert installation_probe.problems("nowhere[x]>=1") == ["nowhere is not installed"]
    assert installation_probe.problems("nowhere; python_version < '3'") == []


def test_a_tool_that_is_missing_is_a_note(project: Path) -> None:
    answer = Answer(
        0, '{"python": [3, 11, 0]}\n{"needed": [], "dev": ["ruff is not installed"], "versions": true}\n', ""
    )

    found = installation.check_dependencies(answer, project)

    assert (found.state, found.found) == ("note", "for development only: ruff is not installed")


def test_a_requirement_that_is_none_is_told(project: Path) -> None:
    answer = Answer(1, '{"python": [3, 11, 0]}\n', "Traceback ...\nInvalidRequirement: no name\n")

    found = installation.check_dependencies(answer, project)

    assert found == note("dependencies", "could not be compared: InvalidRequirement: no name")


def test_a_pyproject_that_is_none_is_broken(project: Path) -> None:
    (project / "pyproject.toml").write_text("[project\n")

    found = installation.check_dependencies(Answer(0, "{}\n{}\n", ""), project)

    assert found.state == "broken"
    assert found.found.startswith("pyproject.toml cannot be read: ")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("pipe", "it is not a regular file"),
        ("/dev/zero", "it is not a regular file"),
        ("large", "it has more than 1048576 bytes"),
    ],
)
def test_a_pyproject_without_end_is_broken_and_not_waited_for(project: Path, kind: str, reason: str) -> None:
    path = project / "pyproject.toml"
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "large":
        path.write_bytes(b"#" * 2_000_000)
    else:
        path.symlink_to(kind)

    found = installation.check_dependencies(Answer(0, "{}\n{}\n", ""), project)

    assert found.found == f"pyproject.toml cannot be read: {reason}"
    assert installation.probe_input(project) == b'{"needed": [], "dev": []}'


def test_many_requirements_are_no_reason_to_remove_the_environment(project: Path) -> None:
    make_environment(project)
    lines = "".join(f"  \"packaging>={number}.0; python_version < '3'\",\n" for number in range(20_000))
    (project / "pyproject.toml").write_text(f'[project]\nname = "x"\ndependencies = [\n{lines}]\n')

    checks = {check.name: check for check in doctor.make_checks(project)}

    assert (checks["environment"].state, checks["python"].state) == ("ok", "ok")
    assert checks["dependencies"].state in ("ok", "note")
