"""Before the server starts: is Redis there?"""

import sys
import time
from typing import Final

from .settings import Settings

_RETRY_S: Final = 0.5


def wait_for_redis(settings: Settings) -> None:
    """Wait until Redis answers, unless the server may start without; says once that it waits."""
    if not settings.redis_url or not settings.redis_required:
        return
    # Not above: nobody else needs it.
    from redis import Redis
    from redis.exceptions import RedisError

    redis = Redis.from_url(settings.redis_url, socket_timeout=1, socket_connect_timeout=1)
    told = False
    while True:
        try:
            redis.ping()
        except RedisError as error:
            if not told:
                print(
                    f"error: cannot reach Redis at {settings.safe_redis_url}\n  {error}\n"
                    "  the server starts as soon as it answers; to start without, REDIS_REQUIRED=false",
                    file=sys.stderr,
                    flush=True,
                )
                told = True
            time.sleep(_RETRY_S)
        else:
            redis.close()
            return
