"""The database: how tables are declared, connections opened, and migrations applied."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, DateTime, Dialect, Engine, MetaData, TypeDecorator, event
from sqlalchemy import create_engine as create_sync_engine
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass

_MIGRATIONS: Final = Path(__file__).parent / "migrations"


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    """The base of every table: what `alembic revision --autogenerate` compares to the database."""

    # Constraints without a name could not be dropped or changed by a later migration.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in time, always aware and in UTC: SQLite alone would forget the time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


def create_engine(database_url: str) -> AsyncEngine:
    """An engine for a URL that app/settings.py has checked. It connects on first use."""
    # hide_parameters: the text of an error would contain password hashes.
    # pool_pre_ping: connections that a restarted database has closed are replaced before they fail a request.
    # A file closes none, and asking takes as long as a query.
    is_server = make_url(database_url).get_backend_name() != "sqlite"
    engine = create_async_engine(database_url, hide_parameters=True, pool_pre_ping=is_server)
    _prepare(engine.sync_engine)
    return engine


@contextmanager
def connect_for_migrations(database_url: str) -> Generator[Connection]:
    """A connection of its own, without an event loop: Alembic needs none."""
    url = make_url(database_url)
    # psycopg is its own synchronous driver; that of SQLite is part of Python.
    engine = create_sync_engine(
        url.set(drivername=url.drivername.removesuffix("+aiosqlite")), hide_parameters=True
    )
    _prepare(engine)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def migrate(database_url: str) -> None:
    """Applies the migrations that are missing; safe when several processes start at once."""
    # Only here: the server itself, started anew by each reload, does without Alembic.
    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic interpolates its options: a "%" in the path would be taken for the beginning of a name.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with connect_for_migrations(database_url) as connection:
        config.attributes["connection"] = connection
        # All of them: an update may have brought a migration beside yours.
        command.upgrade(config, "heads")


def _prepare(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # Wait for another process's write, up to 5000 ms, instead of failing at once.
    cursor.execute("PRAGMA busy_timeout = 5000")
    # Readers and a writer do not block each other.
    cursor.execute("PRAGMA journal_mode = WAL")
    # SQLite ignores foreign keys unless told.
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
