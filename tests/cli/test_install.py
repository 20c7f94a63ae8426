"""The project's environment: which commands make it, and what is kept when they fail or are stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Macchiato, Ran

UV_LINES = [
    f"uv venv --python {sys.executable} .venv",
    "uv pip install --python .venv/bin/python -e '.[dev]'",
]
PIP_LINES = [f"{sys.executable} -m venv --upgrade-deps .venv", ".venv/bin/python -m pip install -e '.[dev]'"]


@pytest.fixture
def path_with_uv(home: Path) -> str:
    """A PATH with a `uv` that does what the file $HOME/uv-does says."""
    (home / "bin").mkdir()
    (home / "bin/uv").write_text('#!/bin/sh\necho "$@" >> "$HOME/uv-calls"\n. "$HOME/uv-does"\n')
    (home / "bin/uv").chmod(0o755)
    return f"{home}/bin:/usr/bin:/bin"


def retry(commands: list[str]) -> str:
    return "  try: cd demo\n" + "".join(f"       {command}\n" for command in commands)


def test_a_failing_installation_keeps_the_project_and_says_what_to_type(
    macchiato: Macchiato, work: Path, home: Path, path_with_uv: str
) -> None:
    (home / "uv-does").write_text(
        'mkdir -p .venv/bin; [ "$1" = venv ] && exit 0\necho "no such package: nonsense" >&2; exit 2\n'
    )

    ran = macchiato("new", "demo", "--no-git", "-q", PATH=path_with_uv)

    assert ran == Ran(
        1,
        "",
        "error: demo is complete, but the dependencies could not be installed\n"
        "  uv pip install --quiet --python .venv/bin/python -e '.[dev]' ended with 2\n"
        "  no such package: nonsense\n" + retry(UV_LINES),
    )
    assert (work / "demo/.macchiato/project.yml").is_file()
    assert not (work / "demo/.venv").exists()


def test_uv_is_used_where_it_is_in_an_environment_of_its_own(
    macchiato: Macchiato, work: Path, home: Path, path_with_uv: str
) -> None:
    (home / "uv-does").write_text('env > "$HOME/uv-env"; pwd > "$HOME/uv-folder"\n')

    ran = macchiato(
        "new",
        "demo",
        "--no-git",
        PATH=path_with_uv,
        VIRTUAL_ENV="/elsewhere",
        UV_PROJECT_ENVIRONMENT="/elsewhere",
    )

    assert ran.code == 0
    assert (
        "installing the dependencies with uv ...\ninstalled the project and its tools, in .venv\n" in ran.out
    )
    assert (home / "uv-calls").read_text().splitlines() == [
        f"venv --quiet --python {sys.executable} .venv",
        "pip install --quiet --python .venv/bin/python -e .[dev]",
    ]
    assert (home / "uv-folder").read_text() == f"{work}/demo\n"
    assert "elsewhere" not in (home / "uv-env").read_text()


def test_without_uv_pip_is_used(macchiato: Macchiato, work: Path) -> None:
    # An index that is not there: what pip does is seen, and nothing is fetched.
    ran = macchiato(
        "new",
        "demo",
        "--no-git",
        "-q",
        PIP_CONFIG_FILE=os.devnull,
        PIP_NO_INDEX="1",
        PYTHONWARNINGS="",
        PIP_DISABLE_PIP_VERSION_CHECK="1",
    )

    lines = ran.err.splitlines()
    assert ran.code == 1
    assert lines[:2] == [
        "error: demo is complete, but the dependencies could not be installed",
        "  .venv/bin/python -m pip install --quiet --no-compile -e '.[dev]' ended with 1",
    ]
    assert ran.err.endswith(retry(PIP_LINES))
    assert not (work / "demo/.venv").exists()


def test_without_installation_the_commands_for_it_come_next(macchiato: Macchiato) -> None:
    ran = macchiato("new", "demo", "--no-git", "--no-install")

    following = ran.out.splitlines()[ran.out.splitlines().index("Next:") + 1 :]
    assert following[:4] == ["  cd demo", *(f"  {line}" for line in PIP_LINES), "  macchiato run"]


@pytest.mark.parametrize(
    ("number", "stubborn"),
    [(signal.SIGINT, False), (signal.SIGTERM, False), (signal.SIGHUP, False), (signal.SIGINT, True)],
)
def test_a_signal_while_installing_keeps_the_project_and_ends_the_installer(
    macchiato: Macchiato, work: Path, home: Path, path_with_uv: str, number: signal.Signals, stubborn: bool
) -> None:
    ignore = "trap '' TERM INT HUP; " if stubborn else ""
    (home / "uv-does").write_text(
        f'{ignore}mkdir -p .venv; sleep 300 & echo $$ $! > "$HOME/pids.new"\n'
        'mv "$HOME/pids.new" "$HOME/pids"; wait\n'
    )
    process = macchiato.start("new", "demo", "--no-git", "-q", PATH=path_with_uv)
    deadline = time.monotonic() + 20
    while not (home / "pids").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out) == (130, "")
    assert err == "interrupted: demo is complete and kept, but not yet installed\n" + retry(UV_LINES)
    assert (work / "demo/.macchiato/project.yml").is_file()
    assert not (work / "demo/.venv").exists()
    for pid in (home / "pids").read_text().split():
        assert not is_running(int(pid))


def is_running(pid: int) -> bool:
    """Whether it is there, and not only waiting for its parent to notice its end."""
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()[:1] not in ("", "Z")
