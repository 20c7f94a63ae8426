"""Python's garbage collector, set up for a server.

It looks for objects that keep each other, whenever 700 more are there, and now and then among all that there
are: modules, routes, models, and every client. It hardly ever finds any: who leaves is forgotten without it.
It stays on, since libraries and listeners may leave some behind.
"""

import gc
from typing import Final

# Of new objects, before it looks at them; then of such looks, before it looks at older ones, and at all.
THRESHOLDS: Final = (50_000, 20, 50)


def collect_less_often() -> None:
    """Called when the application is there: that is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
