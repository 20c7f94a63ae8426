"""What can go wrong in ways that a user can put right: message, reason, remedy, exit code."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

FAILED, USAGE, REFUSED, CONFLICTS, INTERRUPTED = 1, 2, 3, 4, 130


class MacchiatoError(Exception):
    """An error as it is shown: what is wrong, why, and what to type instead.

    Args:
        code: A stable word for machines, such as "bad_name".
        reasons: Lines of their own below the message.
        tries: Commands which put it right, in their order.
        paths: The files or folders that it is about.
        facts: More for machines: these become part of the JSON object.
    """

    label = "error"

    def __init__(
        self,
        message: str,
        *,
        code: str,
        exit_code: int = FAILED,
        reasons: Sequence[str] = (),
        tries: Sequence[str] = (),
        paths: Sequence[str] = (),
        facts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.exit_code = exit_code
        self.reasons = tuple(reasons)
        self.tries = tuple(tries)
        self.paths = tuple(paths)
        self.facts = dict(facts or {})


class BadName(MacchiatoError):
    """A name that was refused, and perhaps one that would not be."""

    def __init__(
        self, message: str, reason: str, *, suggestion: str | None, tries: Sequence[str] = ()
    ) -> None:
        super().__init__(message, code="bad_name", exit_code=USAGE, reasons=(reason,), tries=tries)
        self.suggestion = suggestion


class Refused(MacchiatoError):
    """Something of the user's is in the way; nothing was written."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        reasons: Sequence[str] = (),
        tries: Sequence[str] = (),
        paths: Sequence[str] = (),
        facts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(
            message, code=code, exit_code=REFUSED, reasons=reasons, tries=tries, paths=paths, facts=facts
        )


class Stopped(MacchiatoError):
    """A signal ended the command; the message says what was kept."""

    label = "interrupted"

    def __init__(self, message: str, *, tries: Sequence[str] = (), paths: Sequence[str] = ()) -> None:
        super().__init__(message, code="interrupted", exit_code=INTERRUPTED, tries=tries, paths=paths)


def shown(text: str) -> str:
    """The text in quotes, short and printable, whatever somebody typed."""
    return f'"{printable(text[:60])}{"..." if len(text) > 60 else ""}"'


def printable(text: str) -> str:
    """The text with escapes in place of what a terminal would obey: control characters, line ends."""
    return "".join(
        c if c.isprintable() or unicodedata.category(c) == "Zs" else c.encode("unicode_escape").decode()
        for c in text
    )


def reason_of(error: OSError) -> str:
    """The operating system's reason, without Python's decoration."""
    return (error.strerror or str(error) or type(error).__name__).lower()
