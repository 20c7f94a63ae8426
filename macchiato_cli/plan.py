"""What a command is going to do to each file. Nothing here touches a disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from macchiato_cli.errors import Refused


@dataclass(frozen=True)
class File:
    """A file to be: its bytes, and whether it runs or is its owner's alone."""

    content: bytes
    executable: bool = False
    private: bool = False

    @property
    def mode(self) -> int:
        """The permissions to ask for; the user's umask takes its share."""
        return 0o600 if self.private else 0o777 if self.executable else 0o666


@dataclass(frozen=True)
class Plan:
    """Which files are written, and which are there already, byte for byte."""

    create: dict[str, File]
    keep: tuple[str, ...]


def plan_addition(wanted: Mapping[str, File], present: Mapping[str, bytes | None]) -> Plan:
    """How to add files to a folder without changing what is there.

    Args:
        wanted: The files by path, in the order in which they are to appear.
        present: What is at those paths now: a file's bytes, or None for anything but a file.

    Raises:
        Refused: Something else is at one of the paths.
    """
    in_the_way = [path for path in wanted if path in present and present[path] != wanted[path].content]
    if in_the_way:
        raise Refused(
            "files of yours are in the way",
            code="files_in_the_way",
            reasons=(*in_the_way, "macchiato never overwrites a file: rename or remove these first"),
            paths=in_the_way,
        )
    return Plan(
        create={path: file for path, file in wanted.items() if path not in present},
        keep=tuple(path for path in wanted if path in present),
    )
