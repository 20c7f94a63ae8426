"""`macchiato update`: later templates reach projects that their owners changed meanwhile."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from macchiato_cli import __version__
from macchiato_cli.templates import released, templates_root
from tests.cli.conftest import Macchiato, Ran, commit, git, made_by, make_home, snapshot
from tests.later import LATER, edit

MERGED = f"""\
comparing with the templates ...
updated   .env.example
merged    app/body_size.py (was app/body_limit.py)
updated   app/core/results.py
updated   app/http.py
added     app/later/__init__.py
added     app/later/greeting.py
merged    app/logs.py
updated   app/settings.py
kept      app/users.py: you deleted it
added     scripts/later
kept      tests/test_logs.py: you edited it; the template has it no more
updated   tests/test_settings.py
yours     tests/test_tokens.py
updated   clients/dev_user.py
updated   tests/test_dev_user_socket.py (was tests/test_dev_user.py)
updated   .macchiato/project.yml
updated   .macchiato/namespaces/dev_user.yml
unchanged some files

Next:
  cd demo
  git diff
  scripts/test
  git add --all && git commit -m "Update to macchiato {LATER}"
"""


@pytest.fixture(scope="module")
def fresh(
    rendered: Path, later_checkout: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, str]]:
    """What a new project is with this version, and with the later one; without a secret."""
    folder = tmp_path_factory.mktemp("fresh")
    later = Macchiato(folder, make_home(folder / "home"))
    later.environment["PYTHONPATH"] = str(later_checkout)
    assert later("new", "later/demo", "--no-install", "--no-git", "-q").code == 0
    new = [shutil.copytree(rendered, folder / "new/demo", symlinks=True), folder / "later/demo"]
    for project in new:
        (project / ".env").unlink()
    return [snapshot(project) for project in new]


@pytest.mark.parametrize("version", sorted({*released(templates_root()), __version__}))
def test_a_project_that_nobody_edited_becomes_what_a_new_one_is(
    macchiato: Macchiato, later: Macchiato, work: Path, fresh: list[dict[str, str]], version: str
) -> None:
    demo = made_by(version, work / "demo")
    for command, new in zip((macchiato, later), fresh, strict=True):
        ran = command("update", "-q", folder=demo)

        assert ran == Ran(0, "", "")
        assert snapshot(demo) == new


def uncounted(said: str) -> str:
    """What was said, whatever number of files the templates have."""
    return re.sub(r"^unchanged \d+ files$", "unchanged some files", said, flags=re.MULTILINE)


def test_what_the_owner_did_and_what_the_template_did_are_both_there(
    later: Macchiato, repository: Path, work: Path
) -> None:
    edit(repository / "app/body_limit.py", r"\Z", "\n# Mine.\n")
    edit(repository / "app/logs.py", r'\A"""', '"""Mine: ')
    edit(repository / "tests/test_logs.py", r"\Z", "\n# Mine.\n")
    edit(repository / "tests/test_tokens.py", r"\Z", "\n# Mine.\n")
    (repository / "app/users.py").unlink()
    commit(repository, "Mine")

    ran = later("update", folder=repository / "scripts")

    assert uncounted(ran.out) == MERGED.replace("cd demo", f"cd {repository}")
    assert (ran.code, ran.err) == (0, "")
    assert (repository / "app/body_size.py").read_text().endswith("\n# Mine.\n")
    logs = (repository / "app/logs.py").read_text()
    assert logs.startswith('"""Mine: ')
    assert logs.endswith("# The end.\n")
    assert (repository / "app/later/greeting.py").read_text().endswith('GREETING = "hello"\n')
    assert os.access(repository / "scripts/later", os.X_OK)
    assert not (repository / "app/body_limit.py").exists()
    assert not (repository / "app/users.py").exists()
    assert [path.name for path in repository.glob(".macchiato*")] == [".macchiato"]


@pytest.mark.parametrize("has_environment", [True, False])
@pytest.mark.parametrize("has_conflict", [True, False])
def test_packages_that_the_later_version_needs_are_installed_next(
    macchiato: Macchiato, work: Path, has_environment: bool, has_conflict: bool
) -> None:
    project = made_by("0.2.0", work / "demo")
    if has_environment:
        (project / ".venv/bin").mkdir(parents=True)
        (project / ".venv/bin/python").touch()
    if has_conflict:
        edit(project / "pyproject.toml", '"argon2-cffi>=25.1",', '"argon2-cffi>=25.2",')
    commit(project, "Start")

    ran = macchiato("update", folder=project)

    make = [] if has_environment else [f"{sys.executable} -m venv --upgrade-deps .venv"]
    following = (ran.err if has_conflict else ran.out).split("git diff\n")[1].splitlines()
    assert [line.strip() for line in following] == [
        *(["git add -- pyproject.toml"] if has_conflict else []),
        *make,
        ".venv/bin/python -m pip install -e '.[dev]'",
        "scripts/test",
        f'git add --all && git commit -m "Update to macchiato {__version__}"',
    ]


