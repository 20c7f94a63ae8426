"""Signals and full disks: afterwards there is everything, or nothing. See also test_every_step.py."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.conftest import Macchiato, Ran, snapshot

QUICK = ["--no-install", "--no-git", "-q"]


def wait_until_listening(process: subprocess.Popen[str]) -> None:
    """Until it has its handlers; before, nothing has begun, and Python answers."""
    status = Path(f"/proc/{process.pid}/status")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt"))
        if int(caught.split()[1], 16) & (1 << (signal.SIGTERM - 1)):
            return
        time.sleep(0.002)
    raise AssertionError("it never took over the signals")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
@pytest.mark.parametrize("delay_s", [0.0, 0.4, 1.0])
def test_a_signal_while_importing_and_rendering_leaves_everything_or_nothing(
    macchiato: Macchiato, work: Path, home: Path, rendered: Path, delay_s: float
) -> None:
    # A signal may come between the opening of a file and its first use; Python closes such a file itself.
    warnings = "error,ignore::ResourceWarning"
    process = macchiato.start("new", "demo", "--no-install", "--no-git", PYTHONWARNINGS=warnings)
    wait_until_listening(process)
    time.sleep(delay_s)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)

    if (work / "demo").exists():
        assert (process.returncode, err) in [(0, ""), (130, "interrupted: demo is complete and kept\n")]
        assert snapshot(work / "demo") == snapshot(rendered)
    else:
        assert (process.returncode, err) == (130, "interrupted: nothing was written\n")
        assert os.listdir(work) == []
    assert [path.name for path in home.iterdir()] == [".gitconfig"]


def test_a_signal_when_all_is_done_does_not_say_otherwise(macchiato: Macchiato) -> None:
    process = macchiato.start("new", "demo", "--no-install", "--no-git")
    assert process.stdout is not None
    while process.stdout.readline() != "  macchiato new demo --no-install --no-git\n":
        pass
    # Python takes some 50 ms to shut down.
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        time.sleep(0.001)

    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_signals_that_are_to_be_ignored_stay_so(macchiato: Macchiato, work: Path) -> None:
    command = " ".join([*macchiato.command, "new", "demo", *QUICK])
    process = subprocess.Popen(
        ["sh", "-c", f"trap '' HUP; exec {command}"], cwd=work, env=macchiato.environment, text=True
    )
    wait_until_listening(process)
    process.send_signal(signal.SIGHUP)

    assert process.wait(30) == 0
    assert (work / "demo/.macchiato/project.yml").is_file()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
@pytest.mark.parametrize("size", ["64k", "128k"])
def test_a_full_disk_leaves_nothing(macchiato: Macchiato, work: Path, size: str) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(work)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("may not mount here")
    try:
        ran = macchiato("new", "a/demo", *QUICK, folder=work)
        left = os.listdir(work)
    finally:
        subprocess.run(["umount", str(work)], check=True)

    assert ran == Ran(
        1,
        "",
        f"error: {work}/a/demo cannot be written: no space left on device\n  nothing was written\n",
    )
    assert left == []


def test_a_limit_on_file_sizes_leaves_nothing(macchiato: Macchiato, work: Path) -> None:
    script = (
        "import resource, sys; from macchiato_cli import execution, new\n"
        "create = new.create_folder\n"
        "def limited(*arguments):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)); create(*arguments)\n"
        "new.create_folder = limited\n"
        f"sys.exit(execution.execute(['new', 'demo', *{QUICK}]))\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY

    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=work,
        env=macchiato.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (
        1,
        f"error: {work}/demo cannot be written: file too large\n  nothing was written\n",
    )
    assert os.listdir(work) == []
