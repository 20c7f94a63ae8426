"""`macchiato remove-namespace`: what was generated and is unedited goes; nothing else, ever."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from macchiato_cli.errors import MacchiatoError
from macchiato_cli.report import Report
from tests.cli.conftest import Macchiato, Ran, commit, git, make_home, snapshot
from tests.later import edit

FILES = [
    "app/namespaces/chat.py",
    "clients/chat.py",
    "clients/typed/chat.py",
    "tests/test_chat.py",
    ".macchiato/namespaces/chat.yml",
]
REMOVED = "".join(f"removed   {path}\n" for path in FILES)


@pytest.fixture(scope="module")
def with_chat(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a second namespace, made once: copy it, do not change it."""
    folder = tmp_path_factory.mktemp("chat")
    demo = Path(shutil.copytree(rendered, folder / "demo"))
    macchiato = Macchiato(folder, make_home(folder / "home"))
    assert macchiato("add-namespace", "chat", "-q", folder=demo) == Ran(0, "", "")
    return demo


@pytest.fixture
def chat(with_chat: Path, work: Path) -> Path:
    """A project with a second namespace."""
    return Path(shutil.copytree(with_chat, work / "demo", symlinks=True))


def test_an_edited_file_is_shown_and_nothing_is_removed(macchiato: Macchiato, chat: Path) -> None:
    edit(chat / "clients/chat.py", r"\A", "# Mine.\n")
    edit(chat / "tests/test_chat.py", r"\Z", "# Mine, too.\n")
    before = snapshot(chat)

    ran = macchiato("remove-namespace", "chat", folder=chat)

    assert ran.code == 3
    assert "--- clients/chat.py\n+++ clients/chat.py\n@@ -1,3 +1,4 @@\n+# Mine.\n" in ran.out
    assert ran.out.endswith("+# Mine, too.\n")
    assert ran.err == (
        "error: namespace chat has files that you edited\n"
        "  clients/chat.py\n"
        "  tests/test_chat.py\n"
        "  nothing was removed; --force removes these too\n"
        "  try: macchiato remove-namespace chat --force\n"
    )
    assert snapshot(chat) == before


@pytest.mark.parametrize("options", [[], ["--force"], ["--dry-run"]])
@pytest.mark.parametrize(
    ("name", "path"), [("settings", "tests/test_settings.py"), ("account", "clients/account.py")]
)
def test_a_forged_record_cannot_take_the_projects_files(
    macchiato: Macchiato, chat: Path, name: str, path: str, options: list[str]
) -> None:
    assert (chat / path).is_file()
    record = chat / f".macchiato/namespaces/{name}.yml"
    shutil.copy(chat / ".macchiato/namespaces/chat.yml", record)
    edit(record, "name: chat", f"name: {name}")
    before = snapshot(chat)

    ran = macchiato("remove-namespace", name, "-q", *options, folder=chat)

    assert ran == Ran(
        3,
        "",
        f'error: "{name}.yml" is not a record that macchiato wrote\n'
        f"  {path} is a file of the project too\n"
        f"  it is {record}\n"
        f"  try: git checkout -- {record}\n",
    )
    assert snapshot(chat) == before


def test_what_cannot_be_searched_does_not_matter_once_all_is_removed(
    macchiato: Macchiato, chat: Path
) -> None:
    (chat / "app/own").mkdir()
    (chat / "app/own/memory.py").symlink_to("/proc/self/mem")
    (chat / "app/own/linked.py").symlink_to("../main.py")
    (chat / "app/own/elsewhere").symlink_to("/proc/self")
    (chat / "app/own/loop").symlink_to("loop")
    (chat / "app/own/folder.py").mkdir()
    os.mkfifo(chat / "app/own/pipe.py")
    (chat / "app/own/large.py").write_text("chat_socket" + " " * 1024 * 1024)
    (chat / "app/own/user.py").write_text("chat_socket")

    ran = macchiato("remove-namespace", "chat", folder=chat)

    assert ran == Ran(
        0,
        f"comparing chat with its template ...\n{REMOVED}"
        "note      app/own/user.py still mentions chat_socket\n",
        "",
    )


