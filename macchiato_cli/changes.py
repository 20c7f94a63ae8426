"""What an update does to each file: the template then and now, and the owner's edits in between. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from macchiato_cli.errors import Refused
from macchiato_cli.merge import Merge, Merged, in_lf, is_binary, with_line_ends_of
from macchiato_cli.plan import File, Obstacle, Step

Kind = Literal["unchanged", "updated", "added", "merged", "conflict", "removed", "kept", "yours"]


@dataclass(frozen=True)
class Sides:
    """The three sides of a conflict."""

    base: File | None
    ours: File
    theirs: File


@dataclass(frozen=True)
class Change:
    """What an update does to one file.

    Args:
        kind: `unchanged`: it is what the template has. `updated`, `added`, `removed`: as the template did.
            `merged`: it has the owner's edits and the template's. `conflict`: these contradict each other.
            `kept`: the owner deleted it, or edited what the template dropped. `yours`: the owner edited what
            the template did not change.
        before: What is there now.
        after: What will be.
        was: The path that it had until now, with the file that is there.
        edited: Whether something of the owner's is replaced, merged or moved.
    """

    path: str
    kind: Kind
    before: File | None = None
    after: File | None = None
    reason: str = ""
    was: tuple[str, File] | None = None
    sides: Sides | None = None
    edited: bool = False

    @property
    def there(self) -> tuple[str, File | None]:
        """The path that it has until now, and what is there."""
        return self.was or (self.path, self.before)

    @property
    def steps(self) -> list[Step]:
        """What there is to do on the disk."""
        moved = [Step(self.was[0], self.was[1], None)] if self.was else []
        return [*moved, Step(self.path, self.before, self.after)] if self.before != self.after else moved


def plan_update(
    base: Mapping[str, File],
    theirs: Mapping[str, File],
    present: Mapping[str, File | Obstacle],
    *,
    renames: Mapping[str, str],
    merge: Merge,
) -> list[Change]:
    """What to do to each file that the template had or has, in the order of their paths.

    Args:
        base: What the template made when the project was made or last updated.
        theirs: What it makes now.
        present: What is in the project.
        renames: What the template calls otherwise now: old path to new.

    Raises:
        Refused: Something that is no file of the project's is where a file changes.
    """
    in_the_way: list[str] = []
    changes: list[Change] = []
    moves = {
        new: old
        for old, new in renames.items()
        if old in base
        and old not in theirs
        and new in theirs
        and new not in base
        # An owner who has both has two files; who has the new one only, was first to rename it.
        and not (old in present and new in present)
    }
    for path in sorted((base.keys() | theirs.keys()) - set(moves.values())):
        before, now = base.get(moves.get(path, path)), theirs.get(path)
        place = moves[path] if path in moves and path not in present else path
        ours = present.get(place)
        if _is_wanted(before, now) and (reason := _why_not_written(before, ours, now)):
            in_the_way.append(f"{place} {reason}")
        elif isinstance(ours, Obstacle):
            changes.append(Change(path, "yours", reason=f"it {ours.what}"))
        elif change := _change(path, before, ours, now, merge):
            changes.append(_moved(change, place, ours) if place != path and ours else change)
    if in_the_way:
        raise Refused(
            "the update cannot write where it has to",
            code="files_in_the_way",
            reasons=(*in_the_way, "nothing was written: move or remove these first"),
            paths=[line.split(" ", 1)[0] for line in in_the_way],
        )
    return changes


def _change(
    path: str, base: File | None, ours: File | None, theirs: File | None, merge: Merge
) -> Change | None:
    if theirs is None:
        if ours is None:
            return None
        if base is not None and _same_text(ours, base):
            return Change(path, "removed", before=ours)
        return Change(path, "kept", ours, ours, "you edited it; the template has it no more")
    if ours is None:
        if base is None:
            return Change(path, "added", after=theirs)
        return Change(path, "kept", reason="you deleted it")
    return _merged(path, base, ours, theirs, merge)


def _merged(path: str, base: File | None, ours: File, theirs: File, merge: Merge) -> Change:
    """All three sides; without a base, both have added the file."""
    untouched = base is not None and _same_text(ours, base)
    executable = theirs.executable if base and ours.executable == base.executable else ours.executable
    merged = Merged(in_lf(theirs.content), 0) if untouched else _merge(base, ours, theirs, merge)
    after = _with(ours, with_line_ends_of(ours.content, merged.content), executable)
    if merged.conflicts:
        return Change(path, "conflict", ours, after, sides=Sides(base, ours, theirs), edited=True)
    if after == ours:
        is_theirs = _same_text(ours, theirs) and ours.executable == theirs.executable
        return Change(path, "unchanged" if is_theirs else "yours", ours, ours)
    return Change(path, "updated" if untouched else "merged", ours, after, edited=not untouched)


def _merge(base: File | None, ours: File, theirs: File, merge: Merge) -> Merged:
    if _same_text(ours, theirs) or (base is not None and _same_text(base, theirs)):
        return Merged(in_lf(ours.content), 0)
    return merge(in_lf(ours.content), in_lf(base.content) if base else b"", in_lf(theirs.content))


def _moved(change: Change, place: str, ours: File) -> Change:
    """The change of a file that also gets another path."""
    if change.kind in ("unchanged", "yours"):
        # Only its path is new: what is there moves as it is.
        change = replace(change, kind="updated" if change.kind == "unchanged" else "merged", after=ours)
    edited = change.edited or change.kind == "merged"
    return replace(change, before=None, was=(place, ours), edited=edited)


def _with(file: File, content: bytes, executable: bool) -> File:
    """The file with other bytes, and all that its owner allows on it."""
    if executable == file.executable or file.permissions is None:
        return replace(file, content=content, executable=executable)
    readers = file.permissions & 0o444
    permissions = file.permissions | readers >> 2 if executable else file.permissions & ~0o111
    return replace(file, content=content, executable=executable, permissions=permissions)


def _why_not_written(base: File | None, ours: File | Obstacle | None, theirs: File | None) -> str | None:
    """Why what the template has cannot be written over or merged into what is there."""
    if isinstance(ours, Obstacle):
        return ours.what
    if ours is None or any(side and _same_text(ours, side) for side in (base, theirs)):
        return None
    return "is not a text" if is_binary(ours.content) else None


def _is_wanted(base: File | None, theirs: File | None) -> bool:
    """Whether the template asks for something to be written."""
    return theirs is not None and (base is None or not _same_text(base, theirs))


def _same_text(one: File, other: File) -> bool:
    return in_lf(one.content) == in_lf(other.content)
