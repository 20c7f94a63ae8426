"""What those who run the server ask of it: is it ready, what has it counted."""

from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from support import RunningServer, start_server, stop_server

METRICS_TOKEN = "what Prometheus shows, long enough to be a secret"


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server that no other test needs, and that shows its metrics."""
    server = start_server(tmp_path, METRICS_TOKEN=METRICS_TOKEN)
    yield server
    stop_server(server)


async def get(url: str, *, token: str | None = None) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_a_server_with_a_database_is_ready(server: RunningServer) -> None:
    assert await get(f"{server.url}/readyz") == (200, '{"status":"ready"}')


async def test_a_server_without_its_database_is_alive_but_not_ready(
    own_server: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "test.sqlite3").write_bytes(b"")  # The server has it open: another file would not matter.

    assert await get(f"{own_server.url}/readyz") == (503, '{"status":"database unavailable"}')
    assert await get(f"{own_server.url}/healthz") == (200, '{"status":"ok"}')


async def test_nobody_reads_the_metrics_unless_a_token_is_set(server: RunningServer) -> None:
    assert await get(f"{server.url}/metrics", token=METRICS_TOKEN) == (404, '{"detail":"Not Found"}')


async def test_only_who_shows_the_token_reads_the_metrics(own_server: RunningServer) -> None:
    assert (await get(f"{own_server.url}/metrics"))[0] == 401
    assert (await get(f"{own_server.url}/metrics", token="something else"))[0] == 401
    status, text = await get(f"{own_server.url}/metrics", token=METRICS_TOKEN)

    assert status == 200
    assert "socketio_received_bytes_total 0.0" in text
