"""Months of a cluster's life in a minute: `python -m tests.cluster.soak`."""

import sys
from pathlib import Path

TEMPLATE = Path(__file__).resolve().parents[3] / "templates" / "project"

# Under pytest they are there already.
sys.path += [
    path for path in map(str, (TEMPLATE, TEMPLATE / "clients", TEMPLATE / "tests")) if path not in sys.path
]
