"""`python -m app --workers`: several processes on one port, of which clients notice nothing."""

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import socketio

from app.__main__ import main, read_arguments
from app.engine.session_ids import worker_of
from support import RunningServer, free_port, start_server
from tests.core.behind import until
from tests.core.wire import RawPolling, raw_polling, raw_socket

PROJECT = Path(__file__).resolve().parents[2] / "templates" / "project"
# Whoever connects is let in; the processes know nothing of each other, and need not.
NAMESPACE = """
import logging
import os
from typing import Any

from ..core import SocketWrapper, socket_ok

async def anybody(wrapper: Any, client: Any, comm_id: Any, metadata: Any) -> Any:
    return socket_ok(comm_id)

async def farewell(wrapper: Any, client: Any, reason: Any) -> None:
    logging.getLogger("farewell").warning("farewell %s", reason)

people: SocketWrapper[Any] = SocketWrapper(
    socket_namespace="people", connection_middleware=anybody, on_client_disconnect=farewell
)

@people.listener("whoServes")
async def on_who_serves(wrapper: Any, client: Any, metadata: Any) -> int:
    return os.getpid()
"""
METRICS_TOKEN = "a token of Prometheus for tests, long enough to be one"
WITHOUT_REDIS = {
    "METRICS_TOKEN": METRICS_TOKEN,
    "REDIS_URL": "unix://:hunter2@/nowhere",
    "REDIS_REQUIRED": "false",
}


@contextmanager
def serving(folder: Path, *arguments: str) -> Iterator[RunningServer]:
    """A copy of the template with `NAMESPACE`, and with two workers, both of which are there."""
    shutil.copytree(PROJECT / "app", folder / "app")
    (folder / "app/namespaces/people.py").write_text(NAMESPACE)
    server = start_server(folder, "--workers", "2", *arguments, project=folder, **WITHOUT_REDIS)
    pids: set[int] = set()
    try:
        wait_for(lambda: len({sid_of_a_new_session(server)[0] for _ in range(2)}) == 2)
        pids = workers_of(server)
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        for pid in pids & {pid for pid, _ in living()}:
            os.kill(pid, signal.SIGKILL)


def wait_for(condition: Callable[[], object], *, within_s: float = 20) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)  # Each time, there may be a session more.


def sid_of_a_new_session(server: RunningServer) -> str:
    with urllib.request.urlopen(f"{server.url}/socket.io/?EIO=4&transport=polling") as answer:
        sid: str = json.loads(answer.read()[1:])["sid"]
        return sid


def living() -> list[tuple[int, int]]:
    """Each process and its parent, but for those that only wait to be forgotten."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,stat="], capture_output=True, text=True, check=True)
    lines = [line.split() for line in listed.stdout.splitlines()]
    return [(int(pid), int(parent)) for pid, parent, state in lines if state[0] != "Z"]


def workers_of(server: RunningServer) -> set[int]:
    listed = living()
    return {pid for pid, parent in listed if parent == server.process.pid}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("workers")) as running:
        yield running


@asynccontextmanager
async def clients(server: RunningServer, count: int, **options: Any) -> AsyncIterator[list[Any]]:
    """python-socketio's, as users have them, but for shorter delays."""
    options = {"reconnection_delay": 0.1, "reconnection_delay_max": 0.2} | options
    everybody: list[Any] = [socketio.AsyncClient(**options) for _ in range(count)]
    try:
        await asyncio.gather(*(each.connect(server.url, namespaces=["/people"]) for each in everybody))
        yield everybody
    finally:
        for each in everybody:
            await each.shutdown()


async def who_serves(client: Any) -> int:
    answer = await client.call("whoServes", namespace="/people", timeout=5)
    pid: int = answer["data"]
    return pid


async def who_serves_poller(client: RawPolling) -> int:
    assert await client.post('42/people,1["whoServes"]') == 200
    (packet,) = await client.poll()
    found = re.fullmatch(r'43/people,1\[\{"ok":true,"data":(\d+)\}\]', packet)
    assert found, packet
    return int(found[1])


async def join(client: RawPolling) -> None:
    assert await client.post("40/people,") == 200
    (packet,) = await client.poll()
    assert packet.startswith('40/people,{"sid":'), packet


@asynccontextmanager
async def one_of_each(server: RunningServer) -> AsyncIterator[tuple[RawPolling, RawPolling]]:
    """Two clients that poll, of different workers."""
    async with AsyncExitStack() as stack:
        pollers: dict[str, RawPolling] = {}
        while len(pollers) < 2:
            client = await stack.enter_async_context(raw_polling(server.url))
            pollers[client.sid[0]] = client
        one, other = pollers.values()
        yield one, other


async def test_each_request_of_a_session_reaches_the_worker_that_has_it(server: RunningServer) -> None:
    async def pids(client: RawPolling) -> set[int]:
        await join(client)
        return {await who_serves_poller(client) for _ in range(3)}

    async with AsyncExitStack() as stack:
        pollers = [await stack.enter_async_context(raw_polling(server.url)) for _ in range(20)]
        found = await asyncio.gather(*map(pids, pollers))

    assert set(map(len, found)) == {1}
    assert set.union(*found) == workers_of(server)


