"""What the project was made from, and how much of it is its owner's by now."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from macchiato_cli import __version__
from macchiato_cli.doctor.check import Check, note, ok
from macchiato_cli.layers import Layer, read_layers
from macchiato_cli.merge import in_lf
from macchiato_cli.plan import File
from macchiato_cli.redaction import read_regular
from macchiato_cli.templates import version_key

_LARGEST = 4 * 1024 * 1024


def check_template(root: Path) -> Check:
    """The records, and the files that were rendered from them.

    Raises:
        MacchiatoError: A record is damaged, or of a version that is not known here.
    """
    layers = read_layers(root)
    older = {layer.version for layer in layers if layer.is_behind}
    versions = ", ".join(sorted(older, key=version_key)) or __version__
    found = f"{versions}, {_drift(root, layers)}"
    if older:
        return note("template", f"{found}; this is macchiato {__version__}", ["macchiato update"])
    return ok("template", found)


def _drift(root: Path, layers: Sequence[Layer]) -> str:
    """How many files are not as they were rendered."""
    files = {path: file for layer in layers for path, file in layer.base.items()}
    edited = sum(_is_edited(root / path, file) for path, file in files.items())
    deleted = sum(not os.path.lexists(root / path) for path in files)
    if not edited and not deleted:
        return "every file as it was made"
    counts = (
        f"{edited} of {len(files)} files edited by you" if edited else "",
        f"{deleted} deleted" if deleted else "",
    )
    return ", ".join(filter(None, counts))


def _is_edited(path: Path, file: File) -> bool:
    """Whether something else is there; what no template makes is not even read."""
    if not os.path.lexists(path):
        return False
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
        return True
    return in_lf(read_regular(path, _LARGEST)) != file.content
