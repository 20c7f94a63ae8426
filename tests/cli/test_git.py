"""The first commit: what is in it, and when there is none."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from macchiato_cli import __version__
from tests.cli.conftest import Macchiato, Ran


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_everything_but_the_secret_is_committed_on_main(macchiato: Macchiato, work: Path) -> None:
    ran = macchiato("new", "demo", "--no-install")

    assert ran.code == 0
    assert f"committed Start demo from macchiato {__version__}, on main\n" in ran.out
    demo = work / "demo"
    assert git(demo, "log", "--format=%an <%ae> %s") == (
        f"Ada <ada@example.com> Start demo from macchiato {__version__}\n"
    )
    assert git(demo, "branch", "--show-current") == "main\n"
    files = {path.relative_to(demo).as_posix() for path in demo.rglob("*") if path.is_file()}
    files = {path for path in files if not path.startswith(".git/")}
    assert set(git(demo, "ls-files").splitlines()) == files - {".env"}
    assert git(demo, "status", "--porcelain") == ""
    assert git(demo, "check-ignore", ".env", ".venv/x") == ".env\n.venv/x\n"


def test_inside_another_repository_there_is_a_note_and_no_commit(macchiato: Macchiato, work: Path) -> None:
    git(work, "init", "-q")

    ran = macchiato("new", "deep/demo", "--no-install")

    assert ran.code == 0
    assert f"note      no git repository was made: it is inside the git repository of {work}\n" in ran.out
    assert not (work / "deep/demo/.git").exists()


def test_inside_a_bare_repository_there_is_a_note_and_no_commit(macchiato: Macchiato, work: Path) -> None:
    git(work, "init", "-q", "--bare", "x.git")

    ran = macchiato("new", "x.git/demo", "--no-install")

    assert ran.code == 0
    assert f"note      no git repository was made: it is inside the git repository {work}/x.git\n" in ran.out
    assert not (work / "x.git/demo/.git").exists()


def test_without_git_there_is_a_note(macchiato: Macchiato, work: Path, home: Path) -> None:
    ran = macchiato("new", "demo", "--no-install", PATH=str(home))

    assert ran.code == 0
    assert "note      no git repository was made: git is not installed\n" in ran.out


def test_without_an_identity_there_is_a_note_and_what_to_type(
    macchiato: Macchiato, work: Path, home: Path
) -> None:
    (home / ".gitconfig").unlink()

    ran = macchiato("new", "demo", "--no-install")

    assert (ran.code, ran.err) == (0, "")
    assert (
        "note      no git repository was made: git does not know your user.name and user.email\n" in ran.out
    )
    assert (
        "Next:\n"
        "  cd demo\n"
        "  git config --global user.name 'Your Name'\n"
        "  git config --global user.email you@example.com\n"
        "  git init -b main\n"
        "  git add --all\n"
        f"  git commit -m 'Start demo from macchiato {__version__}'\n"
    ) in ran.out
    assert not (work / "demo/.git").exists()


def test_half_of_an_identity_is_kept(macchiato: Macchiato, work: Path, home: Path) -> None:
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n")

    ran = macchiato("new", "demo", "--no-install", "--json")

    found = json.loads(ran.out)
    assert (ran.code, found["done"]) == (0, [])
    assert found["notes"] == ["no git repository was made: git does not know your user.email"]
    assert found["next"][:3] == [
        "cd demo",
        "git config --global user.email you@example.com",
        "git init -b main",
    ]
    assert not (work / "demo/.git").exists()


def test_without_an_identity_a_failing_installation_is_told_with_both_remedies(
    macchiato: Macchiato, work: Path, home: Path
) -> None:
    (home / ".gitconfig").unlink()
    (home / "bin").mkdir()
    (home / "bin/uv").write_text("#!/bin/sh\nexit 1\n")
    (home / "bin/uv").chmod(0o755)

    ran = macchiato("new", "demo", "--json", PATH=f"{home}/bin:/usr/bin:/bin")

    found = json.loads(ran.out)
    assert (ran.code, found["code"]) == (1, "install_failed")
    assert found["notes"] == ["no git repository was made: git does not know your user.name and user.email"]
    assert found["try"][:4] == [
        "cd demo",
        "git config --global user.name 'Your Name'",
        "git config --global user.email you@example.com",
        "git init -b main",
    ]
    assert found["try"][-1].startswith("uv pip install ")


def test_another_repository_in_the_environment_is_left_alone(macchiato: Macchiato, work: Path) -> None:
    other = work / "other"
    other.mkdir()
    git(other, "init", "-q")

    ran = macchiato(
        "new",
        "demo",
        "--no-install",
        "-q",
        GIT_DIR=str(other / ".git"),
        GIT_WORK_TREE=str(other),
        GIT_INDEX_FILE=str(other / "index"),
    )

    assert ran == Ran(0, "", "")
    assert git(work / "demo", "rev-list", "--count", "HEAD") == "1\n"
    assert git(other, "rev-list", "--count", "--all") == "0\n"


def test_hooks_and_signatures_of_the_user_s_do_not_stop_the_commit(
    macchiato: Macchiato, work: Path, home: Path
) -> None:
    hooks = home / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    with (home / ".gitconfig").open("a") as config:
        config.write(f"[core]\n\thooksPath = {hooks}\n[commit]\n\tgpgSign = true\n")

    assert macchiato("new", "demo", "--no-install", "-q") == Ran(0, "", "")
    assert git(work / "demo", "rev-list", "--count", "HEAD") == "1\n"


def test_a_failing_git_keeps_the_project_and_says_what_to_type(
    macchiato: Macchiato, work: Path, home: Path
) -> None:
    fake = home / "bin"
    fake.mkdir()
    (fake / "git").write_text(
        '#!/bin/sh\ncase " $* " in *" commit --"*) echo "fatal: no room" >&2; exit 128;; esac\n'
        'exec /usr/bin/git "$@"\n'
    )
    (fake / "git").chmod(0o755)

    ran = macchiato("new", "demo", "--no-install", "-q", PATH=f"{fake}:/usr/bin:/bin")

    assert ran == Ran(
        1,
        "",
        "error: demo is complete, but git could not commit\n"
        f"  git commit --quiet --message 'Start demo from macchiato {__version__}' ended with 128\n"
        "  fatal: no room\n"
        "  try: cd demo\n"
        "       git init -b main\n"
        "       git add --all\n"
        f"       git commit -m 'Start demo from macchiato {__version__}'\n",
    )
    assert (work / "demo/.macchiato/project.yml").is_file()
