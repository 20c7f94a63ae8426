"""Whether the database answers and is migrated; nothing of it is changed. See services_probe.py.

It knows of the project what its pyproject.toml says of Alembic, and DATABASE_URL.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_PATIENCE_S = 3

Finding = tuple[str, str, Sequence[str]]


def check(url: str, *, shared: bool = False) -> Finding:
    """State, finding, remedies.

    Args:
        shared: Several servers are to use it.
    """
    from sqlalchemy.engine import make_url

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = Path(parsed.database or "")
        shown = os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
        found = why_no_file(path, shown) or check_migrations(sqlite_engine(path), shown)
        return with_warning(found) if shared else found
    # What is in the query may be a password too.
    shown = parsed.set(query={}).render_as_string(hide_password=True)
    try:
        engine = server_engine(parsed)
    except ModuleNotFoundError:
        if parsed.get_backend_name() != "postgresql":
            raise
        return "broken", 'the driver for PostgreSQL is not installed: pip install -e ".[postgres]"', ()
    return check_migrations(engine, shown)


def with_warning(finding: Finding) -> Finding:
    """What was found of a file, and that not all servers of a cluster may have it."""
    state, found, tries = finding
    if state == "broken":
        return finding
    warning = "a server on another machine, which REDIS_URL makes one with this, would have other users"
    return "note", f"{found}; {warning}", [*tries, "DATABASE_URL=postgresql://user:password@HOST/app"]


def why_no_file(path: Path, shown: str) -> Finding | None:
    """What there is to say of a file that cannot be opened, or need not be yet."""
    folder = path.parent
    if not folder.is_dir():
        return (
            "broken",
            f"{shown} cannot be made: its folder is not there",
            [f"mkdir -p {shlex.quote(str(folder))}"],
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        return (
            "broken",
            f"you may not write to the folder of {shown}",
            [f"chmod u+wx {shlex.quote(str(folder))}"],
        )
    if not path.exists():
        return "ok", f"{shown} is not there yet: the server makes it when it starts", ()
    if not path.is_file():
        return "broken", f"{shown} is no regular file", [_put_aside(shown)]
    if not os.access(path, os.R_OK | os.W_OK):
        return "broken", f"you may not write to {shown}", [f"chmod u+rw {shlex.quote(str(path))}"]
    return None


def _put_aside(shown: str) -> str:
    return shlex.join(["mv", "-i", shown, f"{shown}.bak"])


def sqlite_engine(path: Path) -> Any:
    """An engine that only reads. The project's own would set the journal mode, which writes."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    # Without a log there is no writer, and SQLite would leave an empty one behind.
    mode = "mode=ro" if os.path.exists(f"{path}-wal") else "mode=ro&immutable=1"
    return create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(f"{path.as_uri()}?{mode}", uri=True, timeout=_PATIENCE_S),
        poolclass=NullPool,
    )


def server_engine(url: Any) -> Any:
    """An engine that does not wait long."""
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    patient = url.update_query_dict({"connect_timeout": str(_PATIENCE_S)})
    return create_engine(patient, hide_parameters=True, poolclass=NullPool)


def check_migrations(engine: Any, shown: str) -> Finding:
    """Where the database is, compared with where the code wants it to be."""
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from alembic.script.revision import RevisionError
    from alembic.util import CommandError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_heads()
    except SQLAlchemyError as error:
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        # Making another SQLite file is no way out of a SQLite file that is none.
        is_no_file = engine.dialect.name == "sqlite" and "not a database" in reason
        other = _put_aside(shown) if is_no_file else "DATABASE_URL=sqlite:///app.sqlite3 macchiato run"
        return "broken", f"{shown}: {reason}", [other]
    script = ScriptDirectory.from_config(Config(toml_file="pyproject.toml"))
    heads = script.get_heads()
    try:
        pending = len(list(script.iterate_revisions("heads", current or "base")))
    except (CommandError, RevisionError):
        found = f"{shown} is at {', '.join(current)}, which is no migration of this project"
        return "broken", found, ["git status", "git log --stat -- app/migrations"]
    if len(heads) > 1:
        # The server applies them all, but Alembic makes no new one before.
        tries = [".venv/bin/python -m alembic merge heads -m merge"]
        return "note", f"the migrations have {len(heads)} ends: {', '.join(sorted(heads))}", tries
    if pending:
        many = f"{pending} migrations are" if pending > 1 else "1 migration is"
        return "note", f"{shown}: {many} pending, which the server applies when it starts", ()
    return "ok", f"{shown} is migrated, to {', '.join(current) or 'nothing'}", ()
