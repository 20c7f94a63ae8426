"""`macchiato add-namespace`: what is refused, what is kept, what is made."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Macchiato, Ran, snapshot

ADDED = [
    ".macchiato/namespaces/chat.yml",
    "app/namespaces/chat.py",
    "clients/chat.py",
    "clients/typed/chat.py",
    "tests/test_chat.py",
]


def new_paths(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What is there now and was not; all else is as it was."""
    assert before.items() <= after.items()
    return sorted(after.keys() - before.keys())


def test_outside_of_a_project_it_says_how_to_make_one(macchiato: Macchiato, work: Path) -> None:
    assert macchiato("add-namespace", "chat") == Ran(
        1,
        "",
        f"error: {work} is not inside a macchiato project\n"
        "  neither it nor a folder above it has a .macchiato/project.yml\n"
        "  try: macchiato new myproj\n",
    )


def test_a_file_of_the_user_s_is_never_overwritten(macchiato: Macchiato, project: Path) -> None:
    (project / "clients/chat.py").write_text("mine")
    (project / "tests/test_chat.py").symlink_to("nowhere")
    before = snapshot(project)

    assert macchiato("add-namespace", "chat", "-q", folder=project) == Ran(
        3,
        "",
        "error: files of yours are in the way\n"
        "  clients/chat.py\n"
        "  tests/test_chat.py\n"
        "  macchiato never overwrites a file: rename or remove these first\n",
    )
    assert snapshot(project) == before


def test_a_file_where_a_folder_should_be_is_refused(macchiato: Macchiato, project: Path) -> None:
    shutil.rmtree(project / "clients")
    (project / "clients").write_text("mine")
    before = snapshot(project)

    ran = macchiato("add-namespace", "chat", "-q", folder=project)

    assert (ran.code, ran.err.splitlines()[1]) == (3, "  clients/chat.py")
    assert snapshot(project) == before


def test_a_link_out_of_the_project_is_refused(macchiato: Macchiato, project: Path, work: Path) -> None:
    (project / "app/namespaces").rename(work / "elsewhere")
    (project / "app/namespaces").symlink_to(work / "elsewhere")
    before = snapshot(work)

    assert macchiato("add-namespace", "chat", "-q", folder=project) == Ran(
        3,
        "",
        "error: app/namespaces leads out of the project\n"
        f"  it is a link to {work}/elsewhere\n"
        "  nothing is written outside of it\n",
    )
    assert snapshot(work) == before


@pytest.mark.parametrize(
    ("link", "leads_to"),
    [("tests", ".git/hooks"), ("app/namespaces", "../.git/ns"), ("clients", ".venv/lib"), ("clients", "app")],
)
def test_a_link_inside_the_project_is_refused_too(
    macchiato: Macchiato, project: Path, link: str, leads_to: str
) -> None:
    place = project / link
    (place.parent / leads_to).mkdir(parents=True, exist_ok=True)
    place.rename(project / "moved")
    place.symlink_to(leads_to)
    before = snapshot(project)

    assert macchiato("add-namespace", "chat", "-q", folder=project) == Ran(
        3,
        "",
        f"error: {link} is a link to {leads_to}\n  nothing is written through links: make it a folder\n",
    )
    assert snapshot(project) == before


def test_a_link_that_leads_to_itself_is_refused(macchiato: Macchiato, project: Path) -> None:
    (project / "clients").rename(project / "moved")
    (project / "clients").symlink_to("clients")

    assert macchiato("add-namespace", "chat", "-q", folder=project) == Ran(
        3,
        "",
        "error: clients is a link to clients\n  nothing is written through links: make it a folder\n",
    )


def test_a_huge_file_is_in_the_way_and_not_read(macchiato: Macchiato, project: Path) -> None:
    with (project / "clients/chat.py").open("wb") as file:
        file.truncate(1 << 40)

    ran = macchiato("add-namespace", "chat", "-q", folder=project)

    assert (ran.code, ran.err.splitlines()[:2]) == (
        3,
        ["error: files of yours are in the way", "  clients/chat.py"],
    )


@pytest.mark.parametrize("spelling", ["dev-user", "dev_user", "DevUser"])
def test_two_spellings_of_one_python_name_are_refused(
    macchiato: Macchiato, project: Path, spelling: str
) -> None:
    before = snapshot(project)

    assert macchiato("add-namespace", spelling, "--public", folder=project) == Ran(
        3,
        "",
        f'error: "{spelling}" and "devUser", which is there, have one name in Python\n'
        "  both are app/namespaces/dev_user.py\n"
        f"  try: macchiato add-namespace {spelling}2 --public\n",
    )
    assert snapshot(project) == before


@pytest.mark.parametrize("options", [["--event", "typing"], ["--public"]])
def test_one_that_is_there_and_differs_is_refused(
    macchiato: Macchiato, project: Path, options: list[str]
) -> None:
    before = snapshot(project)

    assert macchiato("add-namespace", "devUser", *options, folder=project) == Ran(
        3,
        "",
        "error: namespace devUser is there already, and differs\n"
        "  it was made with a token and with the events sayStuff\n"
        "  it is yours now: change it in app/namespaces/dev_user.py\n",
    )
    assert snapshot(project) == before


def test_a_record_without_its_module_is_refused(macchiato: Macchiato, project: Path) -> None:
    (project / "app/namespaces/dev_user.py").unlink()

    assert macchiato("add-namespace", "devUser", folder=project) == Ran(
        3,
        "",
        "error: namespace devUser has a record, but app/namespaces/dev_user.py is not there\n"
        "  bring the file back from git, or forget the record and add the namespace again\n"
        "  try: git checkout -- app/namespaces/dev_user.py\n"
        "       rm .macchiato/namespaces/dev_user.yml\n",
    )


