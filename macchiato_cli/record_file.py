"""The text of a record, which anybody may have written: read without waiting, and without being kept busy."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

from macchiato_cli import interrupts
from macchiato_cli.errors import Refused, reason_of, shown
from macchiato_cli.redaction import read_regular

_LARGEST = 16 * 1024
_DEEPEST = 8
_MERGE = "tag:yaml.org,2002:merge"

# What macchiato writes of a project: texts that YAML cannot take for anything else. There it is read without
# PyYAML, which takes longer to be imported than the rest of `macchiato list` to be done.
_PLAIN_RECORD = re.compile(
    rb"""(?:\#[ -~]*\n)?
    template:\ (?P<template>[a-z]{4,12})\n
    version:\ (?P<version>[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6})\n
    answers:\n
    \ \ name:\ (?P<name>[A-Za-z][A-Za-z0-9_.-]{0,99})\n
    \ \ namespace:\ (?P<namespace>[A-Za-z][A-Za-z0-9_-]{0,99})\n""",
    re.VERBOSE,
)
# What YAML 1.1 takes for true, false or nothing.
_NO_TEXTS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def load_record(path: Path) -> Any:
    """What a record's YAML says.

    Raises:
        Refused: It is not a plain, small file of plain YAML.
    """
    text = _read(path)
    if (plain := _plain_record(text)) is not None:
        return plain
    import yaml

    try:
        with interrupts.allowed():
            if reason := _why_not_plain(text):
                raise damaged(path, reason)
            return yaml.safe_load(text)
    # PyYAML raises ValueError for impossible dates and numbers, OverflowError for 1:1:1 and so on.
    except (yaml.YAMLError, ValueError, ArithmeticError, RecursionError) as error:
        raise damaged(path, "it is not YAML") from error


def _plain_record(text: bytes) -> dict[str, Any] | None:
    found = _PLAIN_RECORD.fullmatch(text)
    if found is None:
        return None
    fields = {name: value.decode() for name, value in found.groupdict().items()}
    if any(value.lower() in _NO_TEXTS for value in fields.values()):
        return None
    answers = {"name": fields["name"], "namespace": fields["namespace"]}
    return {"template": fields["template"], "version": fields["version"], "answers": answers}


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
