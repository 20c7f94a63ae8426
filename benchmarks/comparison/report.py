"""Tables of ratios, from records."""

from collections.abc import Iterable
from statistics import median
from typing import Any

from .contenders import NODE, OURS, PLAIN
from .rows import ELSEWHERE, ROWS, Row

Record = dict[str, Any]


class Records:
    """What was measured; what is broken is left out."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._figures: dict[tuple[str, str], dict[int, Record]] = {}
        self.errors: list[str] = []
        for record in records:
            if "error" in record:
                self.errors.append(f"{record['contender']}, {record['load']}: {record['error']}")
                continue
            place = record["load"], record["contender"]
            self._figures.setdefault(place, {})[record["round"]] = record

    @property
    def rounds(self) -> int:
        """How many rounds there are of what was measured most often."""
        return max(map(len, self._figures.values()), default=0)

    def figures(self, row: Row, contender: str, figure: str) -> dict[int, float]:
        """By round."""
        rounds = self._figures.get((row.load.name, contender), {})
        return {round: record[figure] for round, record in rounds.items() if figure in record}

    def ratio(self, row: Row, other: str, figure: str | None = None) -> float | None:
        """The median of the rounds' ratios, ours to the other's: so the machine's moods cancel out."""
        figure = figure or row.figure
        ours, theirs = self.figures(row, OURS, figure), self.figures(row, other, figure)
        ratios = [ours[round] / theirs[round] for round in ours.keys() & theirs.keys() if theirs[round] > 0]
        return median(ratios) if ratios else None

    def typical(self, row: Row, contender: str, figure: str) -> float | None:
        """The median of all rounds."""
        figures = self.figures(row, contender, figure)
        return median(figures.values()) if figures else None

    def rows(self, among: tuple[Row, ...]) -> list[Row]:
        """Those that were measured."""
        return [row for row in among if self.figures(row, OURS, row.figure)]


def tables(records: Records) -> str:
    """All of it, in Markdown."""
    parts = []
    if rows := records.rows(ROWS):
        parts += [_goals(records, rows), _notes(records, rows)]
    if rows := records.rows(ELSEWHERE):
        parts += ["Nothing may get worse elsewhere:", _elsewhere(records, rows)]
    if rows := records.rows(ROWS + ELSEWHERE):
        parts += ["What the ratios are made of:", _absolute(records, rows)]
    return "\n\n".join(parts) + "\n"


def _goals(records: Records, rows: list[Row]) -> str:
    lines = [
        "| work | against Node | goal | against plain python-socketio | goal | p99 latency against Node |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        p99 = records.ratio(row, NODE, "p99_us") if row.has_latency else None
        node, plain = records.ratio(row, NODE), records.ratio(row, PLAIN)
        lines.append(
            f"| {row.title} | {_judged(node, row.against_node)} | {_at_most(row.against_node)} "
            f"| {_judged(plain, row.against_plain)} | {_at_most(row.against_plain)} "
            f"| {_judged(p99, 1) if row.has_latency else ''} |"
        )
    return "\n".join(lines)


def _elsewhere(records: Records, rows: list[Row]) -> str:
    lines = ["| work | against plain python-socketio | goal |", "|---|---|---|"]
    lines += [
        f"| {row.title} | {_judged(records.ratio(row, PLAIN), row.against_plain)} "
        f"| {_at_most(row.against_plain)} |"
        for row in rows
    ]
    return "\n".join(lines)


def _absolute(records: Records, rows: list[Row]) -> str:
    lines = ["| work | server | CPU, or memory | per second | p99 latency |", "|---|---|---|---|---|"]
    for row in rows:
        for contender in (OURS, NODE, PLAIN):
            used = records.typical(row, contender, row.figure)
            if used is None:
                continue
            speed, latency_us = (records.typical(row, contender, name) for name in ("per_second", "p99_us"))
            more = f"{speed:,.0f} | {(latency_us or 0) / 1000:.2f} ms" if row.has_latency else "|"
            lines.append(f"| {row.title} | {contender} | {used:,.1f} {row.unit} | {more} |")
    return "\n".join(lines)


def misses(records: Records) -> list[str]:
    """The goals that are not met, each in words."""
    found = []
    for row in records.rows(ROWS + ELSEWHERE):
        p99 = records.ratio(row, NODE, "p99_us") if row.has_latency else None
        goals = [
            ("against Node", records.ratio(row, NODE), row.against_node),
            ("against plain python-socketio", records.ratio(row, PLAIN), row.against_plain),
            ("p99 latency against Node", p99, 1.0),
        ]
        found += [
            f"{row.title}: {ratio:.2f} {whom}, not {goal:.2f}"
            for whom, ratio, goal in goals
            if ratio is not None and goal is not None and round(ratio, 2) > goal
        ]
    return found


def _notes(records: Records, rows: list[Row]) -> str:
    missed = misses(records)
    if not missed:
        return "Every goal is met."
    return "Goals that are not met:\n\n" + "\n".join(f"- {miss}" for miss in missed)


def _at_most(goal: float | None) -> str:
    return "" if goal is None else f"<= {goal:.2f}"


def _judged(ratio: float | None, goal: float | None) -> str:
    if ratio is None:
        return "not measured"
    missed = goal is not None and round(ratio, 2) > goal
    return f"{ratio:.2f}, missed" if missed else f"{ratio:.2f}"
