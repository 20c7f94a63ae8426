"""One project, made by scripts/demo with the real command, and installed into an environment of its own."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import free_port, wait_for_health

CHECKOUT = Path(__file__).resolve().parents[2]

# Nothing of the checkout's may help the project along.
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("PYTHON", "VIRTUAL_ENV", "MACCHIATO_", "GIT_", "COV_", "PYTEST_"))
}


@dataclass(frozen=True)
class Project:
    """A generated project."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / ".venv" / "bin" / "python")

    def macchiato(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "macchiato_cli", *arguments]
        return run(command, cwd=self.folder)

    def run(self, *command: str) -> str:
        """The output of a command in the project's folder, which must succeed."""
        return run(command, cwd=self.folder)

    def client(self, *arguments: str, stdin: str | None = "") -> subprocess.CompletedProcess[str]:
        """A client script of the project's, run to its end."""
        return subprocess.run(
            [self.python, *arguments],
            cwd=self.folder,
            env=ENVIRONMENT,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def start_client(self, *arguments: str) -> subprocess.Popen[str]:
        """A client script of the project's, which reads what it is to say."""
        return subprocess.Popen(
            [self.python, *arguments],
            cwd=self.folder,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def serving(self, port: int, **environment: str) -> Iterator[str]:
        """`python -m app` on this port; ends it with SIGTERM, which it must obey."""
        process = subprocess.Popen(
            [self.python, "-m", "app"],
            cwd=self.folder,
            env=ENVIRONMENT | {"PORT": str(port)} | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            wait_for_health(url, process)
            yield url
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)


def with_uv(folder: Path) -> dict[str, str]:
    """A PATH that has uv, and nothing else of the tests' own environment; the clone is made without it."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        return {}
    (folder / "uv").symlink_to(uv)
    return {"PATH": f"{folder}{os.pathsep}{ENVIRONMENT['PATH']}"}


def run(command: Sequence[str], *, cwd: Path, environment: dict[str, str] = ENVIRONMENT) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{command} exited with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Demo:
    """What scripts/demo made, and what it said."""

    project: Project
    output: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("generated") / "myproj"
    # Its Python part, without the bootstrap: the environment is there already.
    command = [sys.executable, str(CHECKOUT / "scripts" / "demo.py"), str(folder)]
    output = run(
        command, cwd=folder.parent, environment=ENVIRONMENT | with_uv(tmp_path_factory.mktemp("bin"))
    )
    # What scripts/check has found out about the libraries is still true, and mypy sees where it is not.
    if (known := CHECKOUT / "templates/project/.mypy_cache").is_dir():
        shutil.copytree(known, folder / ".mypy_cache")
    return Demo(Project(folder), output)


@pytest.fixture(scope="session")
def project(demo: Demo) -> Project:
    return demo.project


@pytest.fixture
def port() -> int:
    return free_port()
