"""/readyz: whether clients should be sent here. /healthz: whether the process is alive."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support import Member, free_port, register, wait_for_health
from tests.core.observed import TEMPLATE, observed

READY = (200, {"status": "ready"})
NO_DATABASE = (503, {"status": "database unavailable"})


async def get(url: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as http, http.get(url) as answer:
        return answer.status, await answer.json()


async def test_a_server_is_ready_when_its_database_answers(tmp_path: Path) -> None:
    with observed(tmp_path) as server:
        assert await get(f"{server.url}/readyz") == READY


async def test_without_its_database_a_server_is_alive_but_not_ready(tmp_path: Path) -> None:
    database = tmp_path / "test.sqlite3"
    with observed(tmp_path) as server:
        aside = database.rename(tmp_path / "aside.sqlite3")
        database.mkdir()
        assert await get(f"{server.url}/readyz") == NO_DATABASE
        assert await get(f"{server.url}/healthz") == (200, {"status": "ok"})
        database.rmdir()
        aside.rename(database)
        assert await get(f"{server.url}/readyz") == READY


async def test_a_database_without_our_tables_will_not_do(tmp_path: Path) -> None:
    with observed(tmp_path) as server:
        (tmp_path / "test.sqlite3").rename(tmp_path / "elsewhere.sqlite3")
        assert await get(f"{server.url}/readyz") == NO_DATABASE


@contextmanager
def unmigrated(folder: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The application without `python -m app`, which would first migrate."""
    monkeypatch.setenv("TOKEN_SECRET", "a secret for tests, which is long enough to be one")
    monkeypatch.setenv("DATABASE_URL", database_url)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=TEMPLATE, stdout=log, stderr=log)
    try:
        wait_for_health(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=15)


async def test_a_database_that_says_nothing_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("psycopg")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        database_url = f"postgresql://ada:hunter2@127.0.0.1:{mute.getsockname()[1]}/app"
        with unmigrated(tmp_path, database_url, monkeypatch) as url:
            began = time.monotonic()
            answers = await asyncio.gather(*(get(f"{url}/readyz") for _ in range(30)))
            took_s = time.monotonic() - began
            assert await get(f"{url}/healthz") == (200, {"status": "ok"})

    assert answers == [NO_DATABASE] * 30
    assert 0.9 < took_s < 4
    log = (tmp_path / "log").read_text()
    assert "hunter2" not in log
    assert "Traceback" not in log


async def test_a_database_that_is_gone_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    database_url = f"postgresql://ada:hunter2@127.0.0.1:{free_port()}/app"
    with unmigrated(tmp_path, database_url, monkeypatch) as url:
        assert await get(f"{url}/readyz") == NO_DATABASE
        assert await get(f"{url}/healthz") == (200, {"status": "ok"})


async def test_a_server_that_is_stopping_is_not_ready(tmp_path: Path) -> None:
    with observed(tmp_path) as server:
        ada = Member("/people")
        await ada.connect(server.url, {"token": await register(server.url, "Ada")})
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{server.url}/readyz") as before:
                assert (before.status, await before.json()) == READY
            await ada.emit("dawdle")
            while "dawdling" not in server.log_path.read_text():
                await asyncio.sleep(0.01)
            server.process.terminate()
            await ada.left
            # On the connection of before: there are no new ones.
            async with http.get(f"{server.url}/readyz") as after:
                assert (after.status, await after.json()) == (503, {"status": "server stopping"})
        await ada.disconnect()
