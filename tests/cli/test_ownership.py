"""Projects that belong to somebody else: nothing in them is run, nothing is added to them."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from macchiato_cli.errors import Refused
from macchiato_cli.ownership import check_ours
from tests.cli.conftest import Macchiato, Ran, snapshot

IS_ROOT = os.geteuid() == 0
NOBODY = pwd.getpwnam("nobody").pw_uid
needs_root = pytest.mark.skipif(not IS_ROOT, reason="gives files away")


@pytest.fixture
def served(project: Path, home: Path) -> Path:
    """A project whose environment tells that it was started."""
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").write_text(f'#!/bin/sh\necho run > "{home}/was-run"\n')
    (project / ".venv/bin/python").chmod(0o755)
    return project


@needs_root
@pytest.mark.parametrize(
    "path", ["", ".macchiato", ".macchiato/project.yml", ".venv", ".venv/bin", ".venv/bin/python"]
)
def test_nothing_of_somebody_else_s_is_run(macchiato: Macchiato, served: Path, home: Path, path: str) -> None:
    os.chown(served / path, NOBODY, -1)

    ran = macchiato("run", folder=served / "app")

    assert ran == Ran(
        3,
        "",
        f"error: {served / path} belongs to nobody, and you are root\n"
        "  what is in a project runs with your rights: make it yours only if you trust it\n"
        f"  try: chown -hR root {served}\n",
    )
    assert not (home / "was-run").exists()


@needs_root
def test_nothing_is_added_to_somebody_else_s_project(macchiato: Macchiato, project: Path) -> None:
    os.chown(project / ".macchiato/project.yml", NOBODY, -1)
    before = snapshot(project)

    assert macchiato("add-namespace", "chat", "-q", folder=project).code == 3
    assert snapshot(project) == before


@needs_root
def test_whose_the_interpreter_behind_the_environment_is_does_not_matter(
    macchiato: Macchiato, served: Path, home: Path
) -> None:
    (served / ".venv/bin/python").rename(home / "python")
    (served / ".venv/bin/python").symlink_to(home / "python")
    os.chown(home / "python", NOBODY, -1)

    assert macchiato("run", folder=served) == Ran(0, "", "")
    assert (home / "was-run").exists()


@needs_root
def test_under_sudo_a_project_of_the_user_who_called_it_will_do(
    macchiato: Macchiato, served: Path, home: Path
) -> None:
    for path in [served, *served.rglob("*")]:
        os.chown(path, NOBODY, -1, follow_symlinks=False)

    assert macchiato("run", folder=served, SUDO_UID=str(NOBODY + 1)).code == 3
    assert macchiato("run", folder=served, SUDO_UID="not a number").code == 3
    assert not (home / "was-run").exists()
    assert macchiato("run", folder=served, SUDO_UID=str(NOBODY)) == Ran(0, "", "")


def test_without_root_sudo_uid_means_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = os.geteuid()
    monkeypatch.setenv("SUDO_UID", str(ours))
    monkeypatch.setattr(os, "geteuid", lambda: 3_000_000)

    with pytest.raises(Refused) as caught:
        check_ours(tmp_path, ".")

    owner = pwd.getpwuid(ours).pw_name
    assert caught.value.code == "foreign_project"
    assert caught.value.message == f"{tmp_path} belongs to {owner}, and you are 3000000"
    assert caught.value.tries == (f"sudo chown -hR 3000000 {tmp_path}",)
    assert caught.value.paths == (str(tmp_path),)


def test_a_damaged_record_keeps_the_server_from_starting(
    macchiato: Macchiato, served: Path, home: Path
) -> None:
    (served / ".macchiato/project.yml").write_text("template: [")

    ran = macchiato("run", folder=served)

    assert (ran.code, ran.err.splitlines()[1]) == (3, "  it is not YAML")
    assert not (home / "was-run").exists()
