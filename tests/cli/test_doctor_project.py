"""What the doctor finds in the project's files: its secret, its repository, its templates."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from macchiato_cli import __version__
from macchiato_cli.doctor import git as git_check
from macchiato_cli.doctor.check import Check, broken, note, ok
from macchiato_cli.doctor.env_file import check_env_file
from macchiato_cli.doctor.template import check_template
from macchiato_cli.errors import MacchiatoError
from tests.cli.conftest import Macchiato, git


def look(root: Path) -> tuple[Check, Check]:
    """The checks of .env and of git."""
    with ExitStack() as stack:
        repository = git_check.start_git(root, stack)()
        return check_env_file(root, repository), repository.check()


def test_without_a_repository_there_is_a_note_and_how_to_make_one(project: Path) -> None:
    env_file, repository = look(project)

    assert env_file == ok(".env", "only you can read it (0600), and git does not have it")
    tries = ["git init -b main", "git add --all", "git commit -m Start"]
    assert repository == note("git", "the project is in no repository", tries)


def test_before_the_first_commit_there_is_a_note(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(project, "init", "-q")
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # As in a hook of another repository.

    assert look(project)[1] == note(
        "git", "nothing is committed yet", ["git add --all", "git commit -m Start"]
    )


def test_changes_are_counted_in_the_project_only(repository: Path) -> None:
    inner = repository / "inner"
    inner.mkdir()
    (repository / "outside").touch()
    (inner / "new").touch()
    (inner / ".env").touch(mode=0o600)
    git(repository, "add", "--force", "inner/.env")

    assert look(inner) == (
        broken(
            ".env",
            "git tracks it, so whoever gets the code gets the secret",
            look(inner)[0].tries,
        ),
        ok("git", "on main, 2 uncommitted changes"),
    )


def test_an_env_file_that_git_would_add_is_a_note(repository: Path) -> None:
    (repository / ".gitignore").write_text("")

    assert look(repository)[0].found == "git does not ignore it: the next `git add` takes it"


def test_unmerged_files_are_broken(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "other")
    (repository / "README.md").write_text("theirs\n")
    git(repository, "commit", "-qam", "Theirs")
    git(repository, "checkout", "-q", "main")
    (repository / "README.md").write_text("ours\n")
    git(repository, "commit", "-qam", "Ours")
    subprocess.run(["git", "merge", "other"], cwd=repository, capture_output=True, check=False)

    assert look(repository)[1] == broken("git", "not merged yet: README.md", ["git status"])


def test_without_git_there_is_a_note(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    assert look(project)[1].state == "note"
    assert look(project)[1].found.startswith("not installed")


def test_a_missing_env_file_is_broken_unless_the_environment_has_the_secret(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".env").unlink()
    monkeypatch.delenv("TOKEN_SECRET", raising=False)

    without = look(project)[0]
    monkeypatch.setenv("TOKEN_SECRET", "x")

    assert without == broken(
        ".env", "not there, and TOKEN_SECRET is not in the environment", ["scripts/setup"]
    )
    assert look(project)[0] == ok(".env", "not there: the settings come from the environment")


# The template.


def test_files_of_the_owner_s_are_counted(project: Path) -> None:
    for path in ("app/http.py", "app/namespaces/dev_user.py"):
        (project / path).write_text((project / path).read_text() + "# mine\n")
    (project / "Dockerfile").unlink()
    readme = project / "README.md"
    readme.write_bytes(readme.read_bytes().replace(b"\n", b"\r\n"))

    found = check_template(project)

    # Without Dockerfile, but with .env and the records, of which there are two.
    count = sum(path.is_file() for path in project.rglob("*")) - 2
    assert found == ok("template", f"{__version__}, 2 of {count} files edited by you, 1 deleted")


def test_conflict_marks_in_generated_files_are_broken(project: Path) -> None:
    text = (project / "app/main.py").read_text()
    marks = "<<<<<<< ours\na\n||||||| 0.1.0\n=======\nb\n>>>>>>> 0.2.0\n"
    (project / "app/main.py").write_text(f"{text}{marks}")
    (project / "README.md").write_text(f"1\n2\n{marks}{marks}")
    (project / "own.py").write_text(marks)

    found = check_template(project)

    line = text.count("\n") + 1
    places = ", ".join(sorted(["README.md:3", f"app/main.py:{line}"]))
    assert found == broken("template", f"conflicts are left to resolve: {places}", ["git diff"])


def test_a_project_of_an_earlier_version_asks_for_an_update(later: Macchiato, project: Path) -> None:
    ran = later("doctor", folder=project)

    line = f"template      note    {__version__}, every file as it was made; this is macchiato 99.0.0\n"
    assert f"{line}                      try: macchiato update\n" in ran.out


def test_a_version_that_never_was_is_told(project: Path) -> None:
    record = project / ".macchiato/project.yml"
    record.write_text(record.read_text().replace(__version__, "0.0.1"))

    with pytest.raises(MacchiatoError, match=r"there are no templates of macchiato 0\.0\.1"):
        check_template(project)


def test_a_project_of_a_later_version_asks_for_a_later_macchiato(project: Path) -> None:
    record = project / ".macchiato/project.yml"
    record.write_text(record.read_text().replace(__version__, "99.0.0"))

    with pytest.raises(MacchiatoError) as caught:
        check_template(project)

    assert caught.value.message == f"{record} was written by macchiato 99.0.0, and this is {__version__}"


def test_what_never_ends_counts_as_edited_and_is_not_read(project: Path) -> None:
    for path in ("app/http.py", "README.md", "Dockerfile"):
        (project / path).unlink()
    os.mkfifo(project / "app/http.py")
    (project / "README.md").symlink_to("/dev/zero")
    with (project / "Dockerfile").open("wb") as stream:
        stream.truncate(10_000_000_000)

    assert ", 3 of " in check_template(project).found
