"""`observed.py PORT`: the whole application, with a namespace that gives its log much to say, at DEBUG."""

import asyncio
import logging
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import ASGIApp

from app import database, services
from app.core import Client, SocketError, SocketWrapper
from app.engine import STATE_KEY, SocketServer
from app.engine.uvicorn_server import UvicornServer, uvicorn_config
from app.http import create_http
from app.logs import log_config
from app.middlewares import UserMetadata, require_token
from support import free_port, wait_for_health

CHECKOUT = Path(__file__).resolve().parents[2]
TEMPLATE = CHECKOUT / "templates" / "project"
IMPORTED = [CHECKOUT, TEMPLATE, TEMPLATE / "clients", TEMPLATE / "tests"]

log = logging.getLogger(__name__)

Wrapper = SocketWrapper[UserMetadata]
Member = Client[UserMetadata]

people = SocketWrapper(
    socket_namespace="people", connection_middleware=require_token, client_connection_key="user_id"
)


class Card(BaseModel):
    number: int


@people.listener("say")
async def on_say(wrapper: Wrapper, client: Member, metadata: UserMetadata, text: str) -> str:
    log.info("somebody\nspoke \x1b[31m loudly")
    return text


@people.listener("fail")
async def on_fail(wrapper: Wrapper, client: Member, metadata: UserMetadata, text: str) -> None:
    raise RuntimeError("first line\nsecond line")


@people.listener("pay")
async def on_pay(wrapper: Wrapper, client: Member, metadata: UserMetadata, card: dict[str, Any]) -> None:
    Card.model_validate(card)


@people.listener("deny")
async def on_deny(wrapper: Wrapper, client: Member, metadata: UserMetadata, text: str) -> None:
    raise SocketError("denied", f"{text} is denied")


@people.listener("dawdle")
async def on_dawdle(wrapper: Wrapper, client: Member, metadata: UserMetadata) -> None:
    log.info("dawdling", extra={"event": "mine", "tasks": 3})
    await asyncio.sleep(1.5)


@people.listener("kick")
async def on_kick(wrapper: Wrapper, client: Member, metadata: UserMetadata) -> None:
    for other in wrapper.get_connected_sockets():
        if other is not client:
            await other.disconnect()


def create_app() -> ASGIApp:
    sockets = SocketServer([people])

    @asynccontextmanager
    async def lifespan(http: FastAPI) -> AsyncIterator[dict[str, Any]]:
        yield {STATE_KEY: sockets}
        await sockets.stop()
        await services.close()

    return sockets.asgi_app(create_http(lifespan))


@dataclass(frozen=True)
class Observed:
    """This module, running."""

    url: str
    log_path: Path
    process: subprocess.Popen[bytes]


@contextmanager
def observed(folder: Path, **environment: str) -> Iterator[Observed]:
    port = free_port()
    variables = {
        "PYTHONPATH": os.pathsep.join(map(str, IMPORTED)),
        "TOKEN_SECRET": "a secret for tests, which is long enough to be one",
        "DATABASE_URL": f"sqlite:///{folder / 'test.sqlite3'}",
    }
    log_path = folder / "observed.log"
    with log_path.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.core.observed", str(port)],
            cwd=folder,
            env=os.environ | variables | environment,
            stdout=output,
            stderr=output,
        )
    try:
        wait_for_health(f"http://127.0.0.1:{port}", process)
        yield Observed(f"http://127.0.0.1:{port}", log_path, process)
    finally:
        process.terminate()
        process.wait(timeout=15)


if __name__ == "__main__":
    settings = services.settings()
    config = log_config(settings.log_format)
    config["root"]["level"] = "DEBUG"
    listening = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    database.migrate(settings.database_url)
    server = uvicorn_config("tests.core.observed:create_app", log_config=config, reload_dirs=None)
    UvicornServer(server).run(sockets=[listening])
