"""The load generator notices when a server loses what it is sent, or says something else."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from benchmarks.comparison.install import compile_load
from tests.services import require

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the load generator needs Linux")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("cc", "install gcc and libc6-dev")
    return compile_load(tmp_path_factory.mktemp("load"))


@asynccontextmanager
async def serving(fault: str) -> AsyncIterator[int]:
    """The port of a server that acks every event, but for one: there it has a fault."""
    handled = 0

    async def handle(request: web.Request) -> web.WebSocketResponse:
        nonlocal handled
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str('0{"sid":"x"}')
        async for message in socket:
            packet = str(message.data)
            if packet.startswith("40"):
                await socket.send_str('44/bench,{"message":"no"}' if fault == "refuses" else "40/bench,{}")
                continue
            handled += 1
            ack = re.sub(r'^42(/bench,\d+)\["echo",(.*)]$', r"43\1[\2]", packet)
            if handled != 20 or not fault:
                await socket.send_str(ack)
            elif fault == "answers twice":
                await socket.send_str(ack)
                await socket.send_str(ack)
            elif fault == "hangs up":
                await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/socket.io/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def put_under_load(
    program: Path, folder: Path, fault: str = ""
) -> tuple[int | None, str, dict[str, Any]]:
    identities = folder / "identities"
    identities.write_text("ada token-of-ada\nben token-of-ben\n")
    async with serving(fault) as port:
        place = [port, os.getpid(), identities, 2, 2]
        process = await asyncio.create_subprocess_exec(
            *map(str, [program, "ack", *place, 0, 0.2, "/bench", "echo", '{"t":"%t"}', "", 0]),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, complained = await process.communicate()
    return process.returncode, complained.decode(), json.loads(said) if said else {}


async def test_a_server_that_answers_is_measured(program: Path, tmp_path: Path) -> None:
    code, complaint, figures = await put_under_load(program, tmp_path)
    assert (code, complaint) == (0, "")
    assert figures["units"] > 20
    assert figures["server_cpu_us"] > 0
    assert 0 < figures["p50_us"] <= figures["p99_us"]
    assert {name: figures[name] for name in ("refused", "lost", "missing", "unexpected")} == {
        "refused": 0,
        "lost": 0,
        "missing": 0,
        "unexpected": 0,
    }


FAULTS = [
    ("loses one", "", {"lost": 0, "missing": 1, "unexpected": 0}),
    ("answers twice", "", {"lost": 0, "missing": 0, "unexpected": 1}),
    ("hangs up", r"client \d: the server sent a close frame\n", {"lost": 1, "unexpected": 0}),
]


@pytest.mark.parametrize(("fault", "said", "counted"), FAULTS)
async def test_whatever_is_lost_or_wrong_counts(
    program: Path, tmp_path: Path, fault: str, said: str, counted: dict[str, int]
) -> None:
    code, complaint, figures = await put_under_load(program, tmp_path, fault)
    assert code == 1
    assert re.fullmatch(said, complaint)
    assert {name: figures[name] for name in counted} == counted


async def test_clients_that_are_refused_end_it(program: Path, tmp_path: Path) -> None:
    code, complaint, figures = await put_under_load(program, tmp_path, "refuses")
    assert (code, figures) == (2, {})
    assert complaint.endswith("load: 2 of 2 clients were refused, 0 lost\n")