async def test_sessions_of_different_workers_can_use_one_pool_of_connections(server: RunningServer) -> None:
    """As the tabs of a browser do, and the clients of a proxy."""
    url = f"{server.url}/socket.io/?EIO=4&transport=polling"
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as http,
        one_of_each(server) as different,
    ):
        sharing = [RawPolling(http, url, client.sid) for client in different]
        for client in sharing:
            await join(client)
        pids = [await who_serves_poller(sharing[turn % 2]) for turn in range(6)]

    assert pids == pids[:2] * 3
    assert set(pids) == workers_of(server)


async def test_clients_upgrade_to_a_websocket(server: RunningServer) -> None:
    async with clients(server, 8) as everybody:
        await until(lambda: all(each.transport() == "websocket" for each in everybody))
        pids = [await who_serves(each) for each in everybody]

        assert [each.eio.sid[0] for each in everybody] == [each.eio.sid[0] for each in everybody]
        assert set(pids) == workers_of(server)


async def test_a_session_that_nobody_has_is_unknown(server: RunningServer) -> None:
    url = f"{server.url}/socket.io/?EIO=4&transport=polling&sid="
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as http:
        for sid in ("", "aNobody", "bNobody", "cNobody", "~Nobody"):
            async with http.get(url + sid) as answer:
                body = await answer.text()
                assert (answer.status, body) == (400, '{"code":1,"message":"Session ID unknown"}')


async def metrics_of(server: RunningServer, worker: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5), headers=headers) as http,
        http.get(f"{server.url}/metrics?worker={worker}") as answer,
    ):
        return answer.status, await answer.text()


async def test_metrics_are_those_of_the_worker_that_was_asked_for(server: RunningServer) -> None:
    no_such = (404, '{"detail":"There is no such worker: there are 1 to 2"}')
    for worker in ("0", "3", "12", "02", "x", ""):
        assert await metrics_of(server, worker) == no_such
    async with one_of_each(server) as different:
        handshakes = []
        for worker, client in zip("12", sorted(different, key=lambda client: client.sid[0]), strict=True):
            status, before = await metrics_of(server, worker)
            assert status == 200
            await join(client)
            _, after = await metrics_of(server, worker)
            handshakes.append([count_of_handshakes(text) for text in (before, after)])
    assert [after - before for before, after in handshakes] == [1, 1]


def count_of_handshakes(metrics: str) -> int:
    found = re.search(r'socketio_handshakes_total{namespace="/people",outcome="ok"} (\d+)', metrics)
    return int(found[1]) if found else 0


def test_the_log_says_once_who_is_what_and_in_each_line_which_worker_wrote_it(server: RunningServer) -> None:
    log = server.log_path.read_text()
    whereabouts = r"This is node (\w+) at unix:///nowhere, where names begin with app \[worker=(\d)\]\n"
    introductions = re.findall(whereabouts, log)
    assert sorted(worker for _, worker in introductions) == ["1", "2"]
    assert len({node for node, _ in introductions}) == 2
    of_nobody = [line for line in log.splitlines() if "[worker=" not in line]
    pages = "HTTP API: /docs, console: /console"
    assert of_nobody == [f"Serving on {server.url} with 2 workers ({pages}). Press Ctrl-C to stop."]
    assert "hunter2" not in log


async def test_nobody_waits_for_clients_that_say_nothing_or_half_a_line(server: RunningServer) -> None:
    port = int(server.url.rpartition(":")[2])
    async with AsyncExitStack() as stack:
        for number in range(100):
            silent = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            if number % 2:
                silent.sendall(b"GET /heal")
        async with raw_polling(server.url) as client, raw_socket(server.url) as other:
            await join(client)
            await who_serves_poller(client)
            await other.join("/people")


async def test_a_line_that_comes_in_parts_reaches_its_worker(server: RunningServer) -> None:
    port = int(server.url.rpartition(":")[2])
    async with one_of_each(server) as different:
        for client in different:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            line = f"\r\nGET /socket.io/?EIO=4&transport=polling&sid={client.sid} HTTP/1.1\r\n"
            await client.post("40/people,")
            for part in (line[:9], line[9:-20], line[-20:], "Host: localhost\r\n\r\n"):
                writer.write(part.encode())
                await asyncio.sleep(0.05)
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
            writer.close()


