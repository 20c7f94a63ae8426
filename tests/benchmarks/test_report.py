"""The tables of the comparison, and the page that they are put on."""

from typing import Any

import pytest

from benchmarks.comparison import documents
from benchmarks.comparison.report import Records, misses, tables

# Of three rounds, in the last of which everything took twice as long: only the ratios stay.
ROUNDS = [
    {"macchiato": 40.0, "Node": 50.0, "plain": 400.0},
    {"macchiato": 45.0, "Node": 50.0, "plain": 150.0},
    {"macchiato": 80.0, "Node": 100.0, "plain": 800.0},
]


def record(load: str, contender: str, round: int, cpu_us: float) -> dict[str, Any]:
    figures = {"server_cpu_us": cpu_us, "p99_us": 1000 * cpu_us, "per_second": 1e6 / cpu_us}
    return {"load": load, "contender": contender, "round": round, **figures}


def records(load: str) -> Records:
    return Records(
        record(load, contender, round, cpu_us)
        for round, taken in enumerate(ROUNDS)
        for contender, cpu_us in taken.items()
    )


def test_the_median_of_the_rounds_ratios_stands_beside_its_goal() -> None:
    assert tables(records("ack")) == (
        "| work | against Node | goal | against plain python-socketio | goal | p99 latency against Node |\n"
        "|---|---|---|---|---|---|\n"
        "| event with ack, 50 clients | 0.80 | <= 0.85 | 0.10 | <= 0.20 | 0.80 |\n"
        "\n"
        "Every goal is met.\n"
        "\n"
        "What the ratios are made of:\n"
        "\n"
        "| work | server | CPU, or memory | per second | p99 latency |\n"
        "|---|---|---|---|---|\n"
        "| event with ack, 50 clients | macchiato | 45.0 \N{MICRO SIGN}s | 22,222 | 45.00 ms |\n"
        "| event with ack, 50 clients | Node | 50.0 \N{MICRO SIGN}s | 20,000 | 50.00 ms |\n"
        "| event with ack, 50 clients | plain | 400.0 \N{MICRO SIGN}s | 2,500 | 400.00 ms |\n"
    )


def test_a_goal_that_is_missed_is_named() -> None:
    assert misses(records("broadcast-1000")) == ["broadcast to 1,000: 0.80 against Node, not 0.70"]
    assert "| 0.80, missed | <= 0.70 |" in tables(records("broadcast-1000"))


def test_a_round_in_which_one_server_broke_is_left_out_and_told() -> None:
    broken = {"load": "ack", "contender": "Node", "round": 1, "error": "client 3: no WebSocket"}
    left = [record("ack", name, round, cpu_us) for round in (0, 2) for name, cpu_us in ROUNDS[round].items()]
    alone = record("ack", "macchiato", 1, 1.0)
    report = Records([*left, alone, broken])
    assert "| event with ack, 50 clients | 0.80 |" in tables(report)
    assert report.errors == ["Node, ack: client 3: no WebSocket"]


def test_without_node_its_columns_say_that_nothing_was_measured() -> None:
    without = Records(record("ack", name, 0, ROUNDS[0][name]) for name in ("macchiato", "plain"))
    line = "| event with ack, 50 clients | not measured | <= 0.85 | 0.10 | <= 0.20 | not measured |"
    assert line in tables(without)


def test_a_run_takes_the_place_of_the_last_one_on_the_page() -> None:
    page = documents.PAGE.read_text()
    about = {"Date": "2026-01-01"}
    written = documents.with_run(page, records("ack"), about)
    assert documents.with_run(written, records("ack"), about) == written
    begin, _, rest = page.partition(documents.BEGIN)
    assert written == (
        f"{begin}{documents.BEGIN}\n\n- Date: 2026-01-01\n\nMedians of 3 paired rounds.\n\n"
        f"![The ratios](performance.svg)\n\n{tables(records('ack'))}\n"
        f"{documents.END}{rest.partition(documents.END)[2]}"
    )


def test_a_page_without_a_place_for_figures_is_not_written() -> None:
    with pytest.raises(ValueError, match="has no place for figures"):
        documents.with_run("# Performance\n", records("ack"), {})
