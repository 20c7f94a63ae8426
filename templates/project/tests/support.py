"""What the tests talk with: the real server in a process of its own, and real Socket.IO clients."""

import asyncio
import itertools
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiohttp
import socketio
from fastapi import FastAPI
from socketio.exceptions import ConnectionError as NotConnected
from typed import Refused as Refused
from typed import SocketClient

from app.core import SocketWrapper
from app.engine import STATE_KEY, Cluster, Limits, SocketServer
from app.engine.limits import DEFAULT_LIMITS
from app.engine.uvicorn_server import UvicornServer, uvicorn_config
from app.settings import Settings

Client = TypeVar("Client", bound=SocketClient)

SECRET = "a secret for tests, which is long enough to be one"
PROJECT = Path(__file__).resolve().parent.parent

# What servers of tests have instead of the owner's `.env` and environment; empty means the default.
SETTINGS = {name.upper(): "" for name in Settings.model_fields} | {
    "ENVIRONMENT": "development",
    "TOKEN_SECRET": SECRET,
    # Tests do in a minute what users do in a month.
    "LOGIN_ATTEMPTS_PER_MINUTE": "1000",
    "FAILED_HANDSHAKES_PER_MINUTE": "1000",
}


@dataclass(frozen=True)
class RunningServer:
    """`python -m app`, and what a test needs to talk to it or to look behind it."""

    url: str
    secret: str
    database_url: str
    log_path: Path
    process: subprocess.Popen[bytes]


def start_server(
    folder: Path, *arguments: str, project: Path | str = PROJECT, **environment: str
) -> RunningServer:
    """Start the server on a free port, with its database in `folder`; returns once it answers.

    Args:
        arguments: Of `python -m app`.
        project: Where `app` is.
        environment: Settings, and whatever else it reads from there.
    """
    database_url = f"sqlite+aiosqlite:///{folder / 'test.sqlite3'}"
    port = free_port()
    variables = {
        **os.environ,
        **SETTINGS,
        "PORT": str(port),
        "DATABASE_URL": database_url,
        **environment,
    }
    log_path = folder / "server.log"
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", *arguments], cwd=project, env=variables, stdout=log, stderr=log
        )
    server = RunningServer(f"http://127.0.0.1:{port}", SECRET, database_url, log_path, process)
    try:
        wait_for_health(server.url, process)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{log_path.read_text()}") from None
    return server


def stop_server(server: RunningServer) -> None:
    server.process.terminate()
    server.process.wait(timeout=10)


async def register(url: str, name: str) -> str:
    """A token of a new user; tests do not meet each other's users, even in one database."""
    email = f"{name.lower()}.{secrets.token_hex(8)}@example.com"
    account = {"name": name, "email": email, "password": secrets.token_urlsafe(12)}
    async with aiohttp.ClientSession() as http, http.post(f"{url}/api/users", json=account) as answer:
        answer.raise_for_status()
        token: str = (await answer.json())["token"]
        return token


_tries = itertools.count()


def free_port() -> int:
    """A port where nobody listens, and which no other process that runs tests is about to take.

    One that the system gives to whoever asks can be somebody's before a server has started there.
    """
    first = 10_000 + os.getpid() % 200 * 100
    for _ in range(100):
        port = first + next(_tries) % 100
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError(f"no port from {first} to {first + 99} is free")


def wait_for_health(url: str, process: subprocess.Popen[bytes], *, within_s: float = 30) -> None:
    """Wait until the server at `url` answers; it is killed when it does not."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/healthz", timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    process.kill()
    process.wait()
    raise AssertionError(f"the server did not start at {url}")


@asynccontextmanager
async def serving(
    *wrappers: SocketWrapper[Any], limits: Limits = DEFAULT_LIMITS, cluster: Cluster | None = None
) -> AsyncIterator[str]:
    """The URL of a server in this process that has only these wrappers."""
    sockets = SocketServer(wrappers, limits=limits, cluster=cluster)

    @asynccontextmanager
    async def lifespan(http: FastAPI) -> AsyncIterator[dict[str, Any]]:
        await sockets.start()
        yield {STATE_KEY: sockets}

    app = sockets.asgi_app(FastAPI(lifespan=lifespan))
    server = UvicornServer(uvicorn_config(lambda: app, limits=limits))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


class Member:
    """A client that sends anything, and tells what comes back as it is: for what typed clients forbid."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace
        self.left: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._heard: asyncio.Queue[tuple[str, list[Any]]] = asyncio.Queue()
        self._refusal: dict[str, Any] = {}
        self._socket: Any = socketio.AsyncClient(reconnection=False)  # It has no type hints.
        self._socket.on("*", self._on_event, namespace=namespace)
        self._socket.on("connect_error", self._on_connect_error, namespace=namespace)
        self._socket.on("disconnect", self._on_disconnect, namespace=namespace)

    async def connect(self, url: str, auth: Mapping[str, Any] | None = None) -> None:
        """Raises:
        Refused: With what the client was told.
        """
        try:
            await self._socket.connect(url, auth=auth, namespaces=[self.namespace], wait_timeout=10)
        except NotConnected:
            if not self._refusal:
                raise
            raise Refused(self._refusal["data"]["code"], self._refusal["message"]) from None

    async def call(self, event: str, *args: Any, within_s: float = 5) -> Any:
        """Emit an event; returns its ack."""
        return await self._socket.call(event, args, namespace=self.namespace, timeout=within_s)

    async def emit(self, event: str, *args: Any) -> None:
        await self._socket.emit(event, args, namespace=self.namespace)

    def answer(self, event: str, *args: Any) -> None:
        """From now on, when the server asks with this event, answer with these arguments."""

        async def reply(*_: Any) -> tuple[Any, ...]:
            return args

        self._socket.on(event, reply, namespace=self.namespace)

    async def hears(self, event: str, *, within_s: float = 5) -> Any:
        """The next thing heard, which must be `event`: its argument (a list when there are several)."""
        heard, args = await asyncio.wait_for(self._heard.get(), within_s)
        assert heard == event, (heard, args)
        return args[0] if len(args) == 1 else args

    @property
    def unheard(self) -> list[tuple[str, list[Any]]]:
        """What was sent to this client and not asked for with `hears`."""
        return [self._heard.get_nowait() for _ in range(self._heard.qsize())]

    async def disconnect(self) -> None:
        await self._socket.shutdown()

    async def _on_event(self, event: str, *args: Any) -> None:
        self._heard.put_nowait((event, list(args)))

    async def _on_connect_error(self, problem: Any) -> None:
        if isinstance(problem, dict):
            self._refusal = problem

    async def _on_disconnect(self, reason: str) -> None:
        if not self.left.done():
            self.left.set_result(reason)


class Connect(Protocol):
    """`async with connect(DevUser, user="Ada") as ada`: a client of a new user."""

    def __call__(self, client: type[Client], *, user: str) -> AbstractAsyncContextManager[Client]: ...
