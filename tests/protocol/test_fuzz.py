"""Whatever clients do, and whenever they go: nothing fails, nothing is left of them, others are served."""

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from app.engine import Limits
from tests.protocol.fuzzing.arena import LOOSE, TIGHT, Arena
from tests.protocol.fuzzing.steps import Step, sequences


@pytest.mark.parametrize("limits", [LOOSE, TIGHT], ids=["loose", "tight"])
def test_whatever_clients_do_leaves_a_server_that_works(limits: Limits) -> None:
    arena = Arena(limits)

    # The same sequences each time, and the first that makes trouble as it is: to make it short takes minutes.
    # benchmarks/fuzz.py does that, and tries others, as many as you like.
    @settings(
        derandomize=True,
        max_examples=40,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
        report_multiple_bugs=False,
    )
    @given(steps=sequences)
    def some(steps: Sequence[Step]) -> None:
        arena.run(steps)

    try:
        some()
        arena.collect()
    finally:
        arena.close()
    assert arena.counts.total > 1_000, arena.summary
