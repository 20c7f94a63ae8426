"""An environment for a generated project, in no time: its packages are those that the tests run with."""

from __future__ import annotations

import sysconfig
import venv
from pathlib import Path


def make_environment(root: Path) -> Path:
    """Its interpreter."""
    venv.create(root / ".venv", symlinks=True, with_pip=False)
    packages = next((root / ".venv/lib").glob("python*/site-packages"))
    (packages / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return root / ".venv/bin/python"
