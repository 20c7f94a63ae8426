"""The end of a turn of the event loop, at which all that the turn has brought is written to clients.

Writing is the work of the system. Going there and back to Python for each message takes half as long again as
doing all of the one, and then all of the other; and what is for the same client is written together.
"""

import asyncio
import logging
from typing import Protocol

log = logging.getLogger(__name__)


class Writer(Protocol):
    def flush(self) -> None:
        """Write what there is to be written."""


class Turn:
    def __init__(self) -> None:
        self._writers: list[Writer] = []

    def end_with(self, writer: Writer) -> None:
        """Flush this writer, once, at the end of the turn."""
        if not self._writers:
            asyncio.get_running_loop().call_soon(self._end)
        self._writers.append(writer)

    def _end(self) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            try:
                writer.flush()
            except Exception:  # The others must not wait for ever.
                log.exception("a connection could not be written to")
