"""What can be imported from where: the project's folder, its environment."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from macchiato_cli import redaction
from macchiato_cli.environment import venv_python
from macchiato_cli.reading.meanings import Declined
from macchiato_cli.reserved import DEPENDENCY_MODULES

_LARGEST = 1024 * 1024
_IMPORTABLE = (".py", ".pyc", ".pyd", ".pyw", ".so")


class Libraries:
    """The libraries that a project finds when it imports them."""

    def __init__(self, root: Path) -> None:
        # Those come first.
        beside = {name.partition(".")[0] for name in importable(root)}
        if taken := beside & (sys.stdlib_module_names | DEPENDENCY_MODULES):
            raise Declined(f"{', '.join(taken)} in the project's folder")
        self._names = _installed(root) - beside

    def check(self, name: str) -> None:
        """Check that a library is there.

        Raises:
            Declined: It is not, or something else of that name is.
        """
        if name not in sys.stdlib_module_names and name not in self._names:
            raise Declined(f"{name} is not installed")


def importable(folder: Path) -> list[str]:
    """The names of what Python may import from a folder."""
    with os.scandir(folder) as entries:
        return [each.name for each in entries if each.name.endswith(_IMPORTABLE) or each.is_dir()]


def _installed(root: Path) -> set[str]:
    """What is installed for the project. Its Python is of our own version: both know the same syntax."""
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folder = root / ".venv/lib"
    if os.listdir(folder) != [python] or not os.access(venv_python(root), os.X_OK):
        raise Declined("another Python")
    packages = folder / python / "site-packages"
    folders = [packages]
    for path in sorted(packages.glob("*.pth")):
        lines = redaction.read_regular(path, _LARGEST).decode().splitlines()
        folders += [packages / line for line in lines if line and not line.startswith(("#", "import"))]
    return {name.partition(".")[0] for each in folders if each.is_dir() for name in importable(each)}
