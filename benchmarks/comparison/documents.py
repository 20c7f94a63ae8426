"""docs/performance.md: the figures of one full run, between two marks; and the picture beside it."""

from pathlib import Path
from typing import Final

from .install import CHECKOUT
from .picture import draw
from .report import Records, tables

DOCS: Final = CHECKOUT / "docs"
BEGIN: Final = "<!-- Written by `benchmarks/run --write-docs`: from here ... -->"
END: Final = "<!-- ... to here. -->"


def write(records: Records, about: dict[str, str], rounds: int, folder: Path = DOCS) -> None:
    """Puts a run in the place of the last one."""
    page = folder / "performance.md"
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f'error: {page} has no place for figures\n  it is between "{BEGIN}"\n  and "{END}"')
    picture = draw(records, folder / "performance.svg")
    made_with = "\n".join(f"- {name}: {what}" for name, what in about.items())
    parts = [
        begin,
        made_with,
        f"Medians of {rounds} paired rounds.",
        tables(records).strip(),
        *(["![The ratios of the table](performance.svg)"] if picture else []),
        end,
    ]
    page.write_text(before + "\n\n".join(parts) + after)
