"""`restartable.py PORT`: a server in a process of its own, which notes on stdout what happens in it."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from fastapi import FastAPI
from starlette.types import ASGIApp

from app.core import Client, ClientMetadata, DisconnectReason, SocketNok, SocketOk, SocketWrapper, socket_ok
from app.engine import STATE_KEY, SocketServer
from app.engine.uvicorn_server import UvicornServer, uvicorn_config
from app.logs import log_config
from tests.core.people import GENEROUS, Person, people_wrapper

people = people_wrapper()


def note(text: str) -> None:
    print(text, flush=True)


async def middleware(
    wrapper: SocketWrapper[Person], client: Client[Person], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[Person] | SocketNok:
    note(f"checking {comm_id}")
    if comm_id == "hang":
        await asyncio.Event().wait()
    if comm_id == "exit":
        sys.exit("middleware")
    return socket_ok(Person(str(comm_id)))


async def farewell(wrapper: SocketWrapper[Person], client: Client[Person], reason: DisconnectReason) -> None:
    if client.key == "dawdler":
        await asyncio.Event().wait()
    note(f"farewell {client.key}: {reason}")
    if client.key == "exit in farewell":
        sys.exit("hook")


people.connection_middleware = middleware
people.on_client_disconnect = farewell


@people.listener("echo")
async def on_echo(wrapper: SocketWrapper[Person], client: Client[Person], person: Person, text: str) -> str:
    return text


@people.listener("work")
async def on_work(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
    note("work began")
    await asyncio.sleep(0.5)
    note("work done")


@people.listener("hang")
async def on_hang(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
    note("hanging")
    await asyncio.Event().wait()


@people.listener("exit")
async def on_exit(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> NoReturn:
    sys.exit("listener")


def create_app() -> ASGIApp:
    sockets = SocketServer([people], limits=GENEROUS)

    @asynccontextmanager
    async def lifespan(http: FastAPI) -> AsyncIterator[dict[str, Any]]:
        note("ready")
        yield {STATE_KEY: sockets}
        await sockets.stop()
        note("stopped")

    return sockets.asgi_app(FastAPI(lifespan=lifespan))


if __name__ == "__main__":
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    config = uvicorn_config("restartable:create_app", limits=GENEROUS, log_config=log_config("text"))
    UvicornServer(config).run(sockets=[listening])
