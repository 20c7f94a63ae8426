"""Memory of a server while clients that do not read anything are sent messages; see README.md."""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
TEMPLATE = CHECKOUT / "templates" / "project"
sys.path[:0] = [str(CHECKOUT), str(TEMPLATE), str(TEMPLATE / "clients"), str(TEMPLATE / "tests")]

from fastapi import FastAPI  # noqa: E402
from starlette.types import ASGIApp  # noqa: E402

from app.core import Client, SocketWrapper  # noqa: E402
from app.engine import Limits, SocketServer  # noqa: E402
from app.engine.uvicorn_server import UvicornServer, uvicorn_config  # noqa: E402
from support import Member, free_port, wait_for_health  # noqa: E402
from tests.core.tcp import OPEN_WEBSOCKET, text_frame  # noqa: E402
from tests.undeclared import undeclared  # noqa: E402

people = SocketWrapper[None](socket_namespace="people")
farewells: dict[str, int] = {}


@people.listener("broadcast")
async def on_broadcast(wrapper: SocketWrapper[None], client: Client[None], metadata: None, size: int) -> None:
    await wrapper.broadcast(undeclared("news"), os.urandom(size // 2).hex())


@people.listener("to each")
async def on_to_each(wrapper: SocketWrapper[None], client: Client[None], metadata: None, size: int) -> None:
    for other in wrapper.get_connected_sockets():
        await other.emit(undeclared("news"), os.urandom(size // 2).hex())


@people.listener("farewells")
async def on_farewells(wrapper: SocketWrapper[None], client: Client[None], metadata: None) -> dict[str, int]:
    return farewells


async def on_disconnect(wrapper: SocketWrapper[None], client: Client[None], reason: str) -> None:
    farewells[reason] = farewells.get(reason, 0) + 1


def serve(port: int, max_queue_bytes: int) -> None:
    people.on_client_disconnect = on_disconnect
    limits = Limits(max_queue_bytes=max_queue_bytes, connections_per_address=10_000, write_timeout_s=10_000)
    http = FastAPI()
    http.get("/healthz")(lambda: None)
    app: ASGIApp = SocketServer([people], limits=limits).asgi_app(http)
    config = uvicorn_config(lambda: app, limits=limits)
    config.host, config.port = "127.0.0.1", port
    UvicornServer(config).run()


class Stalled:
    """Joins the namespace, and reads nothing any more."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect(("127.0.0.1", port))
        self._socket.sendall(OPEN_WEBSOCKET.replace(b"/", b"/socket.io/?EIO=4&transport=websocket", 1))
        self._until(b"0{")
        self._socket.sendall(text_frame("40/people,"))
        self._until(b'40/people,{"sid"')

    def _until(self, text: bytes) -> None:
        received = b""
        while text not in received:
            received += self._socket.recv(4096)


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


@contextmanager
def running(max_queue_bytes: int) -> Iterator[tuple[int, int]]:
    """The port and the process of a server."""
    port = free_port()
    command = [sys.executable, __file__, "--serve", str(port), "--max-queue-bytes", str(max_queue_bytes)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for_health(f"http://127.0.0.1:{port}", server)
            yield port, server.pid
        finally:
            server.kill()


async def measure(event: str, *, readers: int, messages: int, size: int, max_queue_bytes: int) -> str:
    with running(max_queue_bytes) as (port, pid):
        stalled = [Stalled(port) for _ in range(readers)]
        reader = Member("/people")
        await reader.connect(f"http://127.0.0.1:{port}")
        before_mb = peak_mb = rss_mb(pid)
        slowest_s = 0.0
        for _ in range(messages):
            began_s = time.perf_counter()
            await reader.call(event, size, within_s=60)
            await reader.hears("news", within_s=60)
            slowest_s = max(slowest_s, time.perf_counter() - began_s)
            peak_mb = max(peak_mb, rss_mb(pid))
        reasons = json.dumps((await reader.call("farewells"))["data"])
        await reader.disconnect()
        return (
            f"| {event} | {max_queue_bytes / 1e6:g} MB | {before_mb:.0f} MB | {peak_mb:.0f} MB "
            f"| {slowest_s * 1000:.0f} ms | {reasons} | {len(stalled)} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--size", type=int, default=50_000)
    parser.add_argument("--max-queue-bytes", type=int, default=4_000_000)
    parser.add_argument("--serve", type=int)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve, asked.max_queue_bytes)
        return
    print("| event | limit | memory before | peak | slowest answer | disconnected | stalled |")
    print("|---|---|---|---|---|---|---|")
    for event in ("broadcast", "to each"):
        for limit in (asked.max_queue_bytes, 10**12):
            how = {"readers": asked.readers, "messages": asked.messages, "size": asked.size}
            print(asyncio.run(measure(event, **how, max_queue_bytes=limit)), flush=True)


if __name__ == "__main__":
    main()
