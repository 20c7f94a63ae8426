"""docs/performance.md: the figures of one full run, between two marks; and the picture beside it."""

from typing import Final

from .install import CHECKOUT
from .picture import draw
from .report import Records, tables

PAGE: Final = CHECKOUT / "docs" / "performance.md"
BEGIN: Final = "<!-- Written by `benchmarks/run --write-docs`: from here ... -->"
END: Final = "<!-- ... to here. -->"


def write(records: Records, about: dict[str, str]) -> None:
    """Puts a run in the place of the last one.

    Raises:
        ValueError: The page has no such place.
    """
    text = with_run(PAGE.read_text(), records, about)
    picture = PAGE.with_suffix(".svg")
    if not draw(records, picture):
        picture.unlink(missing_ok=True)  # It would be another run's.
        text = text.replace(f"![The ratios]({picture.name})\n\n", "")
    PAGE.write_text(text)


def with_run(page: str, records: Records, about: dict[str, str]) -> str:
    """The page with this run."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f'{PAGE.name} has no place for figures, from "{BEGIN}" to "{END}"')
    parts = [
        begin,
        "\n".join(f"- {name}: {what}" for name, what in about.items()),
        f"Medians of {records.rounds} paired rounds.",
        f"![The ratios]({PAGE.stem}.svg)",
        tables(records).strip(),
        end,
    ]
    return before + "\n\n".join(parts) + after
