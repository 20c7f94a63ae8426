"""What something could be called instead of a name that will not do."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable


def nearest(
    text: str, why_not: Callable[[str], str | None], *, fallback: str, longest: int, separator: str = ""
) -> str:
    """The text where it will do, else a name made of it that will, else the fallback.

    Args:
        why_not: Why a name will not do, None for one that does.
        longest: The most characters that it may have.
        separator: Goes between words; without one they become oneWord.
    """
    spelled = _separated(text, separator, longest) if separator else _joined(text, longest)
    return next(name for name in (text, *spelled, fallback) if why_not(name) is None)


def _words(text: str) -> list[str]:
    ascii_text = unicodedata.normalize("NFKD", text[:200]).encode("ascii", "ignore").decode()
    return re.findall(r"[A-Za-z0-9]+", ascii_text) or [""]


def _separated(text: str, separator: str, longest: int) -> tuple[str, ...]:
    """The words, then the same after `my`."""
    spelled = separator.join(_words(text))[:longest].rstrip(separator)
    return (spelled, f"my{separator}{spelled}"[:longest]) if spelled else ()


def _joined(text: str, longest: int) -> tuple[str, ...]:
    """The words as one, leading digits moved to the end; then the same as `my...`."""
    first, *rest = _words(text)
    joined = first + "".join(word[:1].upper() + word[1:] for word in rest)
    letters = joined.lstrip("0123456789")[:longest]
    if not letters:
        return ()
    digits = joined[: len(joined) - len(joined.lstrip("0123456789"))][: longest - len(letters)]
    spelled = letters[:1].lower() + letters[1:] + digits if digits else letters
    return spelled, f"my{spelled[:1].upper()}{spelled[1:]}"[:longest]
