"""The users of a generated project in a real PostgreSQL, chosen by DATABASE_URL alone."""

import asyncio
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from psycopg import sql
from sqlalchemy import create_engine

from app.database import Base, migrate
from app.settings import load_settings
from app.users import EmailTaken, User, Users
from support import free_port
from tests.services import require

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "project"
PASSWORD = "correct horse battery staple"
# What app/migrations/env.py locks while it migrates.
MIGRATION_LOCK = 602214076
MIGRATE = """
import sys
from app.database import migrate

migrate(sys.argv[1])
"""


def program(name: str) -> str:
    """Where this program of PostgreSQL is; Debian leaves most of them out of the PATH."""
    versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return require(versions[-1] if versions else name, "install PostgreSQL")


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, as people write it: postgresql://..."""
    initdb, pg_ctl = program("initdb"), program("pg_ctl")
    port = free_port()
    # PostgreSQL refuses to run as root, and pytest's own folders are closed to other users.
    as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    folder = Path(tempfile.mkdtemp(prefix="macchiato-postgres-"))
    if as_owner:
        shutil.chown(folder, "postgres", "postgres")

    def run(*command: str) -> None:
        # Not captured through a pipe: the server would inherit it, and keep it open.
        with (folder / "commands.log").open("ab") as log:
            subprocess.run([*as_owner, *command], cwd="/", stdout=log, stderr=log, check=True)

    data = str(folder / "data")
    run(initdb, "-D", data, "-U", "macchiato", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
    run(pg_ctl, "-D", data, "-l", str(folder / "server.log"), "-o", options, "-w", "start")
    try:
        yield f"postgresql://macchiato@127.0.0.1:{port}/postgres"
    finally:
        run(pg_ctl, "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def database_url(postgres: str) -> str:
    """The URL of an empty database."""
    name = f"test_{secrets.token_hex(4)}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return postgres.removesuffix("/postgres") + f"/{name}"


@pytest.fixture
def settings_url(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same database, as the application's settings understand the URL."""
    monkeypatch.setenv("TOKEN_SECRET", "a secret for tests, which is long enough to be one")
    monkeypatch.setenv("DATABASE_URL", database_url)
    return load_settings().database_url


@pytest.fixture
async def users(settings_url: str) -> AsyncIterator[Users]:
    migrate(settings_url)
    users = Users(settings_url)
    yield users
    await users.close()


async def test_users_are_created_found_and_deleted(users: Users) -> None:
    ada = await users.create("Ada", "Ada@Example.com", PASSWORD)
    assert ada.created_at.tzinfo is UTC
    assert await users.get(ada.id) == ada
    assert await users.authenticate("ADA@example.com", PASSWORD) == ada
    assert await users.authenticate("ada@example.com", "wrong password") is None
    assert await users.authenticate("nobody@example.com", PASSWORD) is None
    assert [await users.delete(ada.id), await users.delete(ada.id)] == [True, False]
    assert await users.get(ada.id) is None


async def test_two_who_register_one_address_at_once_do_not_both_get_it(users: Users) -> None:
    answers = await asyncio.gather(
        users.create("Ada", "ada@example.com", PASSWORD),
        users.create("Eve", "ADA@example.com", PASSWORD),
        return_exceptions=True,
    )
    assert {type(answer) for answer in answers} == {User, EmailTaken}


async def test_users_survive_a_database_that_closed_their_connections(
    users: Users, database_url: str
) -> None:
    ada = await users.create("Ada", "ada@example.com", PASSWORD)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert await users.get(ada.id) == ada


async def test_migrations_make_the_tables_that_the_code_declares(users: Users, settings_url: str) -> None:
    migrate(settings_url)
    engine = create_engine(settings_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_processes_that_start_at_once_migrate_one_after_the_other(
    database_url: str, settings_url: str
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        starting = [
            subprocess.Popen(
                [sys.executable, "-c", MIGRATE, settings_url],
                env={**os.environ, "PYTHONPATH": str(TEMPLATE)},
                stderr=subprocess.PIPE,
            )
            for _ in range(2)
        ]
        wait_until_waiting(connection, len(starting))
        connection.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])
        errors = [process.communicate(timeout=30)[1].decode() for process in starting]
        assert errors == ["", ""]
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("users_0002",)]


def wait_until_waiting(connection: psycopg.Connection, processes: int) -> None:
    """Returns when so many processes want the lock that `connection` has."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        waiting = connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        ).fetchone()
        if waiting == (processes,):
            return
        time.sleep(0.05)
    raise AssertionError(f"{processes} processes should wait for the migration lock")