def test_a_second_update_has_nothing_to_do(later: Macchiato, repository: Path) -> None:
    assert later("update", "-q", folder=repository) == Ran(0, "", "")
    before = snapshot(repository)

    again = later("update", folder=repository)

    assert again == Ran(
        0,
        f"comparing with the templates ...\nunchanged everything is from macchiato {LATER}\n",
        "",
    )
    assert snapshot(repository) == before


def test_check_says_whether_the_project_is_behind_and_writes_nothing(
    macchiato: Macchiato, later: Macchiato, project: Path
) -> None:
    before = snapshot(project)

    assert macchiato("update", "--check", "-q", folder=project) == Ran(0, "", "")
    assert later("update", "--check", "-q", folder=project) == Ran(
        3,
        "",
        f"error: this project is behind macchiato {LATER}\n"
        f"  the project is from {__version__}\n"
        f"  namespace devUser is from {__version__}\n"
        "  try: macchiato update\n",
    )
    assert snapshot(project) == before


def test_a_dry_run_shows_every_difference_and_writes_nothing(later: Macchiato, project: Path) -> None:
    before = snapshot(project)

    ran = later("update", "--dry-run", folder=project)

    assert (ran.code, ran.err) == (0, "")
    end = "unchanged some files\nnote      this was a dry run: nothing was written\n"
    assert uncounted(ran.out).endswith(end)
    assert (
        "added     app/later/greeting.py\n"
        "--- /dev/null\n"
        "+++ app/later/greeting.py\n"
        "@@ -0,0 +1,3 @@\n"
        '+"""What the later version adds."""\n'
        "+\n"
        '+GREETING = "hello"\n'
    ) in ran.out
    assert "updated   app/body_size.py (was app/body_limit.py)\n" in ran.out
    assert "removed   tests/test_logs.py\n--- tests/test_logs.py\n+++ /dev/null\n" in ran.out
    assert snapshot(project) == before


def test_json_names_every_file_and_what_became_of_it(later: Macchiato, repository: Path) -> None:
    edit(repository / "app/settings.py", r"= 3000", "= 4000")
    commit(repository, "Mine")
    tracked = set(git(repository, "ls-files").split())

    ran = later("update", "--json", folder=repository)

    result = json.loads(ran.out)
    files = {file.pop("path"): file for file in result.pop("files")}
    assert ran.code == 4
    line = (repository / "app/settings.py").read_text().partition("<<<<<<<")[0].count("\n") + 1
    assert result == {
        "ok": False,
        "code": "conflicts",
        "exit_code": 4,
        "message": "updated, with conflicts in 1 of your files",
        "reasons": [
            f"app/settings.py:{line}",
            "from <<<<<<< to >>>>>>> keep what is right, then remove the marks",
        ],
        "paths": ["app/settings.py"],
        "try": [
            "git diff",
            "git add -- app/settings.py",
            "scripts/test",
            f'git add --all && git commit -m "Update to macchiato {LATER}"',
        ],
        "command": "update",
        "dry_run": False,
        "from": {"the project": __version__, "namespace devUser": __version__},
        "to": LATER,
    }
    assert files["app/settings.py"] == {"kind": "conflict"}
    assert files["app/body_size.py"] == {"kind": "updated", "was": "app/body_limit.py"}
    assert files["app/main.py"] == {"kind": "unchanged"}
    assert tracked == {file.get("was", path) for path, file in files.items() if file["kind"] != "added"}


def test_a_new_namespace_is_of_the_projects_own_version(
    later: Macchiato, macchiato: Macchiato, project: Path, work: Path
) -> None:
    shutil.copytree(project, work / "other")

    chat = ("add-namespace", "chat", "--event", "say(to: int, text: str = 'hi')", "-q")
    assert later(*chat, folder=project).code == 0
    assert macchiato(*chat, folder=work / "other").code == 0

    assert snapshot(project) == snapshot(work / "other")
    said = (project / "app/namespaces/chat.py").read_text()
    assert later("update", "-q", folder=project) == Ran(0, "", "")
    # What is sent with its event is known to the later version, too.
    assert (project / "app/namespaces/chat.py").read_text() == said
    assert '    to: int,\n    text: str = "hi",\n' in said
    assert (project / "clients/chat.py").read_text().startswith("# Later.\n")
    assert (project / "tests/test_chat_socket.py").is_file()


def test_a_namespace_of_its_own_version_is_brought_forward_alone(later: Macchiato, project: Path) -> None:
    assert later("update", "-q", folder=project).code == 0
    record = project / ".macchiato/namespaces/dev_user.yml"
    record.write_text(record.read_text().replace(LATER, __version__))
    shutil.move(project / "tests/test_dev_user_socket.py", project / "tests/test_dev_user.py")
    (project / "app/main.py").write_text("# Not touched: the project's own files are up to date.\n")

    ran = later("update", folder=project)

    assert ran.code == 0
    assert ran.out.startswith(
        "comparing with the templates ...\n"
        "updated   tests/test_dev_user_socket.py (was tests/test_dev_user.py)\n"
        "updated   .macchiato/namespaces/dev_user.yml\n"
        "unchanged 3 files\n"
    )