async def test_a_worker_that_is_killed_is_started_again_and_its_clients_come_back(
    server: RunningServer,
) -> None:
    before = workers_of(server)
    async with clients(server, 6) as everybody:
        await until(lambda: all(each.transport() == "websocket" for each in everybody))
        served_by = {each: await who_serves(each) for each in everybody}
        sids = {each: each.get_sid("/people") for each in everybody}
        killed, sid_of_a_killed = served_by[everybody[0]], everybody[0].eio.sid
        os.kill(killed, signal.SIGKILL)
        await until(lambda: killed not in workers_of(server))
        (survivor,) = before - {killed}
        number = str(worker_of(sid_of_a_killed[0]))
        detail = f"Worker {number} is not there, and is about to be started again"
        assert await metrics_of(server, number) == (
            503,
            json.dumps({"detail": detail}, separators=(",", ":")),
        )
        # There is always somebody to connect to.
        async with raw_polling(server.url) as newcomer:
            await join(newcomer)
            assert await who_serves_poller(newcomer) in workers_of(server)
        lost = [each for each in everybody if served_by[each] == killed]
        await until(lambda: all(each.get_sid("/people") not in (None, sids[each]) for each in lost))
        for each in everybody:
            assert await who_serves(each) != killed
        assert [each for each in everybody if each.get_sid("/people") != sids[each]] == lost
    wait_for(lambda: sid_of_a_new_session(server)[0] == sid_of_a_killed[0])
    log = server.log_path.read_text()
    assert re.search(r"worker \d has ended \(signal 9 \(Killed\)\): started again", log)
    (back,) = workers_of(server) - before
    async with clients(server, 4) as everybody:
        assert {await who_serves(each) for each in everybody} == {survivor, back}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--workers", "0"], "argument --workers: '0' is not a number from 1 to 64"),
        (["--workers", "65"], "argument --workers: '65' is not a number from 1 to 64"),
        (["--workers", "two"], "argument --workers: 'two' is not a number from 1 to 64"),
        (["--workers", "2", "--reload"], "--reload restarts one process: it does not go with --workers"),
    ],
)
def test_a_number_that_makes_no_sense_is_a_usage_error(
    arguments: list[str], problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["app", *arguments])
    with pytest.raises(SystemExit) as exit:
        read_arguments()
    assert exit.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"python -m app: error: {problem}"


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    variables = WITHOUT_REDIS | {
        "TOKEN_SECRET": "a secret for tests, which is long enough to be one",
        "DATABASE_URL": f"sqlite:///{folder / 'test.sqlite3'}",
        "PORT": str(free_port()),
    }
    return subprocess.run(
        [sys.executable, "-m", "app", "--workers", "2"],
        cwd=folder,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_several_processes_need_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["app", "--workers", "2"])
    monkeypatch.setenv("REDIS_URL", "")
    monkeypatch.setenv("TOKEN_SECRET", "a secret for tests, which is long enough to be one")
    umask = os.umask(0o077)
    try:
        with pytest.raises(SystemExit) as exit:
            main()
    finally:
        os.umask(umask)
    # Which Python writes to stderr, with exit code 1.
    assert exit.value.code == (
        "error: --workers 2 needs REDIS_URL\n"
        "  without Redis, the processes do not know of each other's clients: messages reach only some\n"
        "  try: REDIS_URL=redis://localhost:6379/0 .venv/bin/python -m app --workers 2"
    )


def test_what_keeps_a_worker_from_starting_ends_all_and_is_said_once(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "app", tmp_path / "app")
    (tmp_path / "app/worker.py").write_text("raise RuntimeError('this module is broken')\n")
    done = run(tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("RuntimeError: this module is broken") == 1
    assert done.stderr.endswith(
        "error: no worker starts: the last one ended with exit code 1\n"
        "  what it has logged says why\n"
        "  try: .venv/bin/python -m app\n"
    )


async def log_of_the_end(server: RunningServer, number: signal.Signals) -> str:
    """What is logged when the process that started the workers gets a signal, and both serve clients."""
    pids, before = workers_of(server), server.log_path.read_text()
    async with raw_polling(server.url) as poller, clients(server, 4, reconnection=False) as everybody:
        await join(poller)
        poll = asyncio.create_task(poller.poll())
        await until(lambda: all(each.transport() == "websocket" for each in everybody))
        assert {await who_serves(each) for each in everybody} == pids
        await asyncio.sleep(0.2)  # By then, the poll is there.

        server.process.send_signal(number)

        assert await poll == ["6"]
        await until(lambda: not any(each.connected for each in everybody))
    await until(lambda: not pids & {pid for pid, _ in living()})
    return server.log_path.read_text().removeprefix(before)


async def test_a_signal_ends_all_workers_and_each_of_their_clients_gets_a_farewell(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        log = await log_of_the_end(server, signal.SIGTERM)
        assert server.process.wait(timeout=5) == 0
        assert log.count("farewell server shutting down") == 5
        assert "has ended" not in log
        assert "Traceback" not in log


# The last one: it leaves no `server`.
async def test_no_worker_outlives_the_process_that_started_it(server: RunningServer) -> None:
    log = await log_of_the_end(server, signal.SIGKILL)
    assert log.count("The process that accepts connections is gone: this one stops") == 2
    # Some of the clients that polled for the tests before may be remembered still.
    assert log.count("farewell server shutting down") >= 5
    assert "Traceback" not in log
