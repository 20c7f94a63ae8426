"""The sdist and the wheel: built by the standard tools from a dirty checkout, installed into nothing."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.cli.conftest import snapshot
from tests.packaging.wheels import install_wheel, run

CHECKOUT = Path(__file__).parents[2]
DIRT = [
    "__pycache__/x.cpython-311.pyc",
    "app/__pycache__/x.cpython-311.pyc",
    ".mypy_cache/3.11/cache.db",
    ".pytest_cache/README.md",
    ".ruff_cache/x",
    ".hypothesis/x",
    ".venv/bin/python",
    ".env",
    ".coverage",
    "app.sqlite3",
    "app.sqlite3-wal",
    "demo.egg-info/PKG-INFO",
    ".DS_Store",
]


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist, and the wheel made from it."""
    dirty = tmp_path_factory.mktemp("dirty")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(CHECKOUT / name, dirty)
    for name in ("macchiato_cli", "templates"):
        ignored = shutil.ignore_patterns("__pycache__", ".mypy_cache", ".ruff_cache", ".venv", "node_modules")
        shutil.copytree(CHECKOUT / name, dirty / name, ignore=ignored)
    (dirty / ".gitignore").write_text(".env.example\n*.mako\n__pycache__/\n")
    for path in DIRT:
        (dirty / "templates/project" / path).parent.mkdir(parents=True, exist_ok=True)
        (dirty / "templates/project" / path).write_text("not to be shipped")
    built = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(built), str(dirty), folder=built)
    return built


@pytest.fixture(scope="module")
def installed(distributions: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel."""
    return install_wheel(distributions, tmp_path_factory.mktemp("environment"))


def shipped_templates() -> set[str]:
    """What is in the checkout's templates and meant to be there."""
    left_out = ("__pycache__", "_cache/", ".venv/", ".egg-info", ".sqlite3", ".hypothesis/", ".DS_Store")
    paths = (path.relative_to(CHECKOUT) for path in (CHECKOUT / "templates").rglob("*") if path.is_file())
    named = (path.as_posix() for path in paths if path.name not in (".env", ".coverage"))
    return {path for path in named if not any(part in path for part in left_out)}


def test_the_wheel_has_every_template_file_and_nothing_else(distributions: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        text = archive.read("macchiato_cli/_templates/project/.env.example")
    templates = {name for name in names if "/_templates/" in name}

    assert templates == {f"macchiato_cli/_{path}" for path in shipped_templates()}
    assert "macchiato_cli/py.typed" in names
    assert b"\nTOKEN_SECRET=\n" in text


def test_the_sdist_has_every_template_file_and_nothing_else(distributions: Path) -> None:
    (sdist,) = distributions.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        members = {member.name.split("/", 1)[1] for member in archive.getmembers() if member.isfile()}

    assert {name for name in members if name.startswith("templates/")} == shipped_templates()
    assert {"pyproject.toml", "README.md", "LICENSE"} <= members


def test_run_bits_survive(distributions: Path) -> None:
    (wheel,) = distributions.glob("*.whl")
    executable = {
        f"macchiato_cli/_{path}" for path in shipped_templates() if os.access(CHECKOUT / path, os.X_OK)
    }
    with zipfile.ZipFile(wheel) as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}

    assert {
        name for name, mode in modes.items() if mode & stat.S_IXUSR and "/_templates/" in name
    } == executable


def test_the_installed_wheel_generates_what_the_checkout_generates(
    installed: Path, rendered_here: Path, tmp_path: Path
) -> None:
    macchiato = str(installed / "bin/macchiato")
    found = run(
        str(installed / "bin/python"), "-c", "import macchiato_cli as m; print(m.__file__)", folder=tmp_path
    )
    assert found.startswith(str(installed))

    run(macchiato, "new", "demo", "--no-install", "--no-git", folder=tmp_path)
    run(macchiato, "add-namespace", "teamChat", "--event", "typing", folder=tmp_path / "demo")

    assert snapshot(tmp_path / "demo") == snapshot(rendered_here)


@pytest.fixture
def rendered_here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same project, made by the checkout."""
    folder = tmp_path_factory.mktemp("here")
    macchiato = (sys.executable, "-m", "macchiato_cli")
    run(*macchiato, "new", "demo", "--no-install", "--no-git", folder=folder)
    run(*macchiato, "add-namespace", "teamChat", "--event", "typing", folder=folder / "demo")
    return folder / "demo"
