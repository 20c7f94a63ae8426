"""docs/guarantees.md: no row without a test that shows it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
ROWS = [
    line
    for line in (CHECKOUT / "docs/guarantees.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| what happens")
]


def functions_in(module: str) -> set[str]:
    tree = ast.parse((CHECKOUT / "tests" / f"{module}.py").read_text())
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_every_row_names_tests_that_are_there() -> None:
    missing = []
    for row in ROWS:
        named = re.findall(r"`([\w/]+)::(test_\w+)`", row.split(" | ")[-1])
        if not named or any(test not in functions_in(module) for module, test in named):
            missing.append(row)

    assert len(ROWS) > 30
    assert missing == []
