"""The plan of an update: the three sides of a file, and what becomes of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from macchiato_cli.changes import Change, plan_update
from macchiato_cli.errors import Refused
from macchiato_cli.merge import conflict_line, merge_with_git
from macchiato_cli.plan import File, Obstacle

LABELS = ("yours", "macchiato 1.0.0", "macchiato 2.0.0")
OLD, NEW, MINE = File(b"a\nb\nc\n"), File(b"A\nb\nc\n"), File(b"a\nb\nmine\n")
BOTH = File(b"A\nb\nmine\n")
OTHER = File(b"B\nb\nc\n")


def plan(
    base: dict[str, File],
    theirs: dict[str, File],
    present: dict[str, File | Obstacle],
    renames: dict[str, str] | None = None,
) -> list[Change]:
    return plan_update(base, theirs, present, renames=renames or {}, merge=merge_with_git(LABELS))


def described(changes: list[Change]) -> list[tuple[str, str, bytes | None]]:
    """Path, kind, and what will be there."""
    return [(change.path, change.kind, change.after.content if change.after else None) for change in changes]


@pytest.mark.parametrize(
    ("base", "theirs", "ours", "expected"),
    [
        (OLD, OLD, OLD, [("f", "unchanged", OLD.content)]),
        (OLD, NEW, OLD, [("f", "updated", NEW.content)]),
        (OLD, NEW, NEW, [("f", "unchanged", NEW.content)]),
        (OLD, OLD, MINE, [("f", "yours", MINE.content)]),
        (OLD, NEW, MINE, [("f", "merged", BOTH.content)]),
        (OLD, NEW, BOTH, [("f", "yours", BOTH.content)]),
        (OLD, NEW, None, [("f", "kept", None)]),
        (OLD, OLD, None, [("f", "kept", None)]),
        (OLD, None, OLD, [("f", "removed", None)]),
        (OLD, None, MINE, [("f", "kept", MINE.content)]),
        (OLD, None, None, []),
        (None, NEW, None, [("f", "added", NEW.content)]),
        (None, NEW, NEW, [("f", "unchanged", NEW.content)]),
        (OLD, OLD, Obstacle("is a symbolic link"), [("f", "yours", None)]),
        (OLD, None, Obstacle("is a folder"), [("f", "yours", None)]),
        (OLD, OLD, File(b"\0mine"), [("f", "yours", b"\0mine")]),
        (OLD, None, File(b"\0mine"), [("f", "kept", b"\0mine")]),
    ],
)
def test_each_combination_of_sides_has_its_outcome(
    base: File | None,
    theirs: File | None,
    ours: File | Obstacle | None,
    expected: list[tuple[str, str, bytes | None]],
) -> None:
    changes = plan({"f": base} if base else {}, {"f": theirs} if theirs else {}, {"f": ours} if ours else {})

    assert described(changes) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", None),
        (b"<<<<<<< a\n=======\n>>>>>>> b\n", 1),
        (b"x\r\n<<<<<<< a\r\nx\r\n||||||| o\r\n=======\r\nx\r\n>>>>>>> b", 2),
        (b"<<<<<<< a\nx\n>>>>>>> b\n", None),
        (b"<<<<<<< a\n>>>>>>> b\n=======\n", None),
        (b"Title\n=======\n<<<<<<< a\n>>>>>>> b\n", None),
        (b"<<<<<<< a\n========\n>>>>>>> b\n", None),
        (b" <<<<<<< a\n=======\n>>>>>>> b\n", None),
        (b"<<<<<<< a\n" * 300_000 + b"=======\n" * 300_000, None),
    ],
)
def test_a_conflict_begins_where_its_marks_do_if_it_has_all_of_them(
    content: bytes, expected: int | None
) -> None:
    assert conflict_line(content) == expected


def test_contradicting_edits_stand_side_by_side_with_what_was_there() -> None:
    (change,) = plan({"f": OLD}, {"f": NEW}, {"f": OTHER})

    assert change.kind == "conflict"
    assert change.after is not None
    assert change.after.content == (
        b"<<<<<<< yours\nB\n||||||| macchiato 1.0.0\na\n=======\nA\n>>>>>>> macchiato 2.0.0\nb\nc\n"
    )
    assert change.sides is not None
    assert (change.sides.base, change.sides.ours, change.sides.theirs) == (OLD, OTHER, NEW)


def test_a_file_that_both_sides_added_is_a_conflict_and_keeps_both() -> None:
    (change,) = plan({}, {"f": NEW}, {"f": OTHER})

    assert change.kind == "conflict"
    assert change.after is not None
    assert change.after.content == (
        b"<<<<<<< yours\nB\nb\nc\n||||||| macchiato 1.0.0\n=======\nA\nb\nc\n>>>>>>> macchiato 2.0.0\n"
    )


@pytest.mark.parametrize(
    ("base", "theirs", "ours", "reason"),
    [
        (OLD, NEW, Obstacle("is a symbolic link"), "f is a symbolic link"),
        (None, NEW, Obstacle("is a folder"), "f is a folder"),
        (OLD, NEW, File(b"\0mine"), "f is not a text"),
        (None, NEW, File(b"\0mine"), "f is not a text"),
    ],
)
def test_what_is_no_text_of_the_projects_is_not_written_over(
    base: File | None, theirs: File, ours: File | Obstacle, reason: str
) -> None:
    with pytest.raises(Refused) as caught:
        plan({"f": base} if base else {}, {"f": theirs}, {"f": ours})

    assert caught.value.code == "files_in_the_way"
    assert caught.value.reasons[0] == reason


@pytest.mark.parametrize(
    ("present", "expected", "steps"),
    [
        ({"old": OLD}, [("new", "updated", NEW.content)], ["old", "new"]),
        ({"old": MINE}, [("new", "merged", BOTH.content)], ["old", "new"]),
        ({"old": NEW}, [("new", "updated", NEW.content)], ["old", "new"]),
        ({}, [("new", "kept", None)], []),
        ({"new": MINE}, [("new", "merged", BOTH.content)], ["new"]),
        ({"new": NEW}, [("new", "unchanged", NEW.content)], []),
        (
            {"old": MINE, "new": NEW},
            [("new", "unchanged", NEW.content), ("old", "kept", MINE.content)],
            [],
        ),
        ({"old": OLD, "new": NEW}, [("new", "unchanged", NEW.content), ("old", "removed", None)], ["old"]),
    ],
)
def test_a_renamed_file_takes_its_owners_edits_along(
    present: dict[str, File | Obstacle], expected: list[tuple[str, str, bytes | None]], steps: list[str]
) -> None:
    changes = plan({"old": OLD}, {"new": NEW}, present, {"old": "new"})

    assert described(changes) == expected
    assert [step.path for change in changes for step in change.steps] == steps


def test_an_edited_file_that_is_only_renamed_moves_as_it_is_and_has_to_be_committed() -> None:
    (change,) = plan({"old": OLD}, {"new": OLD}, {"old": MINE}, {"old": "new"})

    assert (change.kind, change.was, change.after, change.edited) == ("merged", ("old", MINE), MINE, True)


def test_windows_line_ends_are_no_edit_and_are_kept() -> None:
    crlf = File(OLD.content.replace(b"\n", b"\r\n"))
    mine = File(MINE.content.replace(b"\n", b"\r\n"))

    assert described(plan({"f": OLD}, {"f": NEW}, {"f": crlf})) == [("f", "updated", b"A\r\nb\r\nc\r\n")]
    assert described(plan({"f": OLD}, {"f": NEW}, {"f": mine})) == [("f", "merged", b"A\r\nb\r\nmine\r\n")]
    assert described(plan({"f": OLD}, {"f": OLD}, {"f": crlf})) == [("f", "unchanged", crlf.content)]
    assert described(plan({"f": OLD}, {}, {"f": crlf})) == [("f", "removed", None)]


def test_run_bits_are_merged_on_their_own() -> None:
    runs, runs_new = replace(OLD, executable=True), replace(NEW, executable=True)
    owned = replace(OLD, executable=False, permissions=0o640)

    # The template makes it run; so does the owner, who keeps that through an update of the text.
    (granted,) = plan({"f": OLD}, {"f": runs}, {"f": owned})
    (kept,) = plan({"f": OLD}, {"f": NEW}, {"f": replace(runs, permissions=0o750)})
    (taken,) = plan({"f": runs}, {"f": NEW}, {"f": replace(runs, permissions=0o755)})
    (refused,) = plan({"f": runs}, {"f": runs_new}, {"f": owned})

    assert (granted.kind, granted.after) == ("updated", replace(runs, permissions=0o750))
    assert (kept.kind, kept.after) == ("updated", replace(runs_new, permissions=0o750))
    assert (taken.kind, taken.after) == ("updated", replace(NEW, permissions=0o644))
    assert (refused.kind, refused.after) == ("updated", replace(NEW, permissions=0o640))


# Few lines and small edits, so that the sides meet often; own lines are told by a mark.
BODY = st.lists(st.sampled_from([b"one", b"two", b"three", b""]), max_size=6)
OWN = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 99)), min_size=1, max_size=4)
END = st.sampled_from([b"\n", b"\r\n"])


def text(lines: list[bytes], end: bytes = b"\n") -> bytes:
    return b"".join(line + end for line in lines)


@settings(max_examples=300, deadline=None)
@given(
    base=BODY,
    theirs=st.none() | BODY,
    dropped=st.lists(st.integers(0, 6), max_size=3),
    own=OWN,
    end=END,
    is_renamed=st.booleans(),
    no_base=st.booleans(),
)
def test_own_lines_are_never_lost(
    base: list[bytes],
    theirs: list[bytes] | None,
    dropped: list[int],
    own: list[tuple[int, int]],
    end: bytes,
    is_renamed: bool,
    no_base: bool,
) -> None:
    ours = [line for number, line in enumerate(base) if number not in dropped]
    for place, number in own:
        ours.insert(place, b"own %d" % number)
    old, new = ("old", "new") if is_renamed and theirs is not None else ("f", "f")
    present: dict[str, File | Obstacle] = {old: File(text(ours, end))}
    changes = plan(
        {} if no_base else {old: File(text(base))},
        {} if theirs is None else {new: File(text(theirs))},
        present,
        {old: new} if old != new else {},
    )

    for change in changes:
        for step in change.steps:
            assert present.get(step.path) == step.before
            if step.after is None:
                del present[step.path]
            else:
                present[step.path] = step.after
    left = b"".join(file.content for file in present.values() if isinstance(file, File)).splitlines()
    wanted = Counter(line for line in ours if line.startswith(b"own "))
    found = Counter(line for line in left if line.startswith(b"own "))
    assert wanted <= found
    assert wanted.keys() == found.keys()


@settings(max_examples=60, deadline=None)
@given(base=BODY, theirs=BODY, end=END)
def test_who_edited_nothing_gets_what_the_template_has(
    base: list[bytes], theirs: list[bytes], end: bytes
) -> None:
    (change,) = plan({"f": File(text(base))}, {"f": File(text(theirs))}, {"f": File(text(base, end))})

    assert change.kind in ("unchanged", "updated")
    assert change.after is not None
    expected = end if base else b"\n"  # A file without lines has no line ends to keep.
    assert change.after.content == text(theirs, expected)
