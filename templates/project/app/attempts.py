"""How often somebody may try something: guessing passwords has to take years."""

import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter

# A whole office may have one address.
_ADDRESS_FACTOR: Final = 10


class TooManyAttempts(Exception):
    """Somebody has to wait; `retry_after_s` says how long, in seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Attempts:
    """Counts attempts, before they are made: many at once are not more than one after the other.

    Args:
        per_minute: At one account from one address; ten times as many at all accounts from one address.
    """

    def __init__(self, per_minute: int) -> None:
        self._at_account = RateLimitItemPerMinute(per_minute)
        self._from_address = RateLimitItemPerMinute(per_minute * _ADDRESS_FACTOR)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    async def count(self, account: str, address: str) -> None:
        """Count an attempt.

        Not counted at the account alone, or anybody could lock its owner out.

        Raises:
            TooManyAttempts: It must not be made.
        """
        for limit, keys in ((self._from_address, (address,)), (self._at_account, (address, account.lower()))):
            if not await self._limiter.hit(limit, *keys):
                window = await self._limiter.get_window_stats(limit, *keys)
                raise TooManyAttempts(max(1, round(window.reset_time - time.time())))
