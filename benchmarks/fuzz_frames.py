"""Fuzz the frame reader for as long as you like: `python benchmarks/fuzz_frames.py --minutes 5 --seed 1`.

Each stream is to be read as the `websockets` library reads it. At the first that is not, it stops, shows it,
and exits with 1. Streams are those of tests/protocol/fuzzing/frames.py; a seed stands for the same each time.
"""

import argparse
import random
import sys
import time
from collections import Counter
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path[:0] = map(str, (CHECKOUT, CHECKOUT / "templates" / "project"))

from tests.protocol.fuzzing.frames import LIMITS, any_cuts, any_stream, check  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=random.randrange(10**9))  # noqa: S311
    asked = parser.parse_args()
    read: Counter[str] = Counter()
    began_s, seed = time.monotonic(), asked.seed
    while time.monotonic() - began_s < asked.minutes * 60:
        chance = random.Random(seed)  # noqa: S311
        stream, cuts, limit = any_stream(chance), any_cuts(chance), chance.choice(LIMITS)
        try:
            reading = check(stream, cuts, limit)
        except AssertionError as error:
            print(f"seed {seed}: {error}")
            return 1
        read["streams"] += 1
        read["bytes"] += len(stream)
        read[f"closed with {reading.code}" if reading.code else "not refused"] += 1
        read.update(type(message).__name__ for message in reading.messages)
        seed += 1
    print(f"seeds {asked.seed} to {seed - 1}: {dict(read)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
