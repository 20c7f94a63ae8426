"""What a command is going to do to each file. Nothing here touches a disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from macchiato_cli.errors import Refused


@dataclass(frozen=True)
class File:
    """A file that is there or is to be: its bytes, and whether it runs or is its owner's alone.

    Args:
        permissions: All of its permission bits, when they are known. A file to be has those that its kind
            asks for, of which the user's umask takes its share.
    """

    content: bytes
    executable: bool = False
    private: bool = False
    permissions: int | None = None

    @property
    def mode(self) -> int:
        """The permissions to ask for."""
        if self.permissions is not None:
            return self.permissions
        return 0o600 if self.private else 0o777 if self.executable else 0o666


@dataclass(frozen=True)
class Obstacle:
    """Something that is no file of the project's: it can be neither read nor replaced."""

    what: str


@dataclass(frozen=True)
class Step:
    """One path, what is there now, and what will be; None is nothing."""

    path: str
    before: File | None
    after: File | None


@dataclass(frozen=True)
class Plan:
    """Which files are written, and which are there already, byte for byte."""

    create: dict[str, File]
    keep: tuple[str, ...]

    @property
    def steps(self) -> list[Step]:
        """What there is to do."""
        return [Step(path, None, file) for path, file in self.create.items()]


def plan_addition(wanted: Mapping[str, File], present: Mapping[str, File | Obstacle]) -> Plan:
    """How to add files to a folder without changing what is there.

    Args:
        wanted: The files by path, in the order in which they are to appear.
        present: What is at those paths now.

    Raises:
        Refused: Something else is at one of the paths.
    """
    in_the_way = [path for path in wanted if path in present and not _is_same(present[path], wanted[path])]
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


def _is_same(present: File | Obstacle, wanted: File) -> bool:
    return isinstance(present, File) and present.content == wanted.content
