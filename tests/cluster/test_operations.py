"""The server itself, `python -m app`, with and without the Redis that it is to have."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest

from support import PROJECT, RunningServer, free_port, start_server, stop_server
from tests.cluster.nodes import within
from tests.cluster.redis_server import RedisServer

METRICS_TOKEN = "what Prometheus shows, long enough to be a secret"


@contextmanager
def running(folder: Path, redis: RedisServer, **environment: str) -> Iterator[RunningServer]:
    settings = {"REDIS_URL": redis.url, "METRICS_TOKEN": METRICS_TOKEN, "LEASE_S": "3", **environment}
    server = start_server(folder, **settings)
    try:
        yield server
    finally:
        stop_server(server)


async def get(url: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    async with aiohttp.ClientSession() as http, http.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def until_ready_is(status: str, url: str, *, within_s: float) -> int:
    """Wait until /readyz says so; with which HTTP status it does."""
    deadline = time.monotonic() + within_s
    while (answer := await get(f"{url}/readyz"))[1] != f'{{"status":"{status}"}}':
        assert time.monotonic() < deadline, answer
        await asyncio.sleep(0.05)
    return answer[0]


async def test_a_server_without_its_redis_is_alive_but_not_ready(redis: RedisServer, tmp_path: Path) -> None:
    with running(tmp_path, redis) as server:
        assert await until_ready_is("ready", server.url, within_s=3) == 200
        redis.freeze()
        assert await until_ready_is("redis unavailable", server.url, within_s=5) == 503
        assert (await get(f"{server.url}/healthz"))[0] == 200
        assert "socketio_cluster_nodes NaN\n" in (await get(f"{server.url}/metrics"))[1]
        redis.thaw()
        assert await until_ready_is("ready", server.url, within_s=4) == 200
        redis.ask("CONFIG", "SET", "maxmemory", "1")  # It answers, and refuses what would need more.
        assert await until_ready_is("redis unavailable", server.url, within_s=5) == 503
        redis.ask("CONFIG", "SET", "maxmemory", "0")
        assert await until_ready_is("ready", server.url, within_s=4) == 200
        metrics = (await get(f"{server.url}/metrics"))[1]
        for line in ("up 1.0", "nodes 1.0", "outages_total 1.0", 'messages_total{outcome="lost"} 0.0'):
            assert f"socketio_cluster_{line}\n" in metrics


async def test_a_server_that_does_not_require_its_redis_is_ready_without(
    redis: RedisServer, tmp_path: Path
) -> None:
    redis.kill()
    with running(tmp_path, redis, REDIS_REQUIRED="false") as server:
        assert await until_ready_is("ready without redis", server.url, within_s=1) == 200
        redis.start()
        assert await until_ready_is("ready", server.url, within_s=3) == 200


def test_a_server_waits_for_its_redis_and_says_so_once(redis: RedisServer, tmp_path: Path) -> None:
    redis.kill()
    with waiting(tmp_path, redis.url.replace("redis://", "redis://:hunter2@")) as process:
        assert process.stderr is not None
        assert [process.stderr.readline() for _ in range(3)] == [
            f"error: cannot reach Redis at {redis.url}\n",
            f"  Error 111 connecting to 127.0.0.1:{redis.port}. Connection refused.\n",
            "  the server starts as soon as it answers; to start without, REDIS_REQUIRED=false\n",
        ]
        time.sleep(1)  # It goes on trying, and says no more.
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=5)[1] == ""
    redis.start()


@pytest.mark.parametrize(
    ("begin", "problem", "reason", "remedy"),
    [
        (
            "redis://ada:hunter2@",
            "Redis at redis://{} refuses the name or the password of REDIS_URL",
            "invalid username-password pair or user is disabled[.]",
            "redis://USER:PASSWORD@{}",
        ),
        (
            "rediss://",
            "what listens at rediss://{} does not answer in TLS",
            # What a client of TLS says may be a command to Redis, or wait for the rest of one.
            "Timeout connecting to server|.* wrong version number.*",
            "redis://{}",
        ),
    ],
)
def test_a_server_that_its_redis_does_not_let_in_says_why(
    begin: str, problem: str, reason: str, remedy: str, redis: RedisServer, tmp_path: Path
) -> None:
    where = redis.url.removeprefix("redis://")
    with waiting(tmp_path, begin + where) as process:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(4)]
        assert re.fullmatch(f"  ({reason})\n", said.pop(1))
        assert said == [
            f"error: {problem.format(where)}\n",
            f"  try: REDIS_URL={remedy.format(where)}\n",
            "  the server starts as soon as it answers; to start without, REDIS_REQUIRED=false\n",
        ]


@contextmanager
def waiting(folder: Path, redis_url: str) -> Iterator[subprocess.Popen[str]]:
    """A server that does not get its Redis."""
    settings = {
        "REDIS_URL": redis_url,
        "PORT": str(free_port()),
        "TOKEN_SECRET": "a secret for tests, which is long enough to be one",
        "DATABASE_URL": f"sqlite:///{folder / 'test.sqlite3'}",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app"],
        cwd=PROJECT,
        env=os.environ | settings,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    with process:
        yield process
        process.kill()


@pytest.mark.parametrize("away", [False, True])
async def test_who_guesses_a_password_cannot_go_on_at_another_server(
    away: bool, redis: RedisServer, tmp_path: Path
) -> None:
    limit = {"LOGIN_ATTEMPTS_PER_MINUTE": "4"}
    with running(tmp_path, redis, **limit) as one, running(tmp_path, redis, **limit) as other:
        if away:
            redis.freeze()
        statuses = []
        for server in (one, other, one, other, one, other, one, other, one):
            with within(1.5):
                statuses.append(await log_in(server.url))
        # Each counts for itself while it has to.
        assert statuses == [401] * 8 + [429] if away else [401] * 4 + [429] * 5
        redis.thaw()


async def log_in(url: str) -> int:
    account = {"email": "ada@example.com", "password": "guess" * 3}
    async with aiohttp.ClientSession() as http, http.post(f"{url}/api/login", json=account) as answer:
        return answer.status


def test_without_a_redis_url_nothing_of_redis_is_needed(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['redis', 'valkey', 'hiredis', 'coredis']))\n"
        "from app.main import create_app; create_app()\n"
        "assert not [name for name in sys.modules if name.startswith('app.engine.cluster.') "
        "and name != 'app.engine.cluster.address'], 'it is imported'"
    )
    settings = {
        "TOKEN_SECRET": "a secret for tests, which is long enough to be one",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'test.sqlite3'}",
    }
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, env=os.environ | settings, check=True)
