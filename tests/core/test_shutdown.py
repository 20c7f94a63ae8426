"""A server that is told to stop: everybody gets a farewell, nobody is waited for, and clients come back."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.core.behind import until
from tests.core.crowd import Crowd
from tests.core.noting import Server, noting
from tests.core.wire import raw_polling, raw_socket

SCRIPT = Path(__file__).with_name("restartable.py")


def running(folder: Path, port: int | None = None) -> AbstractContextManager[Server]:
    return noting(SCRIPT, folder, port=port)


async def test_everybody_gets_a_farewell_and_nobody_is_waited_for(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        async with AsyncExitStack() as clients:

            async def websocket(name: str, *packets: str) -> None:
                client = await clients.enter_async_context(raw_socket(server.url))
                await client.join("/people", {"token": name})
                await client.send(*packets)

            await websocket("silent")
            await websocket("worker", '42/people,1["work"]')
            # Each of these would take for ever, and the next one begins when one is cancelled.
            await websocket("hanger", *(f'42/people,{number}["hang"]' for number in range(10)))
            undecided = await clients.enter_async_context(raw_socket(server.url))
            await undecided.send('40/people,{"token":"hang"}')
            idle = await clients.enter_async_context(raw_polling(server.url))
            await idle.post('40/people,{"token":"idle poller"}')
            polling = await clients.enter_async_context(raw_polling(server.url))
            await polling.post('40/people,{"token":"poller"}')
            await polling.poll()
            pending_poll = asyncio.create_task(polling.poll())
            expected = {"work began", "hanging", "checking hang", "checking poller", "checking silent"}
            await until(lambda: expected <= set(server.notes))

            took_s = await asyncio.to_thread(server.stop)

            assert await pending_poll == ["6"]
        assert took_s < 5
        farewells = [note for note in server.notes if note.startswith("farewell")]
        assert sorted(farewells) == [
            f"farewell {name}: server shutting down"
            for name in ("hanger", "idle poller", "poller", "silent", "worker")
        ]
        assert server.notes.index("work done") < server.notes.index("farewell worker: server shutting down")
        assert server.notes.count("hanging") == 1
        assert server.notes[-1] == "stopped"
        logged = server.log_path.read_text()
        assert logged.count("Traceback") == 1, logged
        assert "/people: the middleware failed" in logged
        assert "never" not in logged
        assert server.process.returncode == -signal.SIGTERM


async def test_a_farewell_that_hangs_delays_the_end_only_for_a_while(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        async with raw_socket(server.url) as dawdler, raw_socket(server.url) as other:
            await dawdler.join("/people", {"token": "dawdler"})
            await other.join("/people", {"token": "other"})
            assert await asyncio.to_thread(server.stop, signal.SIGINT) < 5
        assert "farewell other: server shutting down" in server.notes
        assert "stopped" in server.notes


async def test_a_server_without_clients_stops_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        assert await asyncio.to_thread(server.stop) < 2
        assert server.notes == ["ready", "stopped"]
        assert "Traceback" not in server.log_path.read_text()


async def test_nobody_connects_to_a_server_that_is_stopping(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        async with raw_socket(server.url) as hanger:
            await hanger.join("/people", {"token": "hanger"})
            await hanger.send('42/people,["hang"]')
            await until(lambda: "hanging" in server.notes)
            stopping = asyncio.create_task(asyncio.to_thread(server.stop))
            await hanger.until_closed()
            with pytest.raises(OSError, match=r".+"):
                async with raw_socket(server.url):
                    pass
            assert await stopping < 5


@asynccontextmanager
async def reconnecting(url: str, transport: str, name: str) -> AsyncIterator[Any]:
    """python-socketio's client as users have it, but for a shorter delay."""
    client = socketio.AsyncClient(reconnection_delay=0.1, reconnection_delay_max=0.2)
    try:
        await client.connect(url, auth={"token": name}, namespaces=["/people"], transports=[transport])
        yield client
    finally:
        await client.shutdown()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_clients_come_back_to_the_next_server_by_themselves(tmp_path: Path, transport: str) -> None:
    with running(tmp_path) as server:
        async with reconnecting(server.url, transport, "Ada") as client:
            back = asyncio.Event()
            client.on("connect", lambda: back.set(), namespace="/people")
            assert await asyncio.to_thread(server.stop) < 5
            assert "farewell Ada: server shutting down" in server.notes
            with running(tmp_path, int(server.url.rpartition(":")[2])):
                async with asyncio.timeout(10):
                    await back.wait()
                    answer = await client.call("echo", "again", namespace="/people")
                assert answer == {"ok": True, "data": "again"}


async def test_sys_exit_ends_nothing_but_the_call_that_it_is_in(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        async with raw_socket(server.url) as client:
            await client.send('40/people,{"token":"exit"}')
            assert str(await client.receive()).startswith("44/people,")
            await client.join("/people", {"token": "exit in farewell"})
            assert (await client.ask("/people", 1, "exit"))["error"]["code"] == "internal_error"
        await until(lambda: "farewell exit in farewell: transport close" in server.notes)
        async with raw_socket(server.url) as client:
            await client.join("/people", {"token": "Ada"})
            assert await client.ask("/people", 1, "echo", "hi") == {"ok": True, "data": "hi"}


async def test_each_of_many_gets_one_farewell_while_some_do_not_do_their_part(tmp_path: Path) -> None:
    """Clients that do not read what they are sent, or send half a request, are not waited for either."""
    with running(tmp_path) as server:
        async with AsyncExitStack() as stack:
            crowd = Crowd(server.url, stack)
            await crowd.add_stuck(2)
            await crowd.add(websockets=150, polling=30)
            for client in crowd.websockets[:10]:
                await client.send('42/people,1["work"]')
            await until(lambda: server.notes.count("work began") == 10)

            took_s = await asyncio.to_thread(server.stop)

            assert Counter(note for note in server.notes if note.startswith("farewell")) == crowd.farewells
            assert server.notes.count("work done") == 10
            assert [await poll for poll in crowd.polls] == [["6"]] * 30
        assert server.notes[-1] == "stopped"
        assert "Traceback" not in server.log_path.read_text()
        # A second for those who are stuck; uvicorn alone would take 3.
        assert took_s < 3


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_changes_nothing_for_those_who_are_connected(
    tmp_path: Path, first: signal.Signals, second: signal.Signals
) -> None:
    with running(tmp_path) as server:
        async with raw_socket(server.url) as worker, raw_socket(server.url) as other:
            await worker.join("/people", {"token": "worker"})
            await other.join("/people", {"token": "other"})
            await worker.send('42/people,1["work"]')
            await until(lambda: "work began" in server.notes)
            server.process.send_signal(first)
            await other.until_closed()
            assert await asyncio.to_thread(server.stop, second) < 3
        assert "work done" in server.notes
        farewells = [note for note in server.notes if note.startswith("farewell")]
        assert sorted(farewells) == [
            "farewell other: server shutting down",
            "farewell worker: server shutting down",
        ]
        assert server.process.returncode in (-first, -second)
