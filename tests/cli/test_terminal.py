"""What differs on a terminal: Ctrl-C, the live display. Questions are in test_prompts.py."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.cli.conftest import RECORD, Macchiato
from tests.cli.terminal import Terminal


def test_ctrl_c_while_installing_keeps_the_project(macchiato: Macchiato, work: Path, home: Path) -> None:
    (home / "bin").mkdir()
    (home / "bin/uv").write_text("#!/bin/sh\ntouch $HOME/started\nsleep 300\n")
    (home / "bin/uv").chmod(0o755)
    with Terminal(macchiato, "new", "demo", "--no-git", PATH=f"{home}/bin:/usr/bin:/bin") as terminal:
        terminal.read_until("installing the dependencies with uv ...")
        while not (home / "started").exists():
            time.sleep(0.01)
        terminal.type("\x03")

        assert terminal.finish() == 130
    assert "interrupted: demo is complete and kept, but not yet installed\n  try: cd demo\n" in terminal.seen
    assert "Traceback" not in terminal.seen
    assert (work / "demo/.macchiato/project.yml").is_file()


def test_ctrl_c_ends_the_server_quietly(macchiato: Macchiato, work: Path) -> None:
    (work / ".macchiato").mkdir()
    (work / ".macchiato/project.yml").write_text(RECORD)
    (work / ".venv/bin").mkdir(parents=True)
    (work / ".venv/bin/python").symlink_to(sys.executable)
    (work / "app").mkdir()
    (work / "app/__main__.py").write_text(
        "import time\n"
        "try:\n    print('serving', flush=True)\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('served', flush=True)\n"
    )
    with Terminal(macchiato, "run") as terminal:
        terminal.read_until("serving")
        terminal.type("\x03")

        assert terminal.finish() == 0
    assert "Traceback" not in terminal.seen


def test_a_terminal_is_left_as_it_was(macchiato: Macchiato) -> None:
    with Terminal(macchiato, "new", "demo", "--no-install", "--no-git") as terminal:
        assert terminal.finish() == 0
        assert terminal.has_its_modes()
