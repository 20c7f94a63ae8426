"""`macchiato run`: which process it starts, and how the two end together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import RECORD, Macchiato, Ran

# Stands for the generated server: says how it was started, then waits for what the test has in mind.
SERVER = """
import json, os, signal, sys, time
names = ("HOST", "PORT", "VIRTUAL_ENV", "PYTHONPATH")
found = {name: os.environ[name] for name in names if name in os.environ}
print(json.dumps([sys.argv[1:], os.getcwd(), found]), flush=True)
if os.environ.get("ENDS_WITH"):
    sys.exit(int(os.environ["ENDS_WITH"]))
def end(number, frame):
    os.write(1, f"ended by {signal.Signals(number).name}\\n".encode())
    sys.exit(int(os.environ.get("ENDS_SIGNALLED_WITH", "0")))
if not os.environ.get("DIES"):
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def served(work: Path) -> Path:
    """A project with an environment and a server."""
    root = work / "demo"
    (root / ".macchiato").mkdir(parents=True)
    (root / ".macchiato/project.yml").write_text(RECORD)
    (root / "app/core").mkdir(parents=True)
    (root / "app/__main__.py").write_text(SERVER)
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/bin/python").symlink_to(sys.executable)
    return root


def test_outside_of_a_project_it_says_how_to_make_one(macchiato: Macchiato, work: Path) -> None:
    assert macchiato("run") == Ran(
        1,
        "",
        f"error: {work} is not inside a macchiato project\n"
        "  neither it nor a folder above it has a .macchiato/project.yml\n"
        "  try: macchiato new myproj\n",
    )


def test_without_an_environment_it_says_how_to_make_one(macchiato: Macchiato, served: Path) -> None:
    (served / ".venv/bin/python").unlink()

    ran = macchiato("run", folder=served / "app")

    assert ran == Ran(
        1,
        "",
        "error: this project has no environment yet: .venv is not there\n"
        f"  try: cd {served}\n"
        f"       {sys.executable} -m venv --upgrade-deps .venv\n"
        "       .venv/bin/python -m pip install -e '.[dev]'\n"
        "       macchiato run\n",
    )


def test_an_environment_that_cannot_start_is_said(macchiato: Macchiato, served: Path) -> None:
    (served / ".venv/bin/python").unlink()
    (served / ".venv/bin/python").write_text("#!/nowhere/python\n")
    (served / ".venv/bin/python").chmod(0o755)

    ran = macchiato("run", folder=served)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(
        f"error: {served}/.venv/bin/python cannot be started: no such file or directory\n"
    )


def test_the_server_s_exit_code_is_kept(macchiato: Macchiato, served: Path) -> None:
    assert macchiato("run", folder=served, ENDS_WITH="7").code == 7


@pytest.mark.parametrize(
    ("typed", "started", "variables"),
    [
        ([], ["--reload"], {}),
        (["--no-reload"], [], {}),
        (["--port", "1", "--host", "::1"], ["--reload"], {"HOST": "::1", "PORT": "1"}),
        (["--no-reload", "--", "--workers", "2"], ["--workers", "2"], {}),
    ],
)
def test_the_server_starts_in_its_own_environment_from_any_folder_inside(
    macchiato: Macchiato, served: Path, typed: list[str], started: list[str], variables: dict[str, str]
) -> None:
    ran = macchiato(
        "run",
        *typed,
        folder=served / "app/core",
        ENDS_WITH="0",
        VIRTUAL_ENV="/elsewhere",
        PYTHONPATH="/elsewhere",
    )

    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == [started, str(served), variables]


@pytest.mark.parametrize("port", ["0", "70000"])
def test_a_port_that_is_none_is_a_usage_error(macchiato: Macchiato, served: Path, port: str) -> None:
    ran = macchiato("run", "--port", port, folder=served)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("  try: macchiato run --help\n")


@pytest.mark.parametrize(
    ("number", "variables", "code"),
    [
        (signal.SIGINT, {}, 0),
        (signal.SIGINT, {"ENDS_SIGNALLED_WITH": "3"}, 0),
        (signal.SIGINT, {"DIES": "1"}, 0),
        (signal.SIGTERM, {}, 0),
        (signal.SIGTERM, {"ENDS_SIGNALLED_WITH": "3"}, 3),
        (signal.SIGTERM, {"DIES": "1"}, 143),
        (signal.SIGHUP, {}, 0),
    ],
)
def test_a_signal_ends_the_server_first(
    macchiato: Macchiato, served: Path, number: signal.Signals, variables: dict[str, str], code: int
) -> None:
    macchiato.folder = served
    process = macchiato.start("run", **variables)
    assert process.stdout is not None
    process.stdout.readline()
    assert process.stdout.readline() == "ready\n"

    process.send_signal(number)
    out, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (code, "")
    assert out == ("" if variables.get("DIES") else "ended by SIGTERM\n")
    group = subprocess.run(["pgrep", "-f", str(served)], capture_output=True, text=True, check=False)
    assert group.stdout == ""


def test_a_closed_standard_input_does_not_matter(macchiato: Macchiato, served: Path) -> None:
    command = " ".join(macchiato.command)

    ended = subprocess.run(
        ["sh", "-c", f"exec <&-; exec {command} run"],
        cwd=served,
        env=macchiato.environment | {"ENDS_WITH": "0"},
        capture_output=True,
        check=False,
    )

    assert ended.returncode == 0
    assert os.listdir(served / "app") != []
