"""`server`: the real server. `connect`: real clients of new users."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from support import SECRET, SETTINGS, Client, Connect, RunningServer, register, start_server, stop_server

from app import settings
from app.settings import Settings


@pytest.fixture(scope="session", autouse=True)
def settings_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What the tests themselves use of the app does not meet your database or Redis either."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SETTINGS.items():
            patch.setenv(name, value)
        patch.setenv("DATABASE_URL", f"sqlite:///{tmp_path_factory.mktemp('database') / 'test.sqlite3'}")
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = start_server(tmp_path_factory.mktemp("server"))
    yield running
    stop_server(running)


@pytest.fixture
async def token_of_ada(server: RunningServer) -> str:
    return await register(server.url, "Ada")


@pytest.fixture
def connect(server: RunningServer) -> Connect:
    """`async with connect(DevUser, user="Ada") as ada`: with a token, or the name alone."""

    @asynccontextmanager
    async def connect(client: type[Client], *, user: str) -> AsyncIterator[Client]:
        auth = {"token": await register(server.url, user), "metadata": {"user_name": user}}
        async with client(server.url, auth) as connected:
            yield connected

    return connect


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `.env` of its own, and nothing in the environment, for each test."""
    path = tmp_path / ".env"
    monkeypatch.setitem(Settings.model_config, "env_file", path)
    monkeypatch.setattr(settings, "ENV_FILE", path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    path.write_text(f"TOKEN_SECRET={SECRET}\n")
    return path
