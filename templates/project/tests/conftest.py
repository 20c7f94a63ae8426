"""`server`: the real server. `connect`: real clients, who are disconnected when the test ends."""

from collections.abc import AsyncIterator, Iterator

import pytest
from support import Connect, Member, RunningServer, register, start_server, stop_server


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
