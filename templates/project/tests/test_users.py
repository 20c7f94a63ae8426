"""Users: one per e-mail address, known by a password that nobody can read."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import argon2
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, event
from sqlalchemy.exc import OperationalError

from app.database import Base, migrate
from app.users import EmailTaken, User, Users

PASSWORD = "correct horse battery staple"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "app.sqlite3"


@pytest.fixture
async def users(database: Path) -> AsyncIterator[Users]:
    url = f"sqlite+aiosqlite:///{database}"
    migrate(url)
    users = Users(url)
    yield users
    await users.close()


async def test_a_user_is_found_again(users: Users) -> None:
    ada = await users.create("Ada", "Ada@Example.com", PASSWORD)
    assert (ada.name, ada.email) == ("Ada", "ada@example.com")
    assert ada.created_at.tzinfo is UTC
    assert datetime.now(UTC) - ada.created_at < timedelta(minutes=1)
    assert await users.get(ada.id) == ada
    assert await users.authenticate("ADA@example.com", PASSWORD) == ada


async def test_two_who_register_one_address_at_once_do_not_both_get_it(users: Users) -> None:
    answers = await asyncio.gather(
        users.create("Ada", "ada@example.com", PASSWORD),
        users.create("Eve", "ADA@example.com", PASSWORD),
        return_exceptions=True,
    )
    assert {type(answer) for answer in answers} == {User, EmailTaken}


async def test_an_unknown_address_takes_the_same_work_as_a_wrong_password(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    await users.create("Ada", "ada@example.com", PASSWORD)
    parameters: list[argon2.Parameters] = []
    verify = argon2.PasswordHasher.verify

    def spy(hasher: argon2.PasswordHasher, stored: str, password: str) -> bool:
        parameters.append(argon2.extract_parameters(stored))
        return verify(hasher, stored, password)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", spy)
    assert await users.authenticate("ada@example.com", "wrong password") is None
    assert await users.authenticate("nobody@example.com", "wrong password") is None
    wrong_password, unknown_address = parameters
    assert wrong_password == unknown_address


async def test_a_hash_with_old_parameters_is_replaced_at_log_in(users: Users, database: Path) -> None:
    ada = await users.create("Ada", "ada@example.com", PASSWORD)
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE users SET password_hash = ?", (old,))
    assert await users.authenticate("ada@example.com", PASSWORD)
    user = await users.get(ada.id)
    assert user is not None
    assert argon2.extract_parameters(user.password_hash) == argon2.extract_parameters(ada.password_hash)


async def test_a_deleted_user_is_gone(users: Users) -> None:
    ada = await users.create("Ada", "ada@example.com", PASSWORD)
    assert await users.delete(ada.id) is True
    assert await users.delete(ada.id) is False
    assert await users.get(ada.id) is None
    assert await users.authenticate("ada@example.com", PASSWORD) is None


async def test_a_disabled_user_is_nobody_until_enabled_again(users: Users) -> None:
    ada = await users.create("Ada", "ada@example.com", PASSWORD)
    assert await users.disable("somebody else") is False
    assert await users.disable(ada.id) is True
    assert await users.get(ada.id) is None
    assert await users.authenticate("ada@example.com", PASSWORD) is None
    with pytest.raises(EmailTaken):
        await users.create("Ada", "ada@example.com", PASSWORD)

    assert await users.disable(ada.id, disabled=False) is True
    assert await users.get(ada.id) is not None
    assert await users.authenticate("ada@example.com", PASSWORD) is not None


async def test_migrations_make_the_tables_that_the_code_declares(users: Users, database: Path) -> None:
    migrate(f"sqlite+aiosqlite:///{database}")
    engine = create_engine(f"sqlite:///{database}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


async def test_who_is_asked_for_at_once_is_found_by_two_queries(users: Users) -> None:
    """One has begun already when the others ask."""
    everybody = [await users.create("Ada", f"ada{number}@example.com", PASSWORD) for number in range(20)]
    await users.disable(everybody[7].id)
    queries: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        queries.append(statement)

    event.listen(users._engine.sync_engine, "before_cursor_execute", note)
    first = asyncio.create_task(users.get(everybody[0].id))
    await asyncio.sleep(0)
    found = await asyncio.gather(*(users.get(user.id) for user in everybody), users.get("nobody"))
    everybody[7:8] = [None]  # type: ignore[list-item]
    assert (await first, found) == (everybody[0], [*everybody, None])
    assert len(queries) == 2


async def test_who_gives_up_does_not_take_the_answer_from_others(users: Users) -> None:
    ada = await users.create("Ada", "ada@example.com", PASSWORD)
    impatient, patient = (asyncio.create_task(users.get(ada.id)) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == ada


async def test_a_database_that_fails_is_asked_again(users: Users, database: Path) -> None:
    ada = await users.create("Ada", "ada@example.com", PASSWORD)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE users RENAME TO lost")
        failed = await asyncio.gather(users.get(ada.id), users.get("nobody"), return_exceptions=True)
        assert [type(error) for error in failed] == [OperationalError, OperationalError]
        connection.execute("ALTER TABLE lost RENAME TO users")
    assert await users.get(ada.id) == ada
