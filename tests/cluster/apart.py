"""`apart.py PORT REDIS_URL PREFIX LEASE_S`: a node in a process of its own, which prints what it is told."""

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from app.core import Presence, SocketWrapper
from app.engine import STATE_KEY, Cluster, SocketServer
from app.engine.uvicorn_server import UvicornServer, uvicorn_config
from app.logs import log_config
from tests.cluster.nodes import on_say
from tests.core.people import GENEROUS, Person, people_wrapper

people = people_wrapper()
people.listener("say")(on_say)


async def came(wrapper: SocketWrapper[Person], presence: Presence) -> None:
    print(f"came {presence.key}", flush=True)


async def went(wrapper: SocketWrapper[Person], presence: Presence) -> None:
    print(f"went {presence.key}", flush=True)


people.on_client_online, people.on_client_offline = came, went


def serve(wrapper: SocketWrapper[Any]) -> None:
    """Be a node that has this namespace, as the command line says, until a signal ends it."""
    _, port, url, prefix, lease_s = sys.argv
    sockets = SocketServer([wrapper], limits=GENEROUS, cluster=Cluster(url, url, prefix, float(lease_s)))

    @asynccontextmanager
    async def lifespan(http: FastAPI) -> AsyncIterator[dict[str, Any]]:
        await sockets.start()
        print("ready", flush=True)
        yield {STATE_KEY: sockets}
        await sockets.stop()

    def create_app() -> ASGIApp:
        return sockets.asgi_app(FastAPI(lifespan=lifespan))

    listening = socket.create_server(("127.0.0.1", int(port)))
    config = uvicorn_config(create_app, limits=GENEROUS, log_config=log_config("text"))
    UvicornServer(config).run(sockets=[listening])


if __name__ == "__main__":
    serve(people)
