"""What the shell offers when somebody presses Tab. It never fails: that would show in a half-typed line."""

from __future__ import annotations

from collections.abc import Iterator

from macchiato_cli import interrupts
from macchiato_cli.errors import MacchiatoError


def namespaces_here(incomplete: str) -> list[str]:
    """The names of this project's namespaces that begin so, none where there is no project.

    Typer calls it: `typer.Argument(autocompletion=namespaces_here)`.
    """
    try:
        return sorted(name for name in _recorded_here() if name.startswith(incomplete))
    except (Exception, interrupts.Interrupted):
        return []


def _recorded_here() -> Iterator[str]:
    # Typer needs this module for every command, and only completion needs the records.
    from macchiato_cli.project import find_project, namespace_record, read_namespace
    from macchiato_cli.target import here

    root = find_project(here())
    for path in root.glob(namespace_record("*")):
        try:
            record = read_namespace(root, path.stem)
        except MacchiatoError:
            continue  # A damaged record hides none of the others.
        if record:
            yield record.name.wire
