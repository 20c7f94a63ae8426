"""Single questions to the database, asked together.

When a server restarts, all its clients come back at once, and for each the middleware looks up a user. One
query for all who ask while the one before it runs takes hardly longer than a query for one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

Key = TypeVar("Key")
Found = TypeVar("Found")

# Databases limit how many values a query may have; SQLite, at 32,766.
AT_ONCE: Final = 500


class Lookups(Generic[Key, Found]):
    """
    Args:
        find: What there is of these keys; a query.
    """

    def __init__(self, find: Callable[[Sequence[Key]], Awaitable[Mapping[Key, Found]]]) -> None:
        self._find = find
        self._asked: dict[Key, asyncio.Future[Found | None]] = {}
        self._worker: asyncio.Task[None] | None = None

    async def get(self, key: Key) -> Found | None:
        """What there is of this key, by a query that begins now or later. Raises what `find` does."""
        answer = self._asked.get(key)
        if answer is None:
            answer = self._asked[key] = asyncio.get_running_loop().create_future()
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())
        # Others may wait for the same: one that gives up must not take it from them.
        return await asyncio.shield(answer)

    async def _work(self) -> None:
        while self._asked:
            asked = {key: self._asked.pop(key) for key in list(islice(self._asked, AT_ONCE))}
            try:
                found = await self._find(list(asked))
            except Exception as error:
                for answer in asked.values():
                    answer.set_exception(error)
                    answer.exception()  # Everybody may have given up: then nobody is to be told of it.
            except BaseException:
                for answer in asked.values():
                    answer.cancel()
                self._worker = None  # Whoever asks next makes another one.
                raise
            else:
                for key, answer in asked.items():
                    answer.set_result(found.get(key))
        self._worker = None
