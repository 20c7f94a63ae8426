"""Settings that say where the database and Redis are."""

from importlib.util import find_spec

import pytest
from support import SECRET

from app import service_urls
from app.service_urls import PROJECT
from app.settings import SettingsError, load_settings

pytestmark = pytest.mark.usefixtures("env_file")
needs_redis = pytest.mark.skipif(
    find_spec("redis") is None, reason='the client is missing: pip install -e ".[redis]"'
)
needs_postgres = pytest.mark.skipif(
    find_spec("psycopg") is None, reason='the driver is missing: pip install -e ".[postgres]"'
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        pytest.param(
            "postgres://ada:p%40ss@db:5432/app",
            "postgresql+psycopg://ada:p%40ss@db:5432/app",
            marks=needs_postgres,
        ),
        pytest.param(
            "postgresql://db/app?sslmode=require",
            "postgresql+psycopg://db/app?sslmode=require",
            marks=needs_postgres,
        ),
        ("sqlite:////tmp/app.sqlite3", "sqlite+aiosqlite:////tmp/app.sqlite3"),
        ("sqlite+aiosqlite:///data/app.sqlite3", f"sqlite+aiosqlite:///{PROJECT}/data/app.sqlite3"),
    ],
)
def test_a_database_url_gets_its_driver(written: str, meant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", written)
    assert load_settings().database_url == meant


@pytest.mark.parametrize(
    ("installed", "command"),
    [(["pip"], ".venv/bin/python -m pip install"), ([], "uv pip install --python .venv")],
)
@pytest.mark.parametrize(
    ("name", "url", "what", "extra"),
    [
        ("DATABASE_URL", "postgresql://ada:hunter2@db/app", "driver for PostgreSQL", "postgres"),
        ("REDIS_URL", "redis://ada:hunter2@db", "client for Redis", "redis"),
    ],
)
def test_a_missing_driver_is_named_with_the_command_that_installs_it(
    name: str,
    url: str,
    what: str,
    extra: str,
    installed: list[str],
    command: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service_urls, "find_spec", lambda name: name if name in installed else None)
    monkeypatch.setenv(name, url)
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    assert str(refusal.value).splitlines()[:3] == [
        f"error: {name} cannot be used",
        f"  the {what} is not installed",
        f"  try: {command} -e '.[{extra}]'",
    ]


@needs_redis
@pytest.mark.parametrize(
    ("written", "meant", "shown"),
    [
        ("redis://localhost", "redis://localhost", "redis://localhost"),
        ("valkeys://:hunter2@db:6380/1", "rediss://:hunter2@db:6380/1", "rediss://db:6380/1"),
        (
            "unix:///run/redis.sock?password=hunter2",
            "unix:///run/redis.sock?password=hunter2",
            "unix:///run/redis.sock",
        ),
    ],
)
def test_a_redis_url_can_be_one_of_valkey_and_is_shown_without_its_password(
    written: str, meant: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", written)
    loaded = load_settings()
    assert (loaded.redis_url, loaded.safe_redis_url) == (meant, shown)
    assert "hunter2" not in repr(loaded)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("localhost:6379", "it has to begin with redis://"),
        ("http://localhost:6379", "it has to begin with redis://"),
        ("redis://localhost:port", "it is not a URL"),
        ("redis://:pass/word@localhost", "it is not a URL"),
        ("redis://user/pass@localhost", "it has an @ after its host"),
        ("unix://?db=1", "it names no socket"),
        ("redis://localhost:6379/app", "after its host and port, it has the number of a database"),
        pytest.param("redis://localhost?db=one", "redis-py does not take it", marks=needs_redis),
        pytest.param("redis://localhost?ssl_patience=1", "redis-py does not take it", marks=needs_redis),
        ("redis://localhost?patience=1", "its option patience is not one of db, username"),
        ("redis://localhost?db=1&decode_responses=True", "its option decode_responses is not one of"),
        ("rediss://localhost?protocol=3", "its option protocol is not one of"),
        ("redis://hunter?2=3@localhost", "it has an @ after its host"),
        ("unix:///run/redis.sock?socket_timeout=30", "its option socket_timeout is not one of"),
        ("redis+sentinel://localhost:26379/mymaster", "it has to be the address of a single primary"),
        ("rediss+cluster://localhost", "it has to be the address of a single primary"),
        ("redis://one:6379,other:6379", "it has to be the address of a single primary"),
    ],
)
def test_a_redis_url_that_cannot_be_one_is_refused(
    written: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", written)
    with pytest.raises(SettingsError) as refusal:
        load_settings()
    problem, because, remedy, _ = str(refusal.value).splitlines()
    assert problem == "error: REDIS_URL cannot be used"
    assert because.startswith(f"  {reason}")
    assert remedy == "  try: REDIS_URL=redis://localhost:6379/0"


@needs_postgres
def test_settings_can_be_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://ada:hunter2@db/app")
    shown = repr(load_settings())
    assert SECRET not in shown
    assert "hunter2" not in shown
    assert load_settings().safe_database_url == "postgresql+psycopg://ada:***@db/app"
