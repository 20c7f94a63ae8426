"""Clients of a namespace that says all kinds of things: what checkers see, and what a server says."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.contract import contract_of
from app.core import Client, ClientMetadata, SocketNok, SocketOk, SocketWrapper, socket_nok, socket_ok
from macchiato_cli.client import python, typescript
from support import serving
from tests.client.checks import RUNTIME, check_format, mypy, write_modules
from tests.client.checks import typescript as tsc
from tests.client.workshop import contract, workshop
from tests.services import require
from typed import Disconnected, SocketClient

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clients, and the programs that use them."""
    folder = tmp_path_factory.mktemp("clients") / "here"
    shutil.copytree(PROGRAMS, folder)
    (folder / "client.py").write_text(python.file_of(contract(), RUNTIME.read_text()))
    (folder / "client.ts").write_text(typescript.file_of(contract()))
    return folder


async def said_by(*command: str | Path, folder: Path) -> Iterator[Any]:
    """The lines of JSON that a program prints when it talks to the server."""
    async with serving(workshop()) as url:
        program = await asyncio.create_subprocess_exec(
            *command, url, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, errors = await asyncio.wait_for(program.communicate(), 60)
    assert (program.returncode, errors.decode()) == (0, ""), errors.decode()
    return iter(out.decode().splitlines())


def test_mypy_sees_every_mistake_and_no_other(folder: Path) -> None:
    check_format(folder / "client.py")
    marked = [
        f"wrong.py:{number}"
        for number, line in enumerate((PROGRAMS / "wrong.py").read_text().splitlines(), 1)
        if line.endswith("# wrong")
    ]

    complaints = mypy(folder, "client.py", "talk.py", "wrong.py")

    errors = [line for line in complaints if ": error: " in line]
    assert sorted({re.match(r"[^:]+:\d+", line)[0] for line in errors if line}) == sorted(marked)  # type: ignore[index]


async def test_a_client_in_python_talks_to_a_real_server(folder: Path) -> None:
    lines = [json.loads(line) for line in await said_by(sys.executable, "talk.py", folder=folder)]

    task = {"title": "saw", "urgent": False, "parts": []}
    assert lines == [
        ["no_badge", "Show your badge"],
        "no server answers at http",
        [task, task],
        [task, 2],
        [3.5, []],
        ["too_much", "No more than nine", {"most": 9}],
        {"where": "bench", "at": [1, 2.5]},
        "'tick' did not come within 0.05 s, but nothing",
        ["closing_time", "Until tomorrow"],
        "closing_time",
        "not connected to /workshop",
    ]


async def test_a_client_in_typescript_talks_to_a_real_server(folder: Path) -> None:
    assert tsc(folder, "client.ts", "talk.ts", emit=True) == []

    node = require("node", "install Node.js 20 or newer")
    assert list(await said_by(node, "talk.js", folder=folder)) == [
        '["no_badge","Show your badge"]',
        '[["saw",false],["saw",false]]',
        "1",
        '{"code":"too_much","message":"No more than nine","details":{"most":9}}',
        "3.5",
        "[3,2.5]",
        '[[3,3],[3,2],"tick"]',
        "closing_time",
        "io server disconnect",
    ]


async def test_a_broken_connection_comes_back_and_is_told(tmp_path: Path) -> None:
    told: list[Any] = []
    async with serving(workshop()) as url:
        async with SocketClient(url, {"name": "Ada"}, namespace="/workshop") as short:
            pass
        short_end = await short.ended
        client = SocketClient(url, {"name": "Ada"}, namespace="/workshop", reconnection=True)
        client.on_untyped("connect", lambda: told.append("connect"))
        client.on_untyped("disconnect", told.append)
        await client.connect()
    assert (short_end.code, short_end.message) == ("disconnected", "client disconnect")
    async with asyncio.timeout(10):
        while len(told) < 2:
            await asyncio.sleep(0.01)
    assert told[0] == "connect"
    assert told[1] in ("transport close", "transport error")
    assert not client.ended.done()
    with pytest.raises(TimeoutError):
        await client.expect_untyped("tick", within_s=0.05)
    with pytest.raises(ConnectionError, match=r"^not connected to /workshop$"):
        await client.call_untyped("sum-up")
    await client.disconnect()
    with pytest.raises(Disconnected, match=r"^disconnected: client disconnect$"):
        await client.connected()


@pytest.mark.parametrize(("code", "comes_back"), [("rate_limited", True), ("no_badge", False)])
async def test_a_refusal_on_the_way_back_ends_it_unless_it_passes(code: str, comes_back: bool) -> None:
    attempts = 0

    async def refuse_the_second(
        wrapper: SocketWrapper[Any], client: Client[Any], comm_id: str | None, metadata: ClientMetadata
    ) -> SocketOk[None] | SocketNok:
        nonlocal attempts
        attempts += 1
        return socket_nok("Not now", code=code) if attempts == 2 else socket_ok()

    room: SocketWrapper[None] = SocketWrapper(
        socket_namespace="room", connection_middleware=refuse_the_second
    )

    @room.listener("ping")
    async def on_ping(wrapper: SocketWrapper[None], client: Client[None], metadata: None) -> int:
        return attempts

    async with serving(room) as url:
        client = SocketClient(url, namespace="/room", reconnection=True)
        client.on_untyped("disconnect", lambda reason: 1 / 0)
        await client.connect()
        assert await client.call_untyped("ping") == 1
        await client._socket.eio.ws.close()
        async with asyncio.timeout(15):
            while attempts < 2 or (comes_back and not client._connected.is_set()):
                await asyncio.sleep(0.05)
        if comes_back:
            assert await client.call_untyped("ping") == 3
            assert not client.ended.done()
        else:
            assert (await asyncio.wait_for(client.ended, 5)).code == code
            async with asyncio.timeout(5):
                while client._socket.eio.state != "disconnected":
                    await asyncio.sleep(0.05)
            assert room.get_connected_sockets() == ()
        await client.disconnect()
        await client.connect()  # It can be used again.
        assert await client.call_untyped("ping") == attempts
        await client.disconnect()


def test_a_namespace_that_only_speaks_has_a_client_that_imports(tmp_path: Path) -> None:
    feed: SocketWrapper[None] = SocketWrapper(socket_namespace="feed")
    feed.event("tick", int)

    write_modules(tmp_path, contract_of([feed], title="feed", version="1", host=""))

    imported = subprocess.run([sys.executable, "-c", "import typed.feed"], cwd=tmp_path, capture_output=True)
    assert (imported.returncode, imported.stderr) == (0, b"")


async def test_of_what_nobody_asks_for_the_latest_thousand_are_kept() -> None:
    wrapper = workshop()
    async with (
        serving(wrapper) as url,
        SocketClient(url, {"name": "Ada"}, namespace="/workshop") as ada,
    ):
        tick = next(event for event in wrapper.events if event.name == "tick")
        for _ in range(1005):
            await wrapper.broadcast(tick)
        assert await ada.call_untyped("sum-up", 1) == 1
        # The listener of sum-up sends one more.
        assert ada.unheard == [("tick", [])] * 1000
