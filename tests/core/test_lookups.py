"""Questions that are asked of the database together."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from app.lookups import Lookups


async def test_a_query_that_is_cancelled_is_no_end_of_all_others() -> None:
    asked: list[list[str]] = []

    async def find(keys: Sequence[str]) -> Mapping[str, str]:
        asked.append(list(keys))
        if len(asked) == 1:
            raise asyncio.CancelledError
        return {key: key.upper() for key in keys}

    lookups = Lookups(find)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(lookups.get("ada"), 1)

    assert await asyncio.wait_for(lookups.get("ada"), 1) == "ADA"
    assert asked == [["ada"], ["ada"]]
