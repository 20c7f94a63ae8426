"""Wheels in environments of their own, as their users have them."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path


def build_wheel(checkout: Path, folder: Path) -> Path:
    """Make the checkout's wheel in a folder, with the standard tools."""
    run(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation"),
        *("--outdir", str(folder), str(checkout)),
        folder=checkout,
    )
    return folder


def install_wheel(folder: Path, environment: Path) -> Path:
    """Make an environment with the wheel in the folder; its dependencies come from the tests' own."""
    run(sys.executable, "-m", "venv", "--without-pip", str(environment), folder=folder)
    site = next(environment.glob("lib/python*/site-packages"))
    (wheel,) = folder.glob("*.whl")
    # Python's own pip, without installing it first: that of the tests need not be there.
    with as_file(files("ensurepip") / "_bundled") as bundled:
        pip = [str(environment / "bin/python"), str(next(bundled.glob("pip-*.whl")) / "pip")]
        run(*pip, "install", "--quiet", "--no-deps", "--no-index", str(wheel), folder=environment)
    # Only the packages: a .pth file there would put the checkout back.
    ours = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    (site / "dependencies").mkdir()
    for package in ours.iterdir():
        if package.suffix != ".pth" and not package.name.startswith(("macchiato", "_macchiato")):
            (site / "dependencies" / package.name).symlink_to(package)
    (site / "dependencies.pth").write_text(f"{site / 'dependencies'}\n")
    return environment


def run(*command: str, folder: Path, code: int = 0) -> str:
    """What the command prints; it has to end with the code."""
    environment = {
        key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout
