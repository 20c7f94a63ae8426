"""How Alembic reaches the database: run by `python -m app` at start, and by `alembic` in the shell."""

import logging
from importlib import import_module
from typing import Any, Final, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, TypeDecorator, text

from app.database import Base, connect_for_migrations
from app.services import settings

# Every module that declares tables: they are known once it has been imported.
for module in ["app.users"]:
    import_module(module)

# Any number, as long as nothing else locks it in the same database.
_LOCK: Final = 602_214_076


def run(connection: Connection) -> None:
    """Runs what was asked for, one process at a time: the others then find nothing left to do."""
    with connection.begin():
        if connection.dialect.name == "sqlite":
            # SQLite can hardly alter a table: Alembic makes a copy and drops the original (render_as_batch),
            # which must not delete the rows of other tables that refer to it.
            connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_as_batch=True,
            render_item=_render_item,
        )
        with context.begin_transaction():
            context.run_migrations()


def _render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    # A migration must not change when the application's types do: write what they are in the database.
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


if context.is_offline_mode():
    context.configure(url=settings().database_url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
elif "connection" in context.config.attributes:
    run(context.config.attributes["connection"])
else:
    logging.basicConfig(format="%(message)s")
    logging.getLogger("alembic.runtime.migration").setLevel(logging.INFO)
    with connect_for_migrations(settings().database_url) as connection:
        run(connection)