def test_without_a_terminal_a_missing_name_is_named(macchiato: Macchiato, project: Path) -> None:
    assert macchiato("add-namespace", folder=project) == Ran(
        2, "", "error: NAME is missing\n  try: macchiato add-namespace chat\n"
    )


def test_a_bad_event_is_refused_with_a_command_that_works(macchiato: Macchiato, project: Path) -> None:
    assert macchiato("add-namespace", "chat", "--event", "connect", folder=project) == Ran(
        2,
        "",
        'error: "connect" cannot be an event name\n'
        "  Socket.IO keeps that name for itself\n"
        "  try: macchiato add-namespace chat --event myConnect\n",
    )


@pytest.mark.parametrize(
    ("typed", "suggested"),
    [
        (
            ["q", "--event", "a", "--event", "b c", "--event", "d", "--public"],
            "q --event a --event bC --event d --public",
        ),
        (["q", "--event", "b c", "--event", "9d", "--event", "bC"], "q --event bC --event d9"),
        (["q", "--event", "a", "--event", "b", "--event", "a", "-n"], "q --event a --event b --dry-run"),
        (["9q", "--event", "b c", "--public", "-y"], "q9 --event bC --public --yes"),
    ],
)
def test_a_suggested_command_keeps_all_that_was_typed(
    macchiato: Macchiato, project: Path, typed: list[str], suggested: str
) -> None:
    ran = macchiato("add-namespace", *typed, folder=project)

    assert ran.code == 2
    assert ran.err.splitlines()[-1] == f"  try: macchiato add-namespace {suggested}"
    assert macchiato("add-namespace", *suggested.split(), "-n", folder=project).code == 0


@pytest.mark.parametrize("options", [[], ["--event", "sayStuff"]])
def test_one_that_is_there_changes_nothing(macchiato: Macchiato, project: Path, options: list[str]) -> None:
    before = snapshot(project)

    assert macchiato("add-namespace", "devUser", *options, folder=project) == Ran(
        0, "unchanged namespace devUser is there already, in app/namespaces/dev_user.py\n", ""
    )
    assert snapshot(project) == before


def test_a_namespace_is_added_from_any_folder_inside(macchiato: Macchiato, project: Path) -> None:
    before = snapshot(project)

    ran = macchiato(
        "add-namespace",
        "chat",
        "--event",
        "sendMessage",
        "--event",
        "typing",
        folder=project / "app/core",
    )

    assert ran == Ran(
        0,
        "rendering chat ...\n"
        "created   app/namespaces/chat.py\n"
        "created   clients/chat.py\n"
        "created   clients/typed/chat.py\n"
        "created   tests/test_chat.py\n"
        "created   .macchiato/namespaces/chat.yml\n"
        "\n"
        "Next:\n"
        "  ../../.venv/bin/python -m pytest ../../tests/test_chat.py\n"
        "  macchiato run\n"
        "  ../../.venv/bin/python ../../clients/chat.py --name Ada   # in a second terminal\n"
        "\n"
        "The same, without questions:\n"
        "  macchiato add-namespace chat --event sendMessage --event typing\n",
        "",
    )
    assert new_paths(before, snapshot(project)) == ADDED
    module = (project / "app/namespaces/chat.py").read_text()
    assert '@chat_socket.listener("sendMessage")\nasync def on_send_message(' in module
    assert '@chat_socket.listener("typing")\nasync def on_typing(' in module


def test_a_public_namespace_asks_for_no_token(macchiato: Macchiato, project: Path) -> None:
    assert macchiato("add-namespace", "lobby", "--public", "-q", folder=project) == Ran(0, "", "")

    module = (project / "app/namespaces/lobby.py").read_text()
    assert "connection_middleware=allow_anyone," in module
    assert "client_connection_key=None," in module
    record = (project / ".macchiato/namespaces/lobby.yml").read_text()
    assert record.endswith("answers:\n  name: lobby\n  events:\n  - sayStuff\n  public: true\n")
    again = macchiato("add-namespace", "lobby", folder=project)
    assert again.out == "unchanged namespace lobby is there already, in app/namespaces/lobby.py\n"


def test_files_that_are_there_already_and_identical_are_kept(macchiato: Macchiato, project: Path) -> None:
    macchiato("add-namespace", "chat", "-q", folder=project)
    (project / ".macchiato/namespaces/chat.yml").unlink()
    (project / "clients/chat.py").unlink()
    inode = (project / "app/namespaces/chat.py").stat().st_ino

    ran = macchiato("add-namespace", "chat", folder=project)

    assert ran.out.splitlines()[1:6] == [
        "kept      app/namespaces/chat.py",
        "kept      clients/typed/chat.py",
        "kept      tests/test_chat.py",
        "created   clients/chat.py",
        "created   .macchiato/namespaces/chat.yml",
    ]
    assert (project / "app/namespaces/chat.py").stat().st_ino == inode


def test_a_dry_run_writes_nothing(macchiato: Macchiato, project: Path) -> None:
    before = snapshot(project)

    assert macchiato("add-namespace", "chat", "-n", folder=project) == Ran(
        0,
        "rendering chat ...\n"
        "create    app/namespaces/chat.py\n"
        "create    clients/chat.py\n"
        "create    clients/typed/chat.py\n"
        "create    tests/test_chat.py\n"
        "create    .macchiato/namespaces/chat.yml\n"
        "note      this was a dry run: nothing was written\n",
        "",
    )
    assert snapshot(project) == before


def test_removed_folders_come_back(macchiato: Macchiato, project: Path) -> None:
    shutil.rmtree(project / "clients")

    assert macchiato("add-namespace", "chat", "-q", folder=project) == Ran(0, "", "")
    assert sorted(os.listdir(project / "clients")) == ["chat.py", "typed"]
