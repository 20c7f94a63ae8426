"""`cluster_node.py PORT [REDIS_URL]`: a node that cluster.py measures. What is to be done comes by HTTP."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "templates" / "project"))

from fastapi import FastAPI
from starlette.types import ASGIApp

from app.core import Client, ClientMetadata, Event, SocketOk, SocketWrapper, socket_ok
from app.engine import STATE_KEY, Cluster, Limits, SocketServer
from app.engine.uvicorn_server import UvicornServer, uvicorn_config

LIMITS = Limits(
    events_per_second=10**6,
    events_burst=10**6,
    connections_per_address=10**6,
    connections_per_client=10**6,
    failed_handshakes_per_minute=10**6,
)
TEXT = "x" * 80
TICK_S = 0.01

SAID: Event[object] = Event("said")


@dataclass(frozen=True)
class Person:
    name: str


async def by_name(
    wrapper: SocketWrapper[Any], client: Client[Any], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[Person]:
    return socket_ok(Person(comm_id or "nobody"))


people = SocketWrapper(socket_namespace="people", connection_middleware=by_name, client_connection_key="name")


@people.listener("join")
async def on_join(wrapper: SocketWrapper[Person], client: Client[Person], person: Person, room: str) -> None:
    await client.join(room)


async def send(kind: str, rate: int, seconds: float) -> int:
    """So many messages a second, in bursts; returns how many that were in all."""
    began_s, sent = time.monotonic(), 0
    while (since_s := time.monotonic() - began_s) < seconds:
        due = range(sent, int(since_s * rate))
        said = {"at": time.monotonic(), "text": TEXT}
        if kind == "client":
            await asyncio.gather(*(people.send_to_client("receiver", SAID, said) for _ in due))
        elif kind == "all":
            for _ in due:
                await people.broadcast(SAID, said)
        sent = due.stop
        await asyncio.sleep(TICK_S)
    return sent


async def enter(name: str, count: int, published: str) -> int:
    """Have that many clients, of whom only the roster knows."""
    server = cast(Any, people.transport)._server
    handler = server.handlers[people.namespace]
    for start in range(0, count, 100):
        keys = [f"{name}-{number:031d}" for number in range(start, start + 100)]
        await asyncio.gather(*(server.roster.enter(handler, key, published.encode()) for key in keys))
    return count


def main() -> None:
    port, *redis = sys.argv[1:]
    cluster = Cluster(redis[0], redis[0], "bench") if redis else None
    sockets = SocketServer([people], limits=LIMITS, cluster=cluster)

    @asynccontextmanager
    async def lifespan(http: FastAPI) -> AsyncIterator[dict[str, Any]]:
        await sockets.start()
        yield {STATE_KEY: sockets}

    def create_app() -> ASGIApp:
        http = FastAPI(lifespan=lifespan)
        http.post("/send")(send)
        http.post("/enter")(enter)
        http.get("/healthz")(lambda: sockets.redis_answers)
        return sockets.asgi_app(http)

    with socket.create_server(("127.0.0.1", int(port))) as listening:
        UvicornServer(uvicorn_config(create_app, limits=LIMITS)).run(sockets=[listening])


if __name__ == "__main__":
    main()
