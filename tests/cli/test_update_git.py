"""`macchiato update` and git: what a repository was told to do, and not to see, loses and starts nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Macchiato, Ran, commit, git, snapshot
from tests.later import edit

REFUSED = (
    "error: files that would be changed hold edits of yours that are not committed\n"
    "  app/settings.py\n"
    '  try: git add --all\n       git commit -m "Before the update"\n       macchiato update\n'
)


def conflict(repository: Path) -> Path:
    """An edit that the later version contradicts."""
    edit(repository / "app/settings.py", r"le=65535\)\] = 3000", "le=65535)] = 4000")
    return repository / "app/settings.py"


def trap(folder: Path) -> tuple[Path, Path]:
    """A program that nobody may start, and the file that is there once somebody did."""
    program, sprung = folder / "trap", folder / "sprung"
    program.write_text(f"#!/bin/sh\ntouch {sprung}\ncat\n")
    program.chmod(0o755)
    return program, sprung


@pytest.mark.parametrize("command", [["update", "--dry-run"], ["update"], ["update", "--check"], ["doctor"]])
def test_no_program_that_a_repository_names_is_started(
    later: Macchiato, repository: Path, work: Path, command: list[str]
) -> None:
    conflict(repository)
    commit(repository, "Mine")
    program, sprung = trap(work)
    for setting in (
        "filter.x.clean",
        "filter.x.smudge",
        "filter.x.process",
        "core.fsmonitor",
        "diff.x.textconv",
    ):
        git(repository, "config", setting, str(program))
    git(repository, "config", "diff.external", str(program))
    git(repository, "config", "filter.x.required", "true")
    git(repository, "config", "core.hooksPath", str(work / "hooks"))
    (work / "hooks").mkdir()
    for hook in ("post-index-change", "pre-commit", "post-checkout"):
        shutil.copy(program, work / "hooks" / hook)
    (repository / ".git/info/attributes").write_text("* filter=x diff=x\n")
    (repository / "app/settings.py").touch()  # git does not trust what it remembers of it.

    later(*command, folder=repository)

    assert not sprung.exists()
    subprocess.run(["git", "status"], cwd=repository, capture_output=True)
    assert sprung.exists(), "the trap itself does not work"


def test_a_file_that_git_would_fetch_is_not_fetched(later: Macchiato, repository: Path, work: Path) -> None:
    conflict(repository)
    commit(repository, "Mine")
    program, sprung = trap(work)
    git(repository, "config", "remote.origin.url", f"ext::{program}")
    git(repository, "config", "remote.origin.promisor", "true")
    git(repository, "config", "protocol.ext.allow", "always")
    tree = git(repository, "rev-parse", "HEAD:app").strip()
    (repository / ".git/objects" / tree[:2] / tree[2:]).unlink()

    ran = later("update", "-q", folder=repository)

    assert ran.code == 3
    assert not sprung.exists()


def test_a_folder_that_only_looks_like_a_repository_is_none(
    later: Macchiato, project: Path, work: Path
) -> None:
    """A bare repository can be inside of any other, and bring its own configuration along."""
    conflict(project)
    program, sprung = trap(work)
    git(project, "init", "--quiet", "--bare", ".")
    git(project, "config", "core.bare", "false")
    git(project, "config", "core.worktree", str(project))
    git(project, "config", "filter.x.clean", str(program))
    before = snapshot(project)

    ran = later("update", "-q", folder=project, GIT_CEILING_DIRECTORIES=str(work))

    assert ran.code == 3
    assert "cannot use bare repository" in ran.err
    assert snapshot(project) == before
    assert not sprung.exists()


@pytest.mark.parametrize("told", ["--assume-unchanged", "--skip-worktree"])
def test_an_edit_that_git_was_told_not_to_see_is_seen(later: Macchiato, repository: Path, told: str) -> None:
    git(repository, "update-index", told, "app/settings.py")
    settings = conflict(repository)
    mine = settings.read_text()

    assert later("update", "-q", folder=repository) == Ran(3, "", REFUSED)

    assert settings.read_text() == mine


def test_a_warning_of_git_hides_no_edit(later: Macchiato, repository: Path) -> None:
    (repository / ".gitignore").unlink()
    (repository / ".gitignore").symlink_to("README.md")  # git warns of it, and reads it not.
    conflict(repository)

    ran = later("update", "-q", folder=repository)

    assert ran.code == 3
    assert "  app/settings.py\n" in ran.err


def test_an_edit_of_the_record_is_not_lost_either(later: Macchiato, repository: Path) -> None:
    record = repository / ".macchiato/project.yml"
    record.write_text(f"{record.read_text()}# Do not forget the milk.\n")

    ran = later("update", "-q", folder=repository)

    assert ran == Ran(3, "", REFUSED.replace("app/settings.py", ".macchiato/project.yml"))
    commit(repository, "Mine")
    assert later("update", "-q", folder=repository) == Ran(0, "", "")


def test_files_left_out_of_a_sparse_checkout_are_not_taken_for_deleted(
    later: Macchiato, repository: Path
) -> None:
    git(repository, "sparse-checkout", "set", "--no-cone", "/*", "!/app/logs.py")
    assert not (repository / "app/logs.py").exists()

    ran = later("update", "-q", folder=repository)

    assert ran == Ran(
        3,
        "",
        "error: files of the project are not checked out\n"
        "  app/logs.py\n"
        "  try: git sparse-checkout disable\n"
        "       macchiato update\n",
    )
    git(repository, "sparse-checkout", "disable")
    assert later("update", "-q", folder=repository) == Ran(0, "", "")


@pytest.mark.parametrize("kind", ["crlf in the work tree", "sha256", "not UTF-8"])
def test_conflicts_are_in_the_index_of_each_kind_of_repository(
    later: Macchiato, project: Path, work: Path, kind: str
) -> None:
    if kind == "not UTF-8":
        parent = work / b"caf\xe9".decode(errors="surrogateescape")
        parent.mkdir()
        git(parent, "init", "--quiet", ".")
        project = Path(shutil.move(project, parent / "demo"))
    else:
        git(project, "init", "--quiet", *(["--object-format=sha256"] if kind == "sha256" else []))
    if kind == "crlf in the work tree":
        git(project, "config", "core.autocrlf", "true")
        for path in (project / "app").rglob("*.py"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    settings = project / "app/settings.py"
    settings.write_bytes(settings.read_bytes().replace(b"le=65535)] = 3000", b"le=65535)] = 4000"))
    commit(project, "Mine")

    ran = later("update", folder=project)

    assert ran.code == 4
    assert "git was not told" not in ran.out
    stages = [git(project, "show", f":{stage}:./app/settings.py") for stage in (1, 2, 3)]
    assert [[f"= {port}" in stage for port in (3000, 4000, 3100)] for stage in stages] == [
        [True, False, False],
        [False, True, False],
        [False, False, True],
    ]
    assert not any("\r" in stage for stage in stages)


def test_a_git_of_the_current_folder_is_not_started(later: Macchiato, repository: Path, work: Path) -> None:
    conflict(repository)
    commit(repository, "Mine")
    program, sprung = trap(work)
    shutil.copy(program, repository / "git")

    ran = later("update", folder=repository, PATH=".::/usr/bin:/bin")

    assert ran.code == 4
    assert not sprung.exists()
