"""How often is too often."""

import time
from collections import OrderedDict


class TokenBucket:
    """Lets `burst` through at once, and `per_second` in the long run.

    Source: ITU-T I.371, annex A: the virtual scheduling form of the leaky bucket, which is the same.
    """

    __slots__ = ("_burst", "_per_second", "_refilled_at", "_tokens")

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._tokens = burst
        self._refilled_at = time.monotonic()

    def take(self, tokens_each: float = 1) -> bool:
        """Whether one more is let through.

        Args:
            tokens_each: More than one, where others let some through, too.
        """
        now = time.monotonic()
        tokens = self._tokens + (now - self._refilled_at) * self._per_second
        self._refilled_at = now
        if tokens > self._burst:
            tokens = self._burst
        # Or it would never let anything through.
        tokens_each = min(tokens_each, self._burst)
        if tokens < tokens_each:
            self._tokens = tokens
            return False
        self._tokens = tokens - tokens_each
        return True

    def is_empty(self) -> bool:
        return self._tokens + (time.monotonic() - self._refilled_at) * self._per_second < 1


class TokenBuckets:
    """A bucket for each key. Of more than `most`, the one that was used the longest ago is forgotten."""

    def __init__(self, per_second: float, burst: float, *, most: int) -> None:
        self._per_second = per_second
        self._burst = burst
        self._most = most
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, key: str) -> bool:
        bucket = self._buckets.pop(key, None) or TokenBucket(self._per_second, self._burst)
        self._buckets[key] = bucket  # As the last one.
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return bucket.take()

    def is_empty(self, key: str) -> bool:
        return key in self._buckets and self._buckets[key].is_empty()


class Tally:
    """How many there are now of each key, which is not remembered when there are none."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: dict[str, int] = {}

    def enter(self, key: str) -> bool:
        """Count one more, unless there are as many as there may be."""
        count = self._counts.get(key, 0)
        if count < self._most:
            self._counts[key] = count + 1
        return count < self._most

    def leave(self, key: str) -> None:
        """For one that was counted."""
        self._counts[key] -= 1
        if not self._counts[key]:
            del self._counts[key]

    def __len__(self) -> int:
        return len(self._counts)
