"""Migrations of a generated project, from the shell and at start, on SQLite (PostgreSQL: tests/database)."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from app.database import create_engine, migrate

TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "project"
MIGRATE = """
import sys
from app.database import migrate

migrate(sys.argv[1])
"""
POSTS = '''"""posts

Revision ID: 0002
Revises: 0001
Create Date: 2025-01-02 00:00:00
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "posts", sa.Column("author", sa.String(36), sa.ForeignKey("users.id", ondelete="CASCADE"))
    )
    op.execute(
        "INSERT INTO users (id, name, email, password_hash, created_at)"
        " VALUES ('1', 'Ada', 'ada@example.com', 'x', '2025-01-01')"
    )
    op.execute("INSERT INTO posts VALUES ('1')")
    with op.batch_alter_table("users", recreate="always") as users:
        users.alter_column("name", type_=sa.String(200))
'''


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the template that a test may add migrations to; a percent sign must not disturb Alembic."""
    project = tmp_path / "100% mine"
    project.mkdir()
    shutil.copy(TEMPLATE / "pyproject.toml", project)
    shutil.copytree(TEMPLATE / "app", project / "app", ignore=shutil.ignore_patterns("__pycache__"))
    return project


def run(project: Path, *command: str) -> str:
    """What the command printed; it must succeed."""
    database = {"DATABASE_URL": "sqlite:///test.sqlite3", "TOKEN_SECRET": "for tests only: 0123456789abcdef"}
    environment = {**os.environ, **database}
    environment.pop("PYTHONPATH", None)
    ran = subprocess.run(command, cwd=project, env=environment, text=True, capture_output=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout + ran.stderr


def alembic(project: Path, *args: str) -> str:
    return run(project, sys.executable, "-m", "alembic", *args)


def test_alembic_runs_from_the_shell_and_finds_nothing_to_change(project: Path) -> None:
    assert "Running upgrade  -> 0001, users" in alembic(project, "upgrade", "heads")
    alembic(project, "revision", "--autogenerate", "--rev-id", "0003", "-m", "nothing")
    revision = project / "app/migrations/versions/0003_nothing.py"
    assert revision.read_text().count("    pass\n") == 2
    run(project, sys.executable, "-m", "ruff", "format", "--check", str(revision))
    assert "CREATE TABLE users" in alembic(project, "upgrade", "heads", "--sql")
    assert "Running downgrade 0001 -> , users" in alembic(project, "downgrade", "base")


def test_a_migration_that_an_update_brought_is_applied_beside_the_owners(project: Path) -> None:
    (project / "app/migrations/versions/0002_posts.py").write_text(POSTS)
    migrate_here = "from app import services; from app.database import migrate; "
    run(project, sys.executable, "-c", f"{migrate_here}migrate(services.settings().database_url)")
    with closing(sqlite3.connect(project / "test.sqlite3")) as connection:
        assert connection.execute("SELECT id, is_disabled FROM users").fetchall() == [("1", 0)]
        applied = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert sorted(applied) == [("0002",), ("users_0002",)]
    alembic(project, "merge", "heads", "-m", "merge")
    assert "Running upgrade 0002, users_0002 -> " in alembic(project, "upgrade", "heads")


def test_rebuilding_a_table_keeps_the_rows_that_refer_to_it(project: Path) -> None:
    (project / "app/migrations/versions/0002_posts.py").write_text(POSTS)
    alembic(project, "upgrade", "heads")
    with closing(sqlite3.connect(project / "test.sqlite3")) as connection:
        assert connection.execute("SELECT author FROM posts").fetchall() == [("1",)]


async def test_foreign_keys_are_enforced_after_migrating(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.sqlite3'}"
    migrate(url)
    engine = create_engine(url)
    async with engine.connect() as connection:
        assert (await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar_one() == 1
        assert (await connection.exec_driver_sql("PRAGMA journal_mode")).scalar_one() == "wal"
    await engine.dispose()


def test_processes_that_start_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.sqlite3'}"
    starting = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, url],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(TEMPLATE)},
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    assert [process.communicate(timeout=60)[1].decode() for process in starting] == [""] * 4
