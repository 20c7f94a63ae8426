"""The command in a process of its own, with a home that has a git identity, and without a terminal."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from macchiato_cli.names import EventName, NamespaceName
from macchiato_cli.project import NamespaceRecord, ProjectRecord
from macchiato_cli.scaffold import namespace_files, project_files
from tests.cli.nursery import STARTUP, Nursery
from tests.cli.redis_servers import Redis, started_redis
from tests.later import make_later

# The record of a project.
RECORD = "template: project\nversion: 0.1.0\nanswers:\n  name: demo\n  namespace: devUser\n"


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


# What a version's commands share; whatever else a test tells an interpreter is for one of its own.
NURSED = {"LANG", "PYTHONPATH", "PYTHONWARNINGS"}
COMMAND = (sys.executable, "-m", "macchiato_cli")


class Macchiato:
    """Runs `macchiato` in a folder, and waits for its end."""

    command: tuple[str, ...] = COMMAND
    _nurseries: ClassVar[dict[tuple[str, ...], Nursery]] = {}

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "TMPDIR": str(home),
            "PYTHONWARNINGS": "error",
        }

    def __call__(self, *arguments: str, folder: Path | None = None, **variables: str) -> Ran:
        startup = {name: text for name, text in self.environment.items() if name.startswith(STARTUP)}
        is_odd = startup.keys() - NURSED or any(name.startswith(STARTUP) for name in variables)
        if is_odd or self.command != COMMAND:
            return self.from_scratch(*arguments, folder=folder, **variables)
        key = tuple(f"{name}={text}" for name, text in sorted(startup.items()))
        if key not in self._nurseries:
            self._nurseries[key] = Nursery(startup)
        code, out, err = self._nurseries[key].run(
            arguments, folder=folder or self.folder, environment=self.environment | variables, timeout_s=60
        )
        return Ran(code, out.decode(), err.decode())

    def from_scratch(self, *arguments: str, folder: Path | None = None, **variables: str) -> Ran:
        """With an interpreter of its own, as its users start it."""
        ended = subprocess.run(
            [*self.command, *arguments],
            cwd=folder or self.folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.command, *arguments],
            cwd=self.folder,
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


def make_home(folder: Path) -> Path:
    """A home whose owner git knows."""
    folder.mkdir()
    (folder / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path / "home")


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """An empty folder to work in."""
    work = tmp_path / "work"
    work.mkdir()
    return work


@pytest.fixture
def macchiato(work: Path, home: Path) -> Macchiato:
    return Macchiato(work, home)


@pytest.fixture(scope="session")
def later_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout of a later version: do not change it."""
    return make_later(tmp_path_factory.mktemp("later") / "checkout")


@pytest.fixture
def later(later_checkout: Path, macchiato: Macchiato) -> Macchiato:
    """The command of a later version."""
    later = Macchiato(macchiato.folder, Path(macchiato.environment["HOME"]))
    later.environment["PYTHONPATH"] = str(later_checkout)
    return later


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    folder = tmp_path_factory.mktemp("redis")
    with started_redis(folder, "--requirepass", "s3:cret", "--unixsocket", str(folder / "a b.sock")) as one:
        yield one


@pytest.fixture
def redis(shared_redis: Redis) -> Iterator[Redis]:
    """It has one key, and no other one afterwards."""
    shared_redis.ask("SET", "precious", "1")
    yield shared_redis
    assert shared_redis.ask("KEYS", "*") == ["precious"]


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project made once, without environment and repository: copy it, do not change it."""
    base = tmp_path_factory.mktemp("rendered")
    (base / "home").mkdir()
    (base / "work").mkdir()
    ran = Macchiato(base / "work", base / "home")("new", "demo", "--no-install", "--no-git", "-q")
    assert ran == Ran(0, "", "")
    return base / "work" / "demo"


@pytest.fixture
def project(rendered: Path, work: Path) -> Path:
    """A fresh project."""
    return Path(shutil.copytree(rendered, work / "demo"))


def made_by(version: str, folder: Path, *, namespaces: Sequence[str] = ("devUser",)) -> Path:
    """A project as a version made it."""
    record = ProjectRecord("demo", NamespaceName(namespaces[0]), version)
    files = dict(project_files(record))
    for name in namespaces:
        files |= namespace_files(
            NamespaceRecord(NamespaceName(name), (EventName("sayStuff"),), public=False, version=version)
        )
    for path, file in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        target.chmod(0o755 if file.executable else 0o644)
    return folder


def git(folder: Path, *arguments: str) -> str:
    """What git says; it has to succeed."""
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def repository(project: Path) -> Path:
    """A fresh project, committed."""
    commit(project, "Start")
    return project


def commit(folder: Path, message: str) -> None:
    """Commit everything, in a repository that is made when there is none."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def snapshot(folder: Path) -> dict[str, str]:
    """All that is below a folder: kind, permissions and a digest, but not the secret's."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = f"{path.lstat().st_mode:o}"
        is_plain = path.is_file() and not path.is_symlink() and path.name != ".env"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:12] if is_plain else ""
        link = os.readlink(path) if path.is_symlink() else ""
        found[path.relative_to(folder).as_posix()] = f"{mode} {digest}{link}"
    return found
