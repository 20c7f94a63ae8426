"""Writes the template of contract.lock.json: the contract of a project that was just made."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

CHECKOUT = Path(__file__).resolve().parents[1]
LOCK = "contract.lock.json"
TEMPLATE = CHECKOUT / "templates" / "project" / LOCK
# As in the answers that Copier gets: the rest of the contract has no names of a project's own.
NAMESPACE = "devUser"
MARK = "[= namespace =]"


def main() -> None:
    TEMPLATE.touch()  # Else there would be no project that has one.
    with TemporaryDirectory() as folder:
        TEMPLATE.write_text(contract_of_new_project(Path(folder) / "project").replace(NAMESPACE, MARK))
    print(f"wrote {TEMPLATE.relative_to(CHECKOUT)}")


def contract_of_new_project(folder: Path) -> str:
    """What `python -m app.contract --lock` writes there."""
    new = ["-m", "macchiato_cli", "new", str(folder), "--no-git", "--no-install", "--quiet"]
    _run(new, cwd=folder.parent, PYTHONPATH=str(CHECKOUT))
    _run(["-m", "app.contract", "--lock"], cwd=folder, PYTHONPATH="")
    return (folder / LOCK).read_text("utf-8")


def _run(arguments: list[str], *, cwd: Path, **environment: str) -> None:
    subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=os.environ | environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


if __name__ == "__main__":
    main()
