"""ALLOWED_ORIGINS: web pages of those origins, and of no other, may use the HTTP API and Socket.IO."""

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from support import RunningServer, start_server, stop_server

ALLOWED = "https://app.example.com"
FOREIGN = "https://evil.example.com"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("origins")
    running = start_server(folder, ALLOWED_ORIGINS=f"http://localhost:5173, {ALLOWED}")
    yield running
    stop_server(running)


async def preflight(url: str, origin: str, method: str = "POST") -> tuple[int, str | None]:
    """The status and the origin that a browser would be allowed to continue with."""
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    async with aiohttp.ClientSession() as http, http.options(url, headers=asked) as answer:
        return answer.status, answer.headers.get("Access-Control-Allow-Origin")


async def test_pages_of_an_allowed_origin_may_call_the_http_api(server: RunningServer) -> None:
    for path in ("/api/users", "/api/login", "/api/token"):
        assert await preflight(server.url + path, ALLOWED) == (200, ALLOWED)
        assert await preflight(server.url + path, FOREIGN) == (400, None)
    for origin, answer in ((ALLOWED, (200, ALLOWED)), (FOREIGN, (400, None))):
        assert await preflight(f"{server.url}/api/users/me", origin, "DELETE") == answer


@pytest.mark.parametrize(("origin", "status"), [(ALLOWED, 200), (FOREIGN, 400)])
async def test_pages_of_an_allowed_origin_may_connect(
    server: RunningServer, origin: str, status: int
) -> None:
    url = f"{server.url}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as http, http.get(url, headers={"Origin": origin}) as answer:
        assert answer.status == status


async def test_a_star_allows_every_page_and_is_warned_of(tmp_path: Path) -> None:
    server = start_server(tmp_path, ALLOWED_ORIGINS="*")
    try:
        assert await preflight(f"{server.url}/api/login", FOREIGN) in [(200, "*"), (200, FOREIGN)]
        url = f"{server.url}/socket.io/?EIO=4&transport=polling"
        async with aiohttp.ClientSession() as http, http.get(url, headers={"Origin": FOREIGN}) as answer:
            assert answer.status == 200
    finally:
        stop_server(server)
    assert (
        "WARNING app.engine.server: ALLOWED_ORIGINS=*: the pages of every site can connect"
        in server.log_path.read_text()
    )
