"""`macchiato update` where it must not write, or only with care: a clear outcome, and nothing is lost."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from macchiato_cli import __version__
from macchiato_cli.templates import released, templates_root, version_key
from tests.cli.conftest import Macchiato, Ran, commit, git, made_by, snapshot
from tests.later import LATER, edit

# The released versions, and this one, which may be about to be.
KNOWN = ", ".join(sorted({*released(templates_root()), __version__}, key=version_key))
ALL_COMMITTED = '  try: git add --all\n       git commit -m "Before the update"\n       macchiato update\n'


def conflict(repository: Path) -> Path:
    """An edit that the later version contradicts."""
    edit(repository / "app/settings.py", r"le=65535\)\] = 3000", "le=65535)] = 4000")
    return repository / "app/settings.py"


def refused(command: Macchiato, project: Path, *expected: str, **variables: str) -> None:
    """The update is refused in these words, and has changed nothing."""
    before = snapshot(project)
    ran = command("update", "-q", folder=project, **variables)
    assert ran == Ran(3, "", "".join(expected))
    assert snapshot(project) == before


@pytest.mark.parametrize("state", ["edited", "staged", "untracked", "ignored", "unborn", "no repository"])
def test_edits_that_git_does_not_have_are_not_merged_into(
    later: Macchiato, project: Path, state: str
) -> None:
    reason = ""
    if state in ("edited", "staged"):
        commit(project, "Start")
        conflict(project)
        if state == "staged":
            git(project, "add", "--all")
    elif state in ("untracked", "ignored"):
        if state == "ignored":
            edit(project / ".gitignore", r"\Z", "/app/settings.py\n")
        commit(project, "Start")
        git(project, "rm", "--quiet", "--cached", "--ignore-unmatch", "app/settings.py")
        git(project, "commit", "--quiet", "--allow-empty", "--message", "Not settings.py")
        conflict(project)
    elif state == "unborn":
        git(project, "init", "--quiet")
        conflict(project)
        reason = "  the repository has no commit yet\n"
    else:
        conflict(project)
        reason = "  fatal: not a git repository (or any of the parent directories): .git\n"

    tries = ALL_COMMITTED
    if state == "no repository":
        tries = ALL_COMMITTED.replace("try: ", "try: git init -b main\n       ")
    refused(
        later,
        project,
        "error: files that would be changed hold edits of yours that are not committed\n",
        "  app/settings.py\n",
        reason,
        tries,
        # A repository above it, if there is one, is none of ours.
        GIT_CEILING_DIRECTORIES=str(project.parent),
    )


def test_edits_are_not_merged_without_git(later: Macchiato, repository: Path, work: Path) -> None:
    conflict(repository)
    commit(repository, "Mine")
    refused(
        later,
        repository,
        "error: git is not installed, and your edits cannot be merged without it\n",
        "  nothing was written; git is at https://git-scm.com\n",
        PATH=str(work),
    )


@pytest.mark.parametrize("repository_is", ["absent", "unborn", "dirty elsewhere"])
def test_what_nobody_edited_is_updated_whatever_git_knows(
    later: Macchiato, project: Path, repository_is: str
) -> None:
    if repository_is == "unborn":
        git(project, "init", "--quiet")
    if repository_is == "dirty elsewhere":
        commit(project, "Start")
        edit(project / "app/main.py", r"\Z", "\n# Not committed, and not touched by the template.\n")
    main = (project / "app/main.py").read_bytes()

    assert later("update", "-q", folder=project, PATH="/usr/bin:/bin") == Ran(0, "", "")

    assert (project / "app/later/greeting.py").is_file()
    assert (project / "app/main.py").read_bytes() == main


def test_conflicts_are_left_in_the_file_and_in_gits_index_until_they_are_resolved(
    later: Macchiato, repository: Path
) -> None:
    settings = conflict(repository)
    commit(repository, "Mine")
    mine = settings.read_text()

    ran = later("update", "-q", folder=repository)

    marked = settings.read_text()
    line = marked[: marked.index("<<<<<<<")].count("\n") + 1
    where = (
        f"  app/settings.py:{line}\n"
        "  from <<<<<<< to >>>>>>> keep what is right, then remove the marks\n"
        "  try: git diff\n       git add -- app/settings.py\n"
    )
    finish = f'       scripts/test\n       git add --all && git commit -m "Update to macchiato {LATER}"\n'
    assert ran == Ran(4, "", f"error: updated, with conflicts in 1 of your files\n{where}{finish}")
    assert (
        "<<<<<<< yours\n"
        "    port: Annotated[int, Field(ge=1, le=65535)] = 4000\n"
        f"||||||| macchiato {__version__}\n"
        "    port: Annotated[int, Field(ge=1, le=65535)] = 3000\n"
        "=======\n"
        "    port: Annotated[int, Field(ge=1, le=65535)] = 3100\n"
        f">>>>>>> macchiato {LATER}\n"
    ) in marked
    stages = [git(repository, "show", f":{stage}:app/settings.py") for stage in (1, 2, 3)]
    assert stages == [mine.replace("4000", "3000"), mine, mine.replace("4000", "3100")]
    assert "UU app/settings.py\n" in git(repository, "status", "--porcelain")

    left = f"error: there are conflicts to resolve first\n{where}       macchiato update\n"
    refused(later, repository, left)
    assert later("update", "--check", "-q", folder=repository) == Ran(3, "", left)

    git(repository, "add", "--all")
    assert later("update", "--check", "-q", folder=repository) == Ran(3, "", left)
    settings.write_text(mine)
    assert later("update", "--check", "-q", folder=repository) == Ran(0, "", "")


def test_a_file_that_git_waits_for_keeps_the_update_from_starting(later: Macchiato, repository: Path) -> None:
    for branch, text in (("theirs", "one"), ("ours", "two")):
        git(repository, "switch", "--quiet", "--create", branch, "main")
        (repository / "notes.md").write_text(text)
        commit(repository, branch)
    with pytest.raises(Exception, match="merge"):
        git(repository, "merge", "theirs")
    (repository / "notes.md").write_text("both")

    refused(
        later,
        repository,
        "error: there are conflicts to resolve first\n  notes.md: git waits for it\n",
        "  try: git diff\n       git add -- notes.md\n       macchiato update\n",
    )


def test_a_project_below_the_top_of_its_repository_is_updated_as_any_other(
    later: Macchiato, project: Path, work: Path
) -> None:
    below = Path(shutil.move(project, work / "mono repo" / "späte-Post"))
    conflict(below)
    commit(work / "mono repo", "Mine")

    assert later("update", "-q", folder=below / "app/core").code == 4

    assert git(below, "ls-files", "--unmerged", "--full-name", "-z").split("\t")[-1] == (
        "späte-Post/app/settings.py\0"
    )
    stage = git(below, "show", ":2:./app/settings.py")
    assert "le=65535)] = 4000" in stage


def test_git_variables_of_another_repository_are_not_followed(
    later: Macchiato, repository: Path, work: Path
) -> None:
    other = work / "other"
    other.mkdir()
    (other / "file").write_text("theirs")
    commit(other, "Theirs")
    before = snapshot(other)
    conflict(repository)
    commit(repository, "Mine")

    ran = later(
        "update",
        "-q",
        folder=repository,
        GIT_DIR=str(other / ".git"),
        GIT_WORK_TREE=str(other),
        GIT_INDEX_FILE=str(other / ".git/index"),
    )

    assert ran.code == 4
    assert git(repository, "status", "--porcelain", "app/settings.py") == "UU app/settings.py\n"
    assert snapshot(other) == before


def test_windows_line_ends_stay_through_a_merge_and_a_conflict(later: Macchiato, repository: Path) -> None:
    conflict(repository)
    edit(repository / "app/logs.py", r'\A"""', '"""Mine: ')
    names = ("app/settings.py", "app/logs.py", "app/core/results.py", ".macchiato/project.yml")
    for path in (repository / name for name in names):
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    commit(repository, "Mine, on Windows")

    assert later("update", "-q", folder=repository).code == 4

    for path in (repository / name for name in names):
        content = path.read_bytes()
        assert content.count(b"\n") == content.count(b"\r\n") > 0
    assert b"Later: " in (repository / "app/core/results.py").read_bytes()
    assert (repository / "app/logs.py").read_bytes().endswith(b"# The end.\r\n")


@pytest.mark.parametrize("kind", ["link", "link outside", "folder", "binary", "large"])
def test_something_else_where_a_file_changes_stops_the_update(
    later: Macchiato, repository: Path, work: Path, kind: str
) -> None:
    place = repository / "app/logs.py"
    place.unlink()
    if kind == "link":
        place.symlink_to("main.py")
    elif kind == "link outside":
        (work / "outside.py").write_text("theirs")
        place.symlink_to(work / "outside.py")
    elif kind == "folder":
        place.mkdir()
    elif kind == "large":
        place.write_bytes(b"x\n" * (2 * 1024 * 1024 + 1))
    else:
        place.write_bytes(b"\0\1\2")
    commit(repository, "Mine")

    other = {"folder": "is a folder", "binary": "is not a text", "large": "is too large"}
    what = other.get(kind, "is a symbolic link")
    refused(
        later,
        repository,
        "error: the update cannot write where it has to\n",
        f"  app/logs.py {what}\n",
        "  nothing was written: move or remove these first\n",
    )


def test_a_folder_that_leads_out_of_the_project_stops_the_update(
    later: Macchiato, repository: Path, work: Path
) -> None:
    shutil.move(repository / "app/core", work / "core")
    (repository / "app/core").symlink_to(work / "core")
    before = snapshot(work / "core")

    ran = later("update", "-q", folder=repository)

    assert ran == Ran(
        3,
        "",
        "error: app/core leads out of the project\n"
        f"  it is a link to {work}/core\n"
        "  nothing is written outside of it\n",
    )
    assert snapshot(work / "core") == before


def test_a_folder_that_leads_into_git_s_own_stops_the_update(later: Macchiato, repository: Path) -> None:
    shutil.rmtree(repository / "scripts")
    (repository / "scripts").symlink_to(".git/hooks")

    refused(
        later,
        repository,
        "error: scripts is a link to .git/hooks\n  nothing is written through links: make it a folder\n",
    )


def test_a_text_about_conflict_marks_is_no_conflict(later: Macchiato, repository: Path) -> None:
    edit(repository / "README.md", r"\Z", "\nLook for\n<<<<<<< yours\nand\n>>>>>>> theirs\n")
    commit(repository, "Mine")

    assert later("update", "-q", folder=repository) == Ran(0, "", "")


def test_a_file_of_the_owners_where_one_is_added_becomes_a_conflict(
    later: Macchiato, repository: Path
) -> None:
    (repository / "app/later").mkdir()
    (repository / "app/later/greeting.py").write_text("MINE = 1\n")
    commit(repository, "Mine")

    assert later("update", "-q", folder=repository).code == 4

    assert (repository / "app/later/greeting.py").read_text() == (
        f"<<<<<<< yours\nMINE = 1\n||||||| macchiato {__version__}\n=======\n"
        '"""What the later version adds."""\n\nGREETING = "hello"\n'
        f">>>>>>> macchiato {LATER}\n"
    )
    assert git(repository, "show", ":2:app/later/greeting.py") == "MINE = 1\n"


def test_a_read_only_file_is_updated_and_stays_read_only(later: Macchiato, project: Path) -> None:
    (project / "app/logs.py").chmod(0o444)

    assert later("update", "-q", folder=project) == Ran(0, "", "")

    assert (project / "app/logs.py").read_text().endswith("# The end.\n")
    assert (project / "app/logs.py").stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (
            "99.0.1",
            "error: {path} was written by macchiato 99.0.1, and this is 99.0.0\n"
            "  try: uv tool upgrade macchiato-cli\n"
            "       pip install --upgrade macchiato-cli\n",
        ),
        (
            "0.0.7",
            "error: there are no templates of macchiato 0.0.7\n"
            f"  this is 99.0.0, and knows {KNOWN}\n"
            "  try: git log -- .macchiato\n",
        ),
        (
            "../0.1",
            'error: "project.yml" is not a record that macchiato wrote\n'
            "  its version is not one of macchiato's\n"
            "  it is {path}\n"
            "  try: git checkout -- {path}\n",
        ),
    ],
)
def test_a_version_that_is_not_known_is_refused(
    later: Macchiato, project: Path, version: str, expected: str
) -> None:
    path = project / ".macchiato/project.yml"
    edit(path, f"version: {__version__}", f"version: {version}")

    refused(later, project, expected.format(path=path))


@pytest.mark.parametrize("module", ["account", "conversation"])
def test_a_forged_namespace_cannot_take_the_projects_files(
    later: Macchiato, project: Path, module: str
) -> None:
    path = project / f".macchiato/namespaces/{module}.yml"
    shutil.copy(project / ".macchiato/namespaces/dev_user.yml", path)
    edit(path, "devUser", module)

    refused(
        later,
        project,
        f'error: "{module}.yml" is not a record that macchiato wrote\n',
        f"  clients/{module}.py is a file of the project too\n",
        f"  it is {path}\n",
        f"  try: git checkout -- {path}\n",
    )


def test_a_namespace_whose_name_the_template_has_taken_meanwhile_is_named_with_a_way_out(
    macchiato: Macchiato, work: Path
) -> None:
    project = made_by("0.2.0", work / "demo", namespaces=["devUser", "operations"])

    refused(
        macchiato,
        project,
        "error: namespace operations cannot be called that any more\n",
        f"  in macchiato {__version__}, tests/test_operations.py is a file of the project\n",
        "  try: macchiato add-namespace myOperations   # and move your listeners there\n",
        "       macchiato remove-namespace operations\n",
        "       macchiato update\n",
    )

    for command in ("add-namespace myOperations", "remove-namespace operations", "update"):
        assert macchiato(*command.split(), "-q", folder=project) == Ran(0, "", "")


def test_another_namespaces_damaged_record_is_refused_by_name(later: Macchiato, project: Path) -> None:
    path = project / ".macchiato/namespaces/chat.yml"
    os.symlink("/etc/passwd", path)

    refused(
        later,
        project,
        'error: "chat.yml" is not a record that macchiato wrote\n',
        "  it is not the record of a namespace\n",
        f"  it is {path}\n",
        f"  try: git checkout -- {path}\n",
    )
