"""What generated clients have to pass: the formatter, the type checkers, and a program that uses them."""

import subprocess
import sys
from pathlib import Path

from macchiato_cli.client import python
from tests.services import require

CHECKOUT = Path(__file__).resolve().parents[2]
NODE = CHECKOUT / "tests" / "node"
RUNTIME = CHECKOUT / "templates/project/clients/typed/__init__.py"


def write_modules(folder: Path, document: object) -> None:
    """The clients of a project: `typed`, in this folder."""
    (folder / "typed").mkdir(parents=True)
    (folder / "typed" / "__init__.py").write_text(RUNTIME.read_text())
    for name, text in python.modules_of(document).items():
        (folder / "typed" / f"{name}.py").write_text(text)


def check_format(*paths: Path) -> None:
    """Raises where `ruff format` would write something else."""
    settings = CHECKOUT / "templates/project/pyproject.toml"
    ran = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--diff", "--no-cache", "--config", settings, *paths],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def mypy(folder: Path, *files: str) -> list[str]:
    """What mypy complains about, as `file:line: error: ...`."""
    (folder / "mypy.ini").write_text(
        "[mypy]\nstrict = True\nuntyped_calls_exclude = socketio\n"
        "[mypy-socketio.*,engineio.*]\nfollow_untyped_imports = True\nfollow_imports = silent\n"
    )
    cache = CHECKOUT / ".mypy_cache" / "clients"
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "--cache-dir", cache, *files],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode in (0, 1), ran.stderr
    return ran.stdout.splitlines()


def typescript(folder: Path, *files: str, emit: bool = False) -> list[str]:
    """What tsc --strict complains about; it can leave the JavaScript beside the file."""
    compiler = require(
        NODE / "node_modules/typescript/bin/tsc",
        f"npm install --no-package-lock --prefix {NODE} typescript@5.9 @types/node@20",
    )
    node = require("node", "install Node.js 20 or newer")
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(NODE / "node_modules")
        (folder / "package.json").write_text('{"type": "module"}')
    options = [
        "--strict",
        "--skipLibCheck",
        "--types",
        "node",
        "--noUncheckedIndexedAccess",
        "--module",
        "nodenext",
        "--target",
        "es2022",
    ]
    command = [node, compiler, *options, *([] if emit else ["--noEmit"]), *files]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return ran.stdout.splitlines()
