"""The ratios as a picture, with matplotlib from the comparison's own folder."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from .contenders import NODE, PLAIN
from .install import install_matplotlib
from .report import Records
from .rows import ROWS, Row

_COLOURS: Final = {NODE: "#2f6f4f", PLAIN: "#8a5a2b"}
_LEGENDS: Final = {NODE: "against Node's socket.io", PLAIN: "against plain python-socketio"}


def draw(records: Records, file: Path) -> bool:
    """Whether there is a picture now: matplotlib may not be to be had."""
    folder = install_matplotlib()
    if folder is None:
        return False
    sys.path.append(str(folder))
    matplotlib: Any = import_module("matplotlib")
    figure_module: Any = import_module("matplotlib.figure")
    # The same figures make the same file: no random ids, no date; text stays text.
    settings = {"svg.hashsalt": "macchiato", "svg.fonttype": "none", "font.family": "sans-serif"}
    with matplotlib.rc_context(settings):
        figure = figure_module.Figure(figsize=(9, 6), layout="constrained")
        _bars(figure.add_subplot(), records)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return True


def _bars(axes: Any, records: Records) -> None:
    rows = records.rows(ROWS)[::-1]  # matplotlib begins at the bottom.
    for shift, other in ((0.2, NODE), (-0.2, PLAIN)):
        measured = [(at, ratio) for at, row in enumerate(rows) if (ratio := records.ratio(row, other))]
        places = [at + shift for at, _ in measured]
        bars = axes.barh(places, [ratio for _, ratio in measured], 0.36, color=_COLOURS[other])
        for at, ratio in measured:  # Where no goal is in the way.
            axes.text(0.008, at + shift, f"{ratio:.2f}", color="white", fontsize=8, va="center")
        bars.set_label(_LEGENDS[other])
        for at, row in enumerate(rows):
            goal = _goal(row, other)
            label = "goal" if (at, other) == (0, NODE) else None
            axes.plot([goal, goal], [at + shift - 0.19, at + shift + 0.19], color="black", label=label)
    axes.axvline(1, color="grey", linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(rows)), [row.title.replace("`", "") for row in rows])
    axes.set_xlabel("what the generated server takes, as a share of the other's (less is better)")
    axes.legend(loc="upper center", bbox_to_anchor=(0.3, 1.08), ncols=3, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)


def _goal(row: Row, other: str) -> float:
    goal = row.against_node if other == NODE else row.against_plain
    if goal is None:
        raise ValueError(f"{row.title} has no goal {_LEGENDS[other]}")
    return goal
