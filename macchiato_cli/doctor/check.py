"""One thing that the doctor looks at: how it is, what was found, what to type."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from macchiato_cli.errors import MacchiatoError
from macchiato_cli.setup import enter

State = Literal["ok", "note", "broken"]


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Args:
        found: One line.
        tries: Commands which put it right, to be typed in the project's own folder, or `anywhere`.
    """

    name: str
    state: State
    found: str
    tries: tuple[str, ...] = ()
    anywhere: bool = False

    def commands(self, root: Path) -> list[str]:
        """What to type here."""
        anywhere = self.anywhere or all(command.startswith("macchiato ") for command in self.tries)
        return [*([] if anywhere else enter(root)), *self.tries]


def ok(name: str, found: str) -> Check:
    """It is as it should be."""
    return Check(name, "ok", found)


def note(name: str, found: str, tries: Sequence[str] = ()) -> Check:
    """Something to know that is not broken, or could not be looked at."""
    return Check(name, "note", found, tuple(tries))


def broken(name: str, found: str, tries: Sequence[str] = ()) -> Check:
    """It does not work."""
    return Check(name, "broken", found, tuple(tries))


def from_error(name: str, error: MacchiatoError) -> Check:
    """Broken, in the words of another command's error."""
    reasons = f" ({'; '.join(error.reasons)})" if error.reasons else ""
    return Check(name, "broken", error.message + reasons, error.tries, anywhere=True)


def guarded(name: str, examine: Callable[[], Check]) -> Check:
    """The check, broken where it crashes itself: the others are made all the same."""
    try:
        return examine()
    except MacchiatoError as error:
        return from_error(name, error)
    except Exception as error:
        return broken(name, f"this could not be checked: {type(error).__name__}: {error}")
