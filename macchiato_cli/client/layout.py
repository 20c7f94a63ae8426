"""Python as `ruff format` writes it, without having it: in one line what fits there, else one item a line."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

WIDTH: Final = 110
"""Of a line, as in the generated project."""

_TEXT_WIDTH: Final = 100


def literal(value: str | int | None) -> str:
    """A constant. Of a text, nothing is left that could end it, or that the formatter writes otherwise."""
    if not isinstance(value, str):
        return repr(value)
    return f'"{"".join(map(_escaped, value))}"'


def subscript(before: str, head: str, items: Sequence[str], after: str = "", *, indent: int = 0) -> str:
    """A line with `head[items]` in it."""
    pad = " " * indent
    line = f"{pad}{before}{head}[{', '.join(items)}]{after}"
    if len(line) <= WIDTH:
        return line
    comma = "," if len(items) > 1 else ""
    inner = f",\n{pad}    ".join(items)
    return f"{pad}{before}{head}[\n{pad}    {inner}{comma}\n{pad}]{after}"


def exploded(head: str, items: Sequence[str], *, indent: int) -> str:
    """`head[items]`, an item a line; the formatter keeps it so."""
    pad = " " * indent
    return f"{head}[\n{pad}    {f',{chr(10)}{pad}    '.join(items)},\n{pad}]"


def imported(module: str, names: Sequence[str]) -> str:
    """A line that imports, in the order of isort."""
    ordered = sorted(names, key=_rank)
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= WIDTH:
        return line
    inner = ",\n    ".join(ordered)
    return f"from {module} import (\n    {inner},\n)"


def docstring(text: str, *, indent: int) -> str:
    """A docstring, in as many lines as it takes; quotes in it are single ones, and end nothing."""
    pad = " " * indent
    text = text.replace('"', "'")
    line = f'{pad}"""{_doubled(text)}"""'
    if len(line) <= WIDTH:
        return line
    # Only then: a line must not end between two backslashes.
    lines = list(map(_doubled, textwrap.wrap(text, _TEXT_WIDTH - indent, break_on_hyphens=False)))
    return "\n".join([f'{pad}"""{lines[0]}', *(f"{pad}{each}" for each in lines[1:]), f'{pad}"""'])


def _doubled(text: str) -> str:
    return text.replace("\\", "\\\\")


def _escaped(character: str) -> str:
    if " " <= character <= "~" and character not in '"\\':
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _rank(name: str) -> tuple[int, str]:
    """Constants first, then classes, then what is in lower case."""
    is_constant = name.isupper() and len(name) > 1
    return (0 if is_constant else 1 if name[:1].isupper() else 2), name.lower()
