"""What the project was made from, and how much of it is its owner's by now."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from macchiato_cli import __version__
from macchiato_cli.doctor.check import Check, broken, note, ok
from macchiato_cli.layers import Layer, read_layers
from macchiato_cli.merge import conflict_line, in_lf
from macchiato_cli.redaction import read_regular
from macchiato_cli.templates import version_key

_LARGEST = 4 * 1024 * 1024
_PLACES_SHOWN = 5


def check_template(root: Path) -> Check:
    """The records, and the files that were rendered from them.

    Raises:
        MacchiatoError: A record is damaged, or of a version that is not known here.
    """
    layers = read_layers(root)
    edited = _edited(root, layers)
    if places := [f"{path}:{line}" for path, text in edited.items() if (line := conflict_line(text))]:
        return broken("template", f"conflicts are left to resolve: {_first(sorted(places))}", ["git diff"])
    older = {layer.version for layer in layers if layer.is_behind}
    versions = ", ".join(sorted(older, key=version_key)) or __version__
    found = f"{versions}, {_drift(root, layers, edited)}"
    if older:
        return note("template", f"{found}; this is macchiato {__version__}", ["macchiato update"])
    return ok("template", found)


def _first(places: Sequence[str]) -> str:
    more = len(places) - _PLACES_SHOWN
    return ", ".join([*places[:_PLACES_SHOWN], *([f"and {more} more files"] if more > 0 else [])])


def _drift(root: Path, layers: Sequence[Layer], edited: Mapping[str, bytes]) -> str:
    """How many files are not as they were rendered."""
    paths = {path for layer in layers for path in layer.base}
    deleted = sum(not os.path.lexists(root / path) for path in paths)
    if not edited and not deleted:
        return "every file as it was made"
    counts = (
        f"{len(edited)} of {len(paths)} files edited by you" if edited else "",
        f"{deleted} deleted" if deleted else "",
    )
    return ", ".join(filter(None, counts))


def _edited(root: Path, layers: Sequence[Layer]) -> dict[str, bytes]:
    """The files that are not as they were rendered, and what is in them now."""
    rendered = {path: file.content for layer in layers for path, file in layer.base.items()}
    there = {path: _content(root / path) for path in rendered if os.path.lexists(root / path)}
    return {path: text or b"" for path, text in there.items() if text != rendered[path]}


def _content(path: Path) -> bytes | None:
    """What is there, with the line ends of a template; None for what no template makes, which is not read."""
    found = path.lstat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
        return None
    return in_lf(read_regular(path, _LARGEST))
