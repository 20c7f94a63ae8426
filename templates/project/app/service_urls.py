"""Where the database and Redis are, as the libraries that ask them have it."""

from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

PROJECT: Final = Path(__file__).parents[1]

# What says where Redis is, and who asks. How it is asked (protocol, encoding) is the program's matter.
_REDIS_OPTIONS: Final = ("db", "username", "password", "client_name", "socket_keepalive")
_AT: Final = "it has an @ after its host: in a password, / is written %2F, ? is %3F, # is %23"


class Remediable(ValueError):
    """A reason with a remedy of its own, instead of that of the setting."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def _install(extra: str) -> str:
    """What to type for what pyproject.toml has under `optional-dependencies`."""
    # An environment that uv has made has no pip.
    pip = ".venv/bin/python -m pip install" if find_spec("pip") else "uv pip install --python .venv"
    return f"{pip} -e '.[{extra}]'"


def database_url(text: str) -> str:
    """The same database, with the driver that this project uses."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # Not chained: the cause can quote the password.
        raise ValueError("it is not a database URL") from None
    if url.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        if find_spec("psycopg") is None:
            raise Remediable("the driver for PostgreSQL is not installed", _install("postgres"))
        url = url.set(drivername="postgresql+psycopg")
    elif url.drivername in ("sqlite", "sqlite+aiosqlite"):
        path = url.database or ":memory:"
        if path.startswith((":memory:", "file:")):
            raise ValueError("it has to name a file; what is in memory only is lost at every restart")
        # A relative path is the same file, from whatever folder the server is started.
        url = url.set(drivername="sqlite+aiosqlite", database=str(PROJECT / path))
    else:
        raise ValueError(f"{url.drivername} is not supported; postgresql and sqlite are")
    return url.render_as_string(hide_password=False)


def redis_url(text: str) -> str:
    """The same server, as redis-py has it."""
    if not text:
        return text
    try:
        url = urlsplit(text)
        _ = "," in url.netloc or url.port
    except ValueError:
        raise ValueError("it is not a URL") from None
    # Valkey speaks as Redis does.
    scheme = url.scheme.replace("valkeys", "rediss").replace("valkey", "redis")
    if "sentinel" in scheme or "cluster" in scheme or "," in url.netloc:
        raise ValueError(
            "it has to be the address of a single primary: Sentinel and Redis Cluster are not supported"
        )
    if scheme not in ("redis", "rediss", "unix"):
        raise ValueError("it has to begin with redis://, rediss://, valkey://, valkeys:// or unix://")
    if scheme != "unix" and ("@" in url.path + url.fragment or ("@" in url.query and "=" not in url.query)):
        raise ValueError(_AT)
    if scheme == "unix" and not url.path:
        raise ValueError("it names no socket: unix:///run/redis/redis.sock")
    if scheme != "unix" and not url.path.removeprefix("/").isdecimal() and url.path not in ("", "/"):
        raise ValueError("after its host and port, it has the number of a database, as in /0")
    for option, _ in parse_qsl(url.query, keep_blank_values=True):
        if option not in _REDIS_OPTIONS and not option.startswith("ssl_"):
            if "@" in url.query:  # What looks like an option is part of a password.
                raise ValueError(_AT)
            raise ValueError(f"its option {option} is not one of {', '.join(_REDIS_OPTIONS)}, ssl_...")
    if find_spec("redis") is None:
        raise Remediable("the client for Redis is not installed", _install("redis"))
    return _known_to_redis(scheme + text[len(url.scheme) :])


def _known_to_redis(url: str) -> str:
    from redis import ConnectionPool  # Not above: nobody else needs it.

    try:
        ConnectionPool.from_url(url).make_connection()
    except (TypeError, ValueError) as error:
        # What it quotes is the name of an option.
        raise ValueError(f"redis-py does not take it: {error}") from None
    return url
