"""Before the server starts: is Redis there?"""

import ssl
import sys
import time
from typing import Final
from urllib.parse import urlsplit

from .settings import Settings

_RETRY_S: Final = 0.5


def wait_for_redis(settings: Settings) -> None:
    """Wait until Redis answers, unless the server may start without; says once what it waits for."""
    if not settings.redis_url or not settings.redis_required:
        return
    # Not above: nobody else needs it.
    from redis import Redis
    from redis.exceptions import RedisError

    redis = Redis.from_url(settings.redis_url, socket_timeout=1, socket_connect_timeout=1)
    told = ""
    while True:
        try:
            redis.ping()
        except RedisError as error:
            problem, remedy = explain(error, settings)
            if problem != told:
                print(
                    f"error: {problem}\n  {error}\n{remedy}"
                    "  the server starts as soon as it answers; to start without, REDIS_REQUIRED=false",
                    file=sys.stderr,
                    flush=True,
                )
                told = problem
            time.sleep(_RETRY_S)
        else:
            redis.close()
            return


def explain(error: Exception, settings: Settings) -> tuple[str, str]:
    """What is wrong, and a line that says what to try, if there is something."""
    from redis.exceptions import AuthenticationError, NoPermissionError

    shown = settings.safe_redis_url
    cause = error.__context__
    if isinstance(error, AuthenticationError | NoPermissionError):
        return f"Redis at {shown} refuses the name or the password of REDIS_URL", _try(settings, login=True)
    if isinstance(cause, ssl.SSLCertVerificationError):
        remedy = _try(settings, query="?ssl_ca_certs=DIR/ca.pem")
        return f"Redis at {shown} has a certificate that is not trusted", remedy
    encrypted = urlsplit(shown).scheme == "rediss"
    # To what it does not understand, Redis may say nothing.
    if isinstance(cause, ssl.SSLError) or (isinstance(cause, TimeoutError) and "handshake" in str(cause)):
        return f"what listens at {shown} does not answer in TLS", _try(settings, scheme="redis")
    if isinstance(cause, ConnectionResetError | BrokenPipeError) and not encrypted:
        remedy = _try(settings, scheme="rediss") if shown.startswith("redis:") else ""
        return f"Redis at {shown} closes the connection: it may want TLS", remedy
    return f"cannot reach Redis at {shown}", ""


def _try(settings: Settings, *, scheme: str = "", login: bool = False, query: str = "") -> str:
    """REDIS_URL with something else in it, and words where the password belongs."""
    url = urlsplit(settings.safe_redis_url)
    if login or "@" in settings.redis_url:
        url = url._replace(netloc=f"USER:PASSWORD@{url.netloc}")
    return f"  try: REDIS_URL={url._replace(scheme=scheme or url.scheme).geturl()}{query}\n"
