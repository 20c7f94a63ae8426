"""What an event with ack takes in the server, stage by stage: `python benchmarks/stages.py`.

Stages are taken away from the end of the way that docs/engine.md draws, one after the other; what that saves
is what a stage takes. There is no network, and all is in the processor's caches: on a real server each stage
takes half as long again, and the system's part comes on top.
"""

import asyncio
import gc
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import uvloop

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT / "templates" / "project"))

from app.core import Client, SocketWrapper  # noqa: E402
from app.core.lifecycle import Lifecycle  # noqa: E402
from app.engine import SocketServer  # noqa: E402
from app.engine.direct_websocket import DirectWebSocket  # noqa: E402
from app.engine.engineio_socket import EngineSocket  # noqa: E402
from app.engine.limits import Limits  # noqa: E402
from app.engine.socketio_server import Server  # noqa: E402
from app.engine.uvicorn_patience import LimitedConfig, Peer  # noqa: E402
from app.engine.websocket import DIRECT  # noqa: E402

CLIENTS, TURNS, ROUNDS = 50, 10, 200
GENEROUS = Limits(events_per_second=10**9, events_burst=10**9, connections_per_address=10**6)
SMALL = {"text": "x" * 80}
ROW = {"name": "user number 0", "score": 1.5, "ok": True, "tags": ["a", "b", "c"]}
STRUCTURED = {"rows": [{"id": number, **ROW} for number in range(20)]}


class Nowhere(asyncio.Transport):
    """Takes everything that is written."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol: Any = protocol

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None: ...

    def write(self, data: object) -> None: ...


def frame(text: str) -> bytes:
    """As a client sends it, masked with zeros."""
    payload = text.encode()
    length = len(payload)
    size = bytes([0x80 | length]) if length < 126 else bytes([0x80 | 126]) + length.to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + payload


def server_with_echo() -> Server:
    wrapper = SocketWrapper(socket_namespace="bench")

    @wrapper.listener("echo")
    async def echo(wrapper: SocketWrapper[None], client: Client[None], metadata: None, data: Any) -> Any:
        return data

    return SocketServer([wrapper], limits=GENEROUS)._server


async def connected(server: Server) -> Nowhere:
    """A client whose WebSocket is direct."""
    transport, config = (
        Nowhere(),
        LimitedConfig("", limits=GENEROUS, trusted_proxies=(), direct_websockets=True),
    )
    websocket = DirectWebSocket(transport, Peer(transport, config, {}), set())

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None: ...

    scope = {
        "type": "websocket",
        "query_string": b"EIO=4&transport=websocket",
        "headers": [(b"upgrade", b"websocket")],
        "client": ("127.0.0.1", 1),
        "extensions": {DIRECT: {"take_over": lambda: (websocket, [])}},
    }
    await server.eio.handle_request(scope, receive, send)
    transport.protocol.data_received(frame("40/bench,"))
    await until_idle(server)
    return transport


async def until_idle(server: Server) -> None:
    while server.busy:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def microseconds(server: Server, clients: list[Nowhere], data: object) -> float:
    """Of an event, the least of many rounds."""
    event = frame("42/bench,1" + json.dumps(["echo", data], separators=(",", ":")))
    best = float("inf")
    for _ in range(ROUNDS):
        began = perf_counter()
        for _ in range(TURNS):
            for client in clients:
                client.protocol.data_received(event)
            await until_idle(server)
        best = min(best, perf_counter() - began)
    return best / TURNS / len(clients) * 1e6


async def answered(*_: object, **__: object) -> tuple[str, None]:
    return "ok", None


def nothing(*_: object, **__: object) -> None: ...


# What is taken away, from the end on: where, its name, what comes in its place; what it did.
STAGES: list[tuple[type, str, Callable[..., Any], str]] = [
    (Server, "send_packet", nothing, "the ack: encoded, framed, written at the end of the turn"),
    (Lifecycle, "event", answered, "the listener: found, arguments checked, called; the ack as JSON"),
    (Server, "_take_event", nothing, "its turn: limits, a task, its JSON parsed, the log's context, metrics"),
    (Server, "_receive", nothing, "the packet: its head read"),
    (EngineSocket, "take", nothing, "the Engine.IO packet"),
]


async def main() -> None:
    logging.disable()
    table: dict[str, list[float]] = {}
    for data in (SMALL, STRUCTURED):
        server = server_with_echo()
        clients = [await connected(server) for _ in range(CLIENTS)]
        gc.freeze()
        before = whole = await microseconds(server, clients, data)
        taken_away = []
        for owner, name, instead, what in STAGES:
            taken_away.append((owner, name, getattr(owner, name)))
            setattr(owner, name, instead)
            # Bound when the server was made.
            server.eio.receive = server._receive
            after = await microseconds(server, clients, data)
            table.setdefault(what, []).append(before - after)
            before = after
        table.setdefault("the WebSocket's frame: read", []).append(before)
        table.setdefault("all of it", []).append(whole)
        for owner, name, original in taken_away:
            setattr(owner, name, original)
    print(f"Python {sys.version.split()[0]}; in \N{MICRO SIGN}s\n")
    print("| stage | 100 bytes | 1.5 kB |\n|---|---|---|")
    for what, (small, structured) in table.items():
        print(f"| {what} | {small:.1f} | {structured:.1f} |")


if __name__ == "__main__":
    uvloop.run(main())
