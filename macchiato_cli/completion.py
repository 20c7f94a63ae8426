"""What the shell offers when somebody presses Tab. It never fails: that would show in a half-typed line."""

from __future__ import annotations

import time
from collections.abc import Iterator

from macchiato_cli import interrupts

# Somebody waits for it in the middle of a line; what is found until then is offered.
_LIMIT_S = 0.3


def namespaces_here(incomplete: str) -> list[str]:
    """The names of this project's namespaces that begin so, none where there is no project.

    Typer calls it: `typer.Argument(autocompletion=namespaces_here)`.
    """
    try:
        return sorted(name for name in _recorded_here() if name.startswith(incomplete))
    except (Exception, interrupts.Interrupted):
        return []


def languages(incomplete: str) -> list[str]:
    """What `macchiato client` makes clients in."""
    return [name for name in ("python", "typescript") if name.startswith(incomplete)]


def _recorded_here() -> Iterator[str]:
    # Typer needs this module for every command, and only completion needs the records.
    from macchiato_cli.project import find_project, namespace_record, read_namespace
    from macchiato_cli.target import here

    root = find_project(here())
    deadline = time.monotonic() + _LIMIT_S
    for path in sorted(root.glob(namespace_record("*"))):
        try:
            record = read_namespace(root, path.stem)
        except Exception:
            record = None  # A damaged record hides none of the others.
        if record:
            yield record.name.wire
        if time.monotonic() > deadline:
            return
