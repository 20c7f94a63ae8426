"""`server`: the real server. `connect`: real clients, who are disconnected when the test ends."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from support import SECRET, SETTINGS, Connect, Member, RunningServer, register, start_server, stop_server

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
async def connect(server: RunningServer) -> AsyncIterator[Connect]:
    """Connects with a token of a new user and, for namespaces that want no token, with a name."""
    members: list[Member] = []

    async def connect(namespace: str, name: str) -> Member:
        member = Member(namespace)
        members.append(member)
        token = await register(server.url, name)
        await member.connect(server.url, auth={"token": token, "metadata": {"user_name": name}})
        return member

    yield connect
    for member in members:
        await member.disconnect()


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
