"""A team takes a later version: one wheel made the project, only the next one is there to update it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import commit, git, snapshot
from tests.later import CHECKOUT, LATER, edit, make_later
from tests.packaging.wheels import build_wheel, install_wheel, run


@pytest.fixture(scope="module")
def earlier_command(tmp_path_factory: pytest.TempPathFactory) -> str:
    """`macchiato` from this checkout's wheel."""
    return installed_command(CHECKOUT, tmp_path_factory.mktemp("earlier"))


@pytest.fixture(scope="module")
def later_command(tmp_path_factory: pytest.TempPathFactory) -> str:
    """`macchiato` from the next version's wheel."""
    folder = tmp_path_factory.mktemp("later")
    return installed_command(make_later(folder / "checkout"), folder)


def installed_command(checkout: Path, folder: Path) -> str:
    (folder / "wheel").mkdir()
    build_wheel(checkout, folder / "wheel")
    return str(install_wheel(folder / "wheel", folder / "environment") / "bin/macchiato")


def test_a_clone_is_updated_by_a_machine_that_only_has_the_next_version(
    earlier_command: str, later_command: str, tmp_path: Path
) -> None:
    demo, clone = tmp_path / "demo", tmp_path / "clone"
    run(earlier_command, "new", "demo", "--no-install", "--no-git", folder=tmp_path)
    run(earlier_command, "add-namespace", "chat", "--event", "typing", folder=demo)
    edit(demo / "app/core/connections.py", r"\Z", "\n# Mine: core.\n")
    edit(demo / "app/body_limit.py", r"\Z", "\n# Mine: moves.\n")
    edit(demo / "tests/test_logs.py", r"\Z", "\n# Mine: dropped by the template.\n")
    edit(demo / "clients/chat.py", r"\Z", "\n# Mine: namespace.\n")
    (demo / "app/own.py").write_text("OWN = 1\n")
    commit(demo, "Mine")
    git(tmp_path, "clone", "--quiet", str(demo), str(clone))

    run(later_command, "update", "--check", folder=clone, code=3)
    run(later_command, "update", folder=clone)
    run(later_command, "update", "--check", folder=clone)

    status = git(clone, "status", "--porcelain", "--no-renames").splitlines()
    assert status == [
        " M .env.example",
        " M .macchiato/namespaces/chat.yml",
        " M .macchiato/namespaces/dev_user.yml",
        " M .macchiato/project.yml",
        " D app/body_limit.py",
        " M app/core/results.py",
        " M app/http.py",
        " M app/logs.py",
        " M app/settings.py",
        " M clients/chat.py",
        " M clients/dev_user.py",
        " D tests/test_chat.py",
        " D tests/test_dev_user.py",
        " M tests/test_settings.py",
        "?? app/body_size.py",
        "?? app/later/",
        "?? scripts/later",
        "?? tests/test_chat_socket.py",
        "?? tests/test_dev_user_socket.py",
    ]
    for path, mine in {
        "app/core/connections.py": "# Mine: core.",
        "app/body_size.py": "# Mine: moves.",
        "tests/test_logs.py": "# Mine: dropped by the template.",
        "clients/chat.py": "# Mine: namespace.",
    }.items():
        assert (clone / path).read_text().endswith(f"\n{mine}\n")
    assert (clone / "clients/chat.py").read_text().startswith("# Later.\n")
    assert (clone / "app/later/greeting.py").read_text().endswith('GREETING = "hello"\n')
    # It is a project of the later version now: it runs, and its tests say so.
    tests = ("tests/test_chat_socket.py", "tests/test_dev_user_socket.py", "tests/test_settings.py")
    run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, folder=clone)


def test_a_project_that_nobody_edited_becomes_what_the_next_version_makes(
    earlier_command: str, later_command: str, tmp_path: Path
) -> None:
    for command, folder in ((earlier_command, "old"), (later_command, "new")):
        (tmp_path / folder).mkdir()
        run(command, "new", "demo", "--no-install", "--no-git", folder=tmp_path / folder)
        run(
            command,
            "add-namespace",
            "chat",
            "--event",
            "typing",
            "--public",
            folder=tmp_path / folder / "demo",
        )
    assert LATER not in (tmp_path / "old/demo/.macchiato/project.yml").read_text()

    run(later_command, "update", folder=tmp_path / "old/demo")

    assert snapshot(tmp_path / "old/demo") == snapshot(tmp_path / "new/demo")