def test_a_file_that_takes_forever_to_compare_is_not_compared(macchiato: Macchiato, chat: Path) -> None:
    (chat / "clients/chat.py").write_text("a\nb\n" * 200_000)
    (chat / "tests/test_chat.py").write_text("x" * 300_000)

    ran = macchiato("remove-namespace", "chat", folder=chat)

    assert (ran.code, ran.out) == (
        3,
        "comparing chat with its template ...\n"
        "clients/chat.py is too long to be compared here\n"
        "tests/test_chat.py is too long to be compared here\n",
    )


def test_force_shows_the_edits_that_go_and_says_which_git_cannot_give_back(
    macchiato: Macchiato, chat: Path
) -> None:
    edit(chat / "clients/chat.py", r"\A", "# Committed.\n")
    commit(chat, "Start")
    edit(chat / "tests/test_chat.py", r"\A", "# Not committed.\n")

    ran = macchiato("remove-namespace", "chat", "--force", folder=chat)

    assert (ran.code, ran.err) == (0, "")
    assert "--- clients/chat.py\n+++ clients/chat.py\n@@ -1,3 +1,4 @@\n+# Committed.\n" in ran.out
    assert "--- tests/test_chat.py\n+++ tests/test_chat.py\n@@ -1,3 +1,4 @@\n+# Not committed.\n" in ran.out
    words = "your edits were not committed, so git cannot give them back: tests/test_chat.py"
    assert ran.out.endswith(f"{REMOVED}note      {words}\n")


def test_without_a_repository_force_says_that_edits_cannot_come_back(
    macchiato: Macchiato, chat: Path
) -> None:
    edit(chat / "clients/chat.py", r"\A", "# Mine.\n")
    before = snapshot(chat)

    ran = macchiato("remove-namespace", "chat", "--force", "--dry-run", folder=chat)

    assert (ran.code, ran.err) == (0, "")
    assert "\n+# Mine.\n" in ran.out
    assert ran.out.endswith(
        "note      your edits are not committed, so git cannot give them back: clients/chat.py"
        " (not a git repository (or any of the parent directories): .git)\n"
        "note      this was a dry run: nothing was removed\n"
    )
    assert snapshot(chat) == before


@pytest.mark.parametrize("name", ["/devUser", "devUser", "dev-user", "DevUser", "/dev_user"])
def test_every_spelling_of_a_name_will_do(macchiato: Macchiato, project: Path, name: str) -> None:
    assert macchiato("remove-namespace", name, "-q", folder=project) == Ran(0, "", "")
    assert not (project / "app/namespaces/dev_user.py").exists()


