"""Completion: what the shell offers at Tab, and that nothing else is ever written into a half-typed line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from macchiato_cli import completion, interrupts
from macchiato_cli.project import NamespaceRecord, read_namespace
from tests.cli.conftest import Macchiato, Ran

REMOVE = "macchiato remove-namespace "


def complete(macchiato: Macchiato, line: str, *, shell: str = "bash", folder: Path | None = None) -> Ran:
    """What the shell's script gets when Tab is pressed at the end of the line."""
    return macchiato(
        folder=folder,
        _MACCHIATO_COMPLETE=f"complete_{shell}",
        COMP_WORDS=line,
        COMP_CWORD=str(len(line.split(" ")) - 1),
        _TYPER_COMPLETE_ARGS=line,
        _TYPER_COMPLETE_FISH_ACTION="get-args",
    )


@pytest.fixture
def records(project: Path) -> Path:
    """A project with the namespaces devUser, chat and chat-room."""
    records = project / ".macchiato/namespaces"
    text = (records / "dev_user.yml").read_text()
    for wire, module in [("chat", "chat"), ("chat-room", "chat_room")]:
        (records / f"{module}.yml").write_text(text.replace("devUser", wire))
    return records


@pytest.mark.parametrize(
    ("shell", "all_of_them", "those_with_ch"),
    [
        ("bash", "chat\nchat-room\ndevUser\n", "chat\nchat-room\n"),
        ("fish", "chat\nchat-room\ndevUser\n", "chat\nchat-room\n"),
        (
            "zsh",
            '_arguments \'*: :(("chat"\n"chat-room"\n"devUser"))\'\n',
            '_arguments \'*: :(("chat"\n"chat-room"))\'\n',
        ),
    ],
)
def test_the_namespaces_of_the_project_are_offered(
    macchiato: Macchiato, records: Path, shell: str, all_of_them: str, those_with_ch: str
) -> None:
    assert complete(macchiato, REMOVE, shell=shell, folder=records) == Ran(0, all_of_them, "")
    assert complete(macchiato, f"{REMOVE}ch", shell=shell, folder=records) == Ran(0, those_with_ch, "")


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
def test_outside_of_a_project_nothing_is_offered_and_nothing_said(macchiato: Macchiato, shell: str) -> None:
    nothing = "_files\n" if shell == "zsh" else "\n"
    assert complete(macchiato, REMOVE, shell=shell) == Ran(0, nothing, "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_a_damaged_record_hides_none_of_the_others(records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (records / "chat.yml").read_text()
    os.mkfifo(records / "pipe.yml")
    (records / "loop.yml").symlink_to("loop.yml")
    (records / "folder.yml").mkdir()
    (records / "binary.yml").write_bytes(b"\xff\0")
    (records / "empty.yml").touch()
    (records / "deep.yml").write_text("[" * 16_000)
    (records / "other.yml").write_text(text)
    (records / "evil.yml").write_text(text.replace("name: chat", "name: $(touch evil)"))
    newer = re.sub("version: .*", "version: 999.0.0", text.replace("name: chat", "name: newer"))
    (records / "newer.yml").write_text(newer)
    (records / "note.txt").write_text(text)
    monkeypatch.chdir(records)
    # A busy machine may need more than somebody at a keyboard would wait.
    monkeypatch.setattr(completion, "_LIMIT_S", 20)

    assert completion.namespaces_here("") == ["chat", "chat-room", "devUser"]


def test_a_damaged_project_offers_nothing_and_says_nothing(macchiato: Macchiato, records: Path) -> None:
    shutil.rmtree(records)
    assert complete(macchiato, REMOVE, folder=records.parent) == Ran(0, "\n", "")
    records.touch()
    assert complete(macchiato, REMOVE, folder=records.parent) == Ran(0, "\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs named pipes")
def test_a_project_record_that_is_a_pipe_is_not_waited_for(macchiato: Macchiato, records: Path) -> None:
    (records.parent / "project.yml").unlink()
    os.mkfifo(records.parent / "project.yml")
    assert complete(macchiato, REMOVE, folder=records) == Ran(0, "\n", "")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives a folder away")
def test_a_project_of_somebody_else_is_not_read(macchiato: Macchiato, records: Path) -> None:
    os.chown(records.parent, 4321, -1)
    assert complete(macchiato, REMOVE, folder=records) == Ran(0, "\n", "")


def test_a_deleted_folder_offers_nothing_and_says_nothing(macchiato: Macchiato, work: Path) -> None:
    ended = subprocess.run(
        ["sh", "-c", 'mkdir gone; cd gone; rmdir ../gone; exec "$@"', "sh", *macchiato.command],
        cwd=work,
        env=macchiato.environment
        | {
            "_MACCHIATO_COMPLETE": "complete_bash",
            "COMP_WORDS": REMOVE,
            "COMP_CWORD": "2",
        },
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert Ran(ended.returncode, ended.stdout, ended.stderr) == Ran(0, "\n", "")


@pytest.mark.parametrize("fault", [ZeroDivisionError(), RecursionError(), interrupts.Interrupted()])
def test_nothing_that_goes_wrong_is_raised(monkeypatch: pytest.MonkeyPatch, fault: BaseException) -> None:
    def fail(start: Path) -> Path:
        raise fault

    monkeypatch.setattr("macchiato_cli.project.find_project", fail)

    assert completion.namespaces_here("") == []


def test_a_record_that_raises_anything_hides_none_of_the_others(
    monkeypatch: pytest.MonkeyPatch, records: Path
) -> None:
    def read(root: Path, module: str) -> NamespaceRecord | None:
        if module == "chat":
            raise ZeroDivisionError
        return read_namespace(root, module)

    monkeypatch.chdir(records)
    monkeypatch.setattr("macchiato_cli.project.read_namespace", read)

    assert completion.namespaces_here("") == ["chat-room", "devUser"]


def test_what_is_read_in_time_is_offered(monkeypatch: pytest.MonkeyPatch, records: Path) -> None:
    def read(root: Path, module: str) -> NamespaceRecord | None:
        time.sleep(0.2)
        return read_namespace(root, module)

    monkeypatch.chdir(records)
    monkeypatch.setattr("macchiato_cli.project.read_namespace", read)

    assert completion.namespaces_here("") == ["chat", "chat-room"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("macchiato ne", "new\n"),
        ("macchiato new --no-", "--no-install\n--no-git\n"),
        ("macchiato new ", "\n"),  # Nothing from us: the shell offers folders and files.
        ("macchiato nwe --", "--version\n--install-completion\n--show-completion\n--help\n"),
        ("macchiato run --port abc --h", "--host\n--help\n"),
        ("macchiato run -- --x", "\n"),
        ('macchiato new "unclosed', "\n"),
    ],
)
def test_commands_and_options_are_offered(macchiato: Macchiato, line: str, expected: str) -> None:
    assert complete(macchiato, line) == Ran(0, expected, "")


def test_completing_imports_nothing_heavy(macchiato: Macchiato) -> None:
    macchiato.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    ran = complete(macchiato, "macchiato ne")

    imported = {line.split("|")[2].strip().split(".")[0] for line in ran.err.splitlines() if "|" in line}
    assert (ran.code, ran.out) == (0, "new\n")
    heavy = {"copier", "rich", "yaml", "jinja2", "plumbum", "prompt_toolkit"}
    assert imported & {"typer", *heavy} == {"typer"}


if sys.platform != "win32":
    from tests.cli.terminal import Terminal

    @pytest.mark.skipif(not shutil.which("bash", path="/usr/bin:/bin"), reason="needs bash")
    def test_tab_in_bash_completes_once_installed(macchiato: Macchiato, home: Path, records: Path) -> None:
        (home / "bin").mkdir()
        (home / "bin/macchiato").write_text(f'#!/bin/sh\nexec {sys.executable} -m macchiato_cli "$@"\n')
        (home / "bin/macchiato").chmod(0o755)
        macchiato.folder = records
        macchiato.command = (shutil.which("bash", path="/usr/bin:/bin") or "", "--noprofile", "-i")
        (home / ".bashrc").write_text("PS1='$ '; bind 'set enable-bracketed-paste off'\n")
        variables = {"PATH": f"{home}/bin:/usr/bin:/bin", "BASH_SILENCE_DEPRECATION_WARNING": "1"}

        with Terminal(macchiato, **variables) as terminal:
            terminal.read_until("$ ")
            terminal.type("macchiato --install-completion; echo $?\n")
            terminal.read_until("restart the terminal\n0\n$ ")
        assert (home / ".bashrc").read_text().endswith(f"source '{home}/.bash_completions/macchiato.sh'\n")
        with Terminal(macchiato, **variables) as terminal:
            terminal.shows("$")
            terminal.type("macchiato rem\t")
            terminal.shows("$ macchiato remove-namespace")
            terminal.type("de\t")
            terminal.shows(f"$ {REMOVE}devUser")
            terminal.type(f"\x15{REMOVE}c\t")
            terminal.shows(f"$ {REMOVE}chat")
            terminal.type("\t\t")
            terminal.shows(
                "$ macchiato remove-namespace chat\nchat       chat-room\n$ macchiato remove-namespace chat"
            )
