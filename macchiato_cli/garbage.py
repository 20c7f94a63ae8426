"""Python's garbage collector, kept out of what only grows."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Generator[None]:
    """While libraries are imported: all of it stays, and to search it for garbage takes a tenth longer."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # Later searches pass over it, too.
        gc.freeze()
        if was_enabled:
            gc.enable()
