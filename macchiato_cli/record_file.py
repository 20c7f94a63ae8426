"""The text of a record, which anybody may have written: read without waiting, and without being kept busy."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from macchiato_cli import interrupts
from macchiato_cli.errors import Refused, reason_of, shown
from macchiato_cli.redaction import read_regular

_LARGEST = 16 * 1024
_DEEPEST = 8
_MERGE = "tag:yaml.org,2002:merge"


def load_record(path: Path) -> Any:
    """What a record's YAML says.

    Raises:
        Refused: It is not a plain, small file of plain YAML.
    """
    import yaml

    text = _read(path)
    try:
        with interrupts.allowed():
            if reason := _why_not_plain(text):
                raise damaged(path, reason)
            return yaml.safe_load(text)
    # PyYAML raises ValueError for impossible dates and numbers, OverflowError for 1:1:1 and so on.
    except (yaml.YAMLError, ValueError, ArithmeticError, RecursionError) as error:
        raise damaged(path, "it is not YAML") from error


def damaged(path: Path, reason: str) -> Refused:
    """The error for a record that macchiato cannot have written."""
    return Refused(
        f"{shown(path.name)} is not a record that macchiato wrote",
        code="damaged_record",
        reasons=(reason, f"it is {path}"),
        tries=(shlex.join(["git", "checkout", "--", str(path)]),),
        paths=[str(path)],
    )


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, _LARGEST)
    except OSError as error:
        # What the system says has a number; what read_regular says of itself has none.
        reason = f"it cannot be read: {reason_of(error)}" if error.errno else str(error)
        raise damaged(path, reason) from error


def _why_not_plain(text: bytes) -> str | None:
    """Why it may take forever to load: aliases and merge keys double with each line, depth costs squared."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            return "it is nested too deeply"
        is_merge = isinstance(event, yaml.ScalarEvent) and (event.value == "<<" or event.tag == _MERGE)
        if is_merge or getattr(event, "anchor", None) is not None:
            return "it has aliases or merge keys"
    return None
