"""Fuzz a server for as long as you like: `python benchmarks/fuzz.py --sequences 5000 --seed 1`.

The sequences are those of tests/protocol/fuzzing. It stops at the first trouble, shows the shortest sequence
that it finds for it, and exits with 1. A seed stands for the same sequences each time.
"""

import argparse
import random
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PROJECT = CHECKOUT / "templates" / "project"
sys.path[:0] = map(str, (CHECKOUT, PROJECT, PROJECT / "clients", PROJECT / "tests"))

from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402

from tests.protocol.fuzzing.arena import LOOSE, TIGHT, Arena  # noqa: E402
from tests.protocol.fuzzing.steps import Step, sequences  # noqa: E402

# Of one seed; hypothesis remembers all that it has tried, which takes longer and longer.
AT_ONCE = 100


def fuzz(arena: Arena, *, first_seed: int, count: int, until_s: float) -> None:
    """Raises:
    Trouble: With what is wrong.
    """
    for number, done in enumerate(range(0, count, AT_ONCE)):
        if time.monotonic() > until_s:
            return

        @seed(first_seed + number)
        @settings(
            max_examples=min(AT_ONCE, count - done),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(steps=sequences)
        def some(steps: list[Step]) -> None:
            arena.run(steps)

        some()
        arena.collect()
        print(f"seed {first_seed + number} is done: {arena.summary}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sequences", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))  # noqa: S311
    parser.add_argument("--minutes", type=float, default=60, help="begin nothing new after that")
    parser.add_argument("--tight", action="store_true", help="with limits that most sequences are over")
    asked = parser.parse_args()
    print(f"--seed {asked.seed}", flush=True)
    arena, began_s = Arena(TIGHT if asked.tight else LOOSE), time.monotonic()
    try:
        fuzz(arena, first_seed=asked.seed, count=asked.sequences, until_s=began_s + asked.minutes * 60)
    finally:
        arena.close()
        print(f"{arena.summary}, in {time.monotonic() - began_s:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
