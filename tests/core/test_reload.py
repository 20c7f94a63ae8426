"""`python -m app --reload`, which is what `macchiato run` starts, and a server that is stuck."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from websockets.sync.client import connect

from support import free_port, wait_for_health
from tests.later import edit

APP = Path(__file__).resolve().parents[2] / "templates" / "project" / "app"


@dataclass(frozen=True)
class Reloading:
    """A copy of the template, served with --reload in a process group of its own."""

    folder: Path
    url: str
    process: subprocess.Popen[bytes]

    def stick(self) -> None:
        """Save a module that never ends its import; returns when a server is importing it."""
        stuck = self.folder / "stuck"
        # Asleep, so that it keeps nobody but its own server from working.
        self.save(f"import time\nopen({str(stuck)!r}, 'w').close()\nwhile True:\n    time.sleep(0.01)\n")
        until(stuck.exists)

    def save(self, text: str) -> None:
        (self.folder / "app" / "namespaces" / "broken.py").write_text(text)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=1) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def living(self) -> list[str]:
        """The processes of the group, but for those that only wait to be forgotten."""
        listed = subprocess.run(
            ["ps", "-eo", "pgid=,stat=,args="], capture_output=True, text=True, check=True
        )
        lines = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
        return [line[2] for line in lines if line[0] == str(self.process.pid) and line[1][0] != "Z"]


@contextmanager
def reloading(folder: Path, *, patience_s: int | None = None) -> Iterator[Reloading]:
    # With what Python has compiled, which it compares to the dates that are copied.
    shutil.copytree(APP, folder / "app")
    if patience_s is not None:
        edit(
            folder / "app/engine/reloader.py",
            r"^PATIENCE_S: Final = \d+$",
            f"PATIENCE_S: Final = {patience_s}",
        )
    port = free_port()
    variables = {"PORT": str(port), "TOKEN_SECRET": "a secret for tests, which is long enough to be one"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "--reload"],
            cwd=folder,
            env=os.environ | variables,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = Reloading(folder, f"http://127.0.0.1:{port}", process)
    try:
        wait_for_health(server.url, process)
        yield server
    finally:
        if server.living():
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(condition: Callable[[], object], *, within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_a_module_with_an_endless_loop_can_be_mended(tmp_path: Path) -> None:
    with reloading(tmp_path, patience_s=1) as server:
        server.stick()
        assert not server.answers()

        server.save("")

        until(server.answers)
        assert "The server is stuck" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_while_a_module_has_an_endless_loop(
    tmp_path: Path, number: signal.Signals
) -> None:
    with reloading(tmp_path, patience_s=1) as server:
        server.stick()

        server.process.send_signal(number)

        assert server.process.wait(timeout=10) == 0
        until(lambda: server.living() == [], within_s=2)


def test_a_server_that_is_not_stuck_is_not_waited_for(tmp_path: Path) -> None:
    with reloading(tmp_path) as server:
        with connect(f"{server.url.replace('http', 'ws', 1)}/socket.io/?EIO=4&transport=websocket"):
            pass
        server.process.terminate()

        assert server.process.wait(timeout=10) == 0
        until(lambda: server.living() == [], within_s=2)
        log = (tmp_path / "log").read_text()
        assert "stuck" not in log
        assert "accepted" not in log  # Unless ACCESS_LOG asks for it.
