"""What the comparison needs, in a folder of its own (benchmarks/.work), which git ignores."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
CHECKOUT: Final = HERE.parents[1]
WORK: Final = HERE.parent / ".work"
SERVERS: Final = HERE / "servers"

# With what its users install: uvicorn's extra brings uvloop, httptools and websockets.
PLAIN: Final = (
    "python-socketio==5.18.*",
    "uvicorn[standard]==0.54.*",
    "joserfc",
    "cryptography",
    "aiosqlite",
)
# Fast, and for Node versions that have no SQLite of their own; it may have to be compiled, which may fail.
FASTER_SQLITE: Final = "better-sqlite3@12"


class CannotInstall(SystemExit):
    """Without this, there is nothing to compare."""


@dataclass
class Tools:
    """Where everything is; None where something could not be had, which `missing` explains."""

    load: Path
    project: Path
    project_python: Path
    plain_python: Path
    node: str | None = None
    node_modules: Path | None = None
    missing: list[str] = field(default_factory=list)


def install(*, python: Path | None, project: Path | None, thorough: bool) -> Tools:
    """Everything there is to have.

    Args:
        python: Runs both Python servers, instead of environments of their own.
        project: Is measured, instead of a new one; a copy of it.
        thorough: Do also what takes minutes, to give Node the best that there is.
    """
    folder = _project(project, with_environment=python is None)
    tools = Tools(
        load=compile_load(),
        project=folder,
        project_python=python or (project or folder).resolve() / ".venv" / "bin" / "python",
        plain_python=python or _plain_environment(),
    )
    tools.node = shutil.which("node")
    if tools.node is None:
        tools.missing.append("node is missing: nothing is compared with Node (install Node.js 20 or newer)")
    else:
        tools.node_modules = install_node(tools.missing, thorough=thorough)
    return tools


@contextmanager
def alone() -> Iterator[None]:
    """Keeps others out of the folder: two runs at once would measure each other.

    Raises:
        CannotInstall: Another run has it.
    """
    WORK.mkdir(exist_ok=True)
    with (WORK / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotInstall(
                "error: benchmarks/.work is in use\n"
                "  another run is going on, and the two would measure each other\n"
                "  try: again when it is done"
            ) from None
        yield


def compile_load(folder: Path = WORK) -> Path:
    """The load generator.

    Raises:
        CannotInstall: It cannot be had here.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if sys.platform != "linux" or compiler is None:
        raise CannotInstall(
            "error: there is no load generator\n"
            "  it needs Linux (epoll, /proc) and a C compiler\n"
            "  try: apt-get install gcc libc6-dev"
        )
    sources = sorted((HERE / "load").glob("*.c"))
    program = folder / "load"
    if not _is_newer(program, [*sources, HERE / "load" / "load.h"]):
        _run([compiler, "-O2", "-o", str(program), *map(str, sources)])
    return program


def _is_newer(made: Path, sources: Sequence[Path]) -> bool:
    return made.exists() and made.stat().st_mtime > max(source.stat().st_mtime for source in sources)


def _project(existing: Path | None, *, with_environment: bool) -> Path:
    """A project with the namespace that is measured."""
    folder = WORK / "project"
    shutil.rmtree(folder, ignore_errors=True)
    if existing:
        shutil.copytree(
            existing, folder, ignore=shutil.ignore_patterns(".venv", ".git", "*.sqlite3*", "__pycache__")
        )
    else:
        command = [sys.executable, "-m", "macchiato_cli", "new", str(folder), "--no-git", "--yes", "--quiet"]
        _run([*command, *([] if with_environment else ["--no-install"])])
    shutil.copy(SERVERS / "namespace.py", folder / "app" / "namespaces" / "bench.py")
    return folder


def _plain_environment() -> Path:
    python = WORK / "plain" / "bin" / "python"
    if not python.exists():
        if uv := shutil.which("uv"):
            _run([uv, "venv", "--quiet", "--python", sys.executable, str(WORK / "plain")])
        else:
            _run([sys.executable, "-m", "venv", str(WORK / "plain")])
    _run([*_pip(python), *PLAIN])
    return python


def _pip(python: Path) -> list[str]:
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", str(python)]
    return [str(python), "-m", "pip", "install", "--quiet"]


def install_node(missing: list[str], *, thorough: bool) -> Path | None:
    """The folder with Node's packages; None, and why in `missing`, when they cannot be had."""
    folder = WORK / "node"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(SERVERS / "package.json", folder)
    npm = shutil.which("npm")
    install = [npm or "npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--silent"]
    has_packages = (folder / "node_modules" / "socket.io").exists()
    try:
        if not has_packages:
            _run([*install, "--no-package-lock"])
        if thorough and npm and not (folder / "node_modules" / "better-sqlite3").exists():
            _run([*install, "--no-package-lock", "--no-save", FASTER_SQLITE])
    except (OSError, subprocess.CalledProcessError) as error:
        if not (folder / "node_modules" / "socket.io").exists():
            missing.append(f"npm could not install socket.io: nothing is compared with Node ({error})")
            return None
        missing.append(f"{FASTER_SQLITE} could not be installed: Node looks users up with another one")
    return folder


def install_matplotlib() -> Path | None:
    """A folder to import it from; None when it cannot be had."""
    folder = WORK / "matplotlib"
    if not (folder / "matplotlib").exists():
        try:
            _run([*_pip(Path(sys.executable)), "--target", str(folder), "matplotlib>=3.9"])
        except (OSError, subprocess.CalledProcessError):
            return None
    return folder


def _run(command: list[str]) -> None:
    print("$", *(part.replace(f"{CHECKOUT}/", "") for part in command), file=sys.stderr, flush=True)
    subprocess.run(
        command,
        cwd=CHECKOUT,
        check=True,
        stdout=sys.stderr,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )
