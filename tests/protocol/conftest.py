"""`engine`: a way to a server of Engine.IO alone. `wire`: one to the Socket.IO server `sockets`."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from app.engine.limits import DEFAULT_LIMITS, Limits
from tests.protocol.clients import Wire
from tests.protocol.suite_server import SuiteSocketServer, serving


@pytest.fixture
def limits() -> Limits:
    """A module that wants others has a fixture of this name."""
    return DEFAULT_LIMITS


@pytest.fixture
async def sockets(limits: Limits) -> SuiteSocketServer:
    return SuiteSocketServer(limits)


@pytest.fixture
async def url(sockets: SuiteSocketServer) -> AsyncIterator[str]:
    async with serving(sockets) as url:
        yield url


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as http:
        yield http


@pytest.fixture
async def engine(url: str, http: aiohttp.ClientSession) -> Wire:
    return Wire(http, f"{url}/engine.io/")


@pytest.fixture
async def wire(url: str, http: aiohttp.ClientSession) -> Wire:
    return Wire(http, f"{url}/socket.io/")


@pytest.fixture(params=["engine.io", "socket.io"])
async def either(request: pytest.FixtureRequest, url: str, http: aiohttp.ClientSession) -> Wire:
    """A way to either server: both suites have these cases."""
    return Wire(http, f"{url}/{request.param}/")
