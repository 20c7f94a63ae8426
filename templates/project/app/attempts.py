"""How often somebody may try something: guessing passwords has to take years."""

import asyncio
import logging
import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError

log = logging.getLogger(__name__)

# A whole office may have one address.
_ADDRESS_FACTOR: Final = 10
# Nobody waits longer for Redis; and when it has not answered, it is not asked again for so long.
_PATIENCE_S: Final = 0.5
_PAUSE_S: Final = 2.0


class TooManyAttempts(Exception):
    """Somebody has to wait; `retry_after_s` says how long, in seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Attempts:
    """Counts attempts, before they are made: many at once are not more than one after the other.

    Args:
        per_minute: At one account from one address; ten times as many at all accounts from one address.
        redis_url: Count together with other servers, as long as this Redis answers; else each counts its own.
        prefix: What the names in Redis begin with.
    """

    def __init__(self, per_minute: int, redis_url: str = "", prefix: str = "") -> None:
        self._at_account = RateLimitItemPerMinute(per_minute)
        self._from_address = RateLimitItemPerMinute(per_minute * _ADDRESS_FACTOR)
        self._alone = MovingWindowRateLimiter(MemoryStorage())
        self._together = MovingWindowRateLimiter(_redis(redis_url, prefix)) if redis_url else None
        self._ask_again_at_s = 0.0

    async def count(self, account: str, address: str) -> None:
        """Count an attempt.

        Not counted at the account alone, or anybody could lock its owner out.

        Raises:
            TooManyAttempts: It must not be made.
        """
        if self._together is not None and time.monotonic() >= self._ask_again_at_s:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    return await self._count(self._together, account, address)
            except (StorageError, TimeoutError) as error:
                self._ask_again_at_s = time.monotonic() + _PAUSE_S
                log.warning("log-ins are counted by this server alone: Redis says %s", error or "nothing")
        await self._count(self._alone, account, address)

    async def _count(self, limiter: MovingWindowRateLimiter, account: str, address: str) -> None:
        for limit, keys in ((self._from_address, (address,)), (self._at_account, (address, account.lower()))):
            if not await limiter.hit(limit, *keys):
                window = await limiter.get_window_stats(limit, *keys)
                raise TooManyAttempts(max(1, round(window.reset_time - time.time())))


def _redis(url: str, prefix: str) -> Storage:
    if url.startswith("unix:"):
        url = f"redis+{url}"
    return RedisStorage(
        f"async+{url}",
        implementation="redispy",
        key_prefix=f"{prefix}:attempts",
        wrap_exceptions=True,
        socket_timeout=_PATIENCE_S,
        socket_connect_timeout=_PATIENCE_S,
    )
