"""Three versions of one text become one, as git does it; line ends are nobody's edit."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from macchiato_cli.errors import MacchiatoError, Refused
from macchiato_cli.git import git, git_program


@dataclass(frozen=True)
class Merged:
    """A text that holds the edits of both sides; where they contradict each other, both, between marks."""

    content: bytes
    conflicts: int


Merge = Callable[[bytes, bytes, bytes], Merged]
"""Ours, base, theirs, all with the same line ends."""


def merge_with_git(labels: tuple[str, str, str]) -> Merge:
    """A merge by `git merge-file`, in the diff3 style: marks show what the base had, too.

    Args:
        labels: What the marks call ours, the base and theirs.
    """

    def merge(ours: bytes, base: bytes, theirs: bytes) -> Merged:
        if git_program() is None:
            raise Refused(
                "git is not installed, and your edits cannot be merged without it",
                code="no_git",
                reasons=("nothing was written; git is at https://git-scm.com",),
            )
        with tempfile.TemporaryDirectory(prefix="macchiato-") as name:
            folder = Path(name)
            for side, content in (("ours", ours), ("base", base), ("theirs", theirs)):
                (folder / side).write_bytes(content)
            marks = [word for label in labels for word in ("-L", label)]
            ended = git(folder, "merge-file", "--quiet", "--diff3", *marks, "ours", "base", "theirs")
            if not 0 <= ended.code <= 127:  # The number of conflicts; above it, an error.
                raise MacchiatoError("git could not merge", code="git_failed", reasons=tuple(ended.lines[:8]))
            return Merged((folder / "ours").read_bytes(), ended.code)

    return merge


def in_lf(content: bytes) -> bytes:
    """The text as the templates have theirs; one with mixed line ends stays as it is."""
    return content.replace(b"\r\n", b"\n") if _is_crlf(content) else content


def with_line_ends_of(model: bytes, content: bytes) -> bytes:
    """The text, which has LF, with the model's line ends."""
    return content.replace(b"\n", b"\r\n") if _is_crlf(model) else content


def is_binary(content: bytes) -> bool:
    """Whether it is no text that could be merged; git decides the same way."""
    return b"\0" in content


def conflict_line(content: bytes) -> int | None:
    """The line of the first conflict that somebody has to resolve, None without one."""
    # One after the other, since one expression for all three would take the square of a long file's time.
    starts: list[int] = []
    for mark in (rb"^<<<<<<< ", rb"^=======\r?$", rb"^>>>>>>> "):
        found = re.compile(mark, re.MULTILINE).search(content, starts[-1] if starts else 0)
        if found is None:
            return None
        starts.append(found.start())
    return content.count(b"\n", 0, starts[0]) + 1


def _is_crlf(content: bytes) -> bool:
    return 0 < content.count(b"\n") == content.count(b"\r\n")
