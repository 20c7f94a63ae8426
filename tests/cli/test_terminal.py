"""What differs on a terminal: questions, answers that are refused, Ctrl-C and Ctrl-D, the live display."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import RECORD, Macchiato, snapshot

if sys.platform == "win32":
    pytest.skip("needs pseudo-terminals", allow_module_level=True)

import pty
import tty

# Makes the pseudo-terminal the one that Ctrl-C is typed on, as a login would.
ON_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """A command on a terminal, which is read until something is there, and typed on."""

    def __init__(self, macchiato: Macchiato, *arguments: str, **variables: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_TERMINAL, *macchiato.command, *arguments],
            cwd=macchiato.folder,
            env=macchiato.environment | {"TERM": "xterm", "COLUMNS": "200"} | variables,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def read_until(self, text: str) -> None:
        deadline = time.monotonic() + 20
        while text not in self.seen:
            assert time.monotonic() < deadline, self.seen
            self._read()

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def finish(self) -> int:
        """Its exit code, once all that it wrote has been read."""
        while self._read():
            pass
        return self.process.wait(20)

    def _read(self) -> bool:
        if select.select([self.master], [], [], 10)[0]:
            try:
                more = os.read(self.master, 65536)
            except OSError:  # Linux says so when nobody has the terminal open any more.
                return False
            # Without colours, and with the line ends that the command wrote.
            plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", more.decode(errors="replace"))
            self.seen += plain.replace("\r\n", "\n")
            return bool(more)
        return False

    def close(self) -> None:
        os.close(self.master)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for terminal in opened:
        terminal.close()


def test_a_missing_path_is_asked_for_until_it_will_do(
    macchiato: Macchiato, work: Path, rendered: Path, terminals: list[Terminal]
) -> None:
    (work / "full").mkdir()
    (work / "full/note").touch()
    terminal = Terminal(macchiato, "new", "--no-install", "--no-git")
    terminals.append(terminal)

    terminal.read_until("Folder of the new project: ")
    terminal.type("my server\n")
    terminal.read_until("--name my-server --no-install --no-git\nFolder of the new project: ")
    terminal.type("full\n")
    terminal.read_until("another-name\nFolder of the new project: ")
    terminal.type("demo\n")

    assert terminal.finish() == 0
    assert 'error: "my server" cannot be a project name\n' in terminal.seen
    assert f"error: {work}/full is not empty\n  it holds note\n" in terminal.seen
    assert terminal.seen.endswith(
        "The same, without questions:\n  macchiato new demo --no-install --no-git\n"
    )
    assert snapshot(work / "demo") == snapshot(rendered)


def test_a_missing_name_is_asked_for_until_it_will_do(
    macchiato: Macchiato, project: Path, terminals: list[Terminal]
) -> None:
    macchiato.folder = project
    terminal = Terminal(macchiato, "add-namespace")
    terminals.append(terminal)

    terminal.read_until("Name of the namespace: ")
    terminal.type("9lives\n")
    terminal.read_until("lives9\nName of the namespace: ")
    terminal.type("chat\n")

    assert terminal.finish() == 0
    assert terminal.seen.endswith("The same, without questions:\n  macchiato add-namespace chat\n")
    assert (project / "app/namespaces/chat.py").is_file()


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_leaving_the_question_writes_nothing(
    macchiato: Macchiato, work: Path, terminals: list[Terminal], key: str
) -> None:
    terminal = Terminal(macchiato, "new")
    terminals.append(terminal)
    terminal.read_until("Folder of the new project: ")
    terminal.type(key)

    assert terminal.finish() == 130
    assert terminal.seen.endswith("interrupted: nothing was written\n")
    assert "Traceback" not in terminal.seen
    assert os.listdir(work) == []


@pytest.mark.parametrize(("arguments", "variables"), [(["-y"], {}), ([], {"CI": "true"}), (["--json"], {})])
def test_nothing_is_asked_where_no_answer_is_wanted(
    macchiato: Macchiato, terminals: list[Terminal], arguments: list[str], variables: dict[str, str]
) -> None:
    terminal = Terminal(macchiato, "new", *arguments, **variables)
    terminals.append(terminal)

    assert terminal.finish() == 2
    assert "PATH is missing" in terminal.seen
    assert "Folder of" not in terminal.seen


def test_ctrl_c_while_installing_keeps_the_project(
    macchiato: Macchiato, work: Path, home: Path, terminals: list[Terminal]
) -> None:
    (home / "bin").mkdir()
    (home / "bin/uv").write_text("#!/bin/sh\ntouch $HOME/started\nsleep 300\n")
    (home / "bin/uv").chmod(0o755)
    terminal = Terminal(macchiato, "new", "demo", "--no-git", PATH=f"{home}/bin:/usr/bin:/bin")
    terminals.append(terminal)
    terminal.read_until("installing the dependencies with uv ...")
    while not (home / "started").exists():
        time.sleep(0.01)
    terminal.type("\x03")

    assert terminal.finish() == 130
    assert "interrupted: demo is complete and kept, but not yet installed\n  try: cd demo\n" in terminal.seen
    assert "Traceback" not in terminal.seen
    assert (work / "demo/.macchiato/project.yml").is_file()


def test_ctrl_c_ends_the_server_quietly(macchiato: Macchiato, work: Path, terminals: list[Terminal]) -> None:
    (work / ".macchiato").mkdir()
    (work / ".macchiato/project.yml").write_text(RECORD)
    (work / ".venv/bin").mkdir(parents=True)
    (work / ".venv/bin/python").symlink_to(sys.executable)
    (work / "app").mkdir()
    (work / "app/__main__.py").write_text(
        "import time\nprint('serving', flush=True)\n"
        "try:\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('served', flush=True)\n"
    )
    terminal = Terminal(macchiato, "run")
    terminals.append(terminal)
    terminal.read_until("serving")
    terminal.type("\x03")

    assert terminal.finish() == 0
    assert "Traceback" not in terminal.seen


def test_a_terminal_is_left_as_it_was(macchiato: Macchiato, terminals: list[Terminal]) -> None:
    terminal = Terminal(macchiato, "new", "demo", "--no-install", "--no-git")
    terminals.append(terminal)
    before = tty.tcgetattr(terminal.master)  # type: ignore[attr-defined]

    assert terminal.finish() == 0
    assert tty.tcgetattr(terminal.master) == before  # type: ignore[attr-defined]