def test_an_error_has_the_notes_before_it(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(as_json=True)
    report.note("what was begun is taken back")
    report.error(MacchiatoError("no", code="none"))

    assert json.loads(capsys.readouterr().out)["notes"] == ["what was begun is taken back"]


@pytest.mark.parametrize("name", ["other", "dev user", "../dev_user", "//devUser", "/", "", "x" * 99])
def test_a_name_that_is_not_there_is_refused_with_those_that_are(
    macchiato: Macchiato, chat: Path, name: str
) -> None:
    before = snapshot(chat)

    ran = macchiato("remove-namespace", name, folder=chat)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith('error: there is no namespace "')
    assert ran.err.endswith("\n  there are chat, dev_user\n  try: macchiato list\n")
    assert snapshot(chat) == before


def test_without_a_name_it_does_not_guess(macchiato: Macchiato, chat: Path) -> None:
    ran = macchiato("remove-namespace", folder=chat)

    assert ran == Ran(2, "", "error: missing argument 'NAME'\n  try: macchiato remove-namespace --help\n")


def test_adding_and_removing_leaves_no_trace(macchiato: Macchiato, project: Path) -> None:
    before = snapshot(project)

    events = ("--event", "a", "--event", "b(to: str, *rest: int)")
    assert macchiato("add-namespace", "teamChat", *events, "--public", folder=project).code == 0
    ran = macchiato("remove-namespace", "teamChat", folder=project)

    assert (ran.code, ran.err) == (0, "")
    assert snapshot(project) == before


def test_the_last_namespace_goes_with_the_folder_of_its_record_and_comes_back(
    macchiato: Macchiato, project: Path
) -> None:
    before = snapshot(project)

    assert macchiato("remove-namespace", "dev_user", "-q", folder=project) == Ran(0, "", "")
    assert not (project / ".macchiato/namespaces").exists()
    assert macchiato("add-namespace", "devUser", "-q", folder=project) == Ran(0, "", "")

    assert snapshot(project) == before


def test_it_tells_what_it_removes_and_who_still_needs_it(macchiato: Macchiato, chat: Path) -> None:
    edit(chat / "app/main.py", r"\Z", "\n# chat_socket\n")

    ran = macchiato("remove-namespace", "chat", folder=chat / "clients")

    assert ran == Ran(
        0,
        f"comparing chat with its template ...\n{REMOVED}note      app/main.py still mentions chat_socket\n",
        "",
    )


def test_a_dry_run_removes_nothing(macchiato: Macchiato, chat: Path) -> None:
    before = snapshot(chat)

    ran = macchiato("remove-namespace", "chat", "--dry-run", folder=chat)

    assert ran == Ran(
        0,
        "comparing chat with its template ...\n"
        + REMOVED.replace("removed ", "remove  ")
        + "note      this was a dry run: nothing was removed\n",
        "",
    )
    assert snapshot(chat) == before


def test_force_removes_edited_files_but_nothing_that_was_not_generated(
    macchiato: Macchiato, chat: Path
) -> None:
    edit(chat / "clients/chat.py", r"\Z", "# Mine.\n")
    (chat / "tests/test_chat.py").unlink()
    (chat / "tests/test_chat.py").symlink_to("../README.md")
    (chat / "clients/chat_notes.md").write_text("Mine.")
    (chat / "app/namespaces/chat").mkdir()
    (chat / "app/namespaces/chat/own.py").write_text("")

    ran = macchiato("remove-namespace", "chat", "--force", "--json", folder=chat)

    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == {
        "ok": True,
        "command": "remove-namespace",
        "dry_run": False,
        "path": str(chat),
        "namespace": "chat",
        "removed": [
            "app/namespaces/chat.py",
            "clients/chat.py",
            "clients/typed/chat.py",
            ".macchiato/namespaces/chat.yml",
        ],
        "edited": ["clients/chat.py"],
        "kept": ["tests/test_chat.py"],
        "notes": [
            "tests/test_chat.py is kept: it is no file that macchiato made",
            "your edits were not committed, so git cannot give them back: clients/chat.py"
            " (not a git repository (or any of the parent directories): .git)",
        ],
    }
    assert (chat / "tests/test_chat.py").is_symlink()
    assert (chat / "README.md").is_file()
    assert (chat / "clients/chat_notes.md").is_file()
    assert (chat / "app/namespaces/chat/own.py").is_file()


def test_windows_line_ends_and_deleted_files_are_no_edits(macchiato: Macchiato, chat: Path) -> None:
    client = chat / "clients/chat.py"
    client.write_bytes(client.read_bytes().replace(b"\n", b"\r\n"))
    (chat / "tests/test_chat.py").unlink()

    ran = macchiato("remove-namespace", "chat", "-q", folder=chat)

    assert ran == Ran(0, "", "")
    assert not client.exists()


def test_a_namespace_of_an_earlier_version_is_compared_with_that(
    macchiato: Macchiato, later: Macchiato, chat: Path
) -> None:
    git(chat, "init", "--quiet")

    assert later("remove-namespace", "chat", "-q", folder=chat) == Ran(0, "", "")
    assert not (chat / "clients/chat.py").exists()


def test_a_damaged_record_removes_nothing(macchiato: Macchiato, chat: Path) -> None:
    edit(chat / ".macchiato/namespaces/chat.yml", "name: chat", "name: devUser")
    before = snapshot(chat)

    ran = macchiato("remove-namespace", "chat", folder=chat)

    assert ran.code == 3
    assert ran.err.splitlines()[1] == "  its answers are not those of this namespace"
    assert snapshot(chat) == before
