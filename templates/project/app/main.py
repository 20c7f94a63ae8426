"""The application, put together: namespaces and HTTP routes behind one ASGI app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from . import services
from .engine import STATE_KEY, SocketServer
from .http import create_http
from .namespaces import find_namespaces
from .operations import database_answers


def create_app() -> ASGIApp:
    """The ASGI application, as `python -m app` serves it.

    Raises:
        SettingsError: The environment or `.env` says something that cannot work.
    """
    settings = services.settings()
    namespaces = find_namespaces()
    for namespace in namespaces:
        namespace.events.are_checked = settings.environment == "development"
    sockets = SocketServer(
        namespaces,
        allowed_origins=settings.allowed_origins,
        limits=settings,
        cluster=settings.cluster,
    )

    @asynccontextmanager
    async def lifespan(http: FastAPI) -> AsyncIterator[dict[str, Any]]:
        # The first client must not wait for what all need: a connection, a query made ready.
        await database_answers()
        await sockets.start()
        yield {STATE_KEY: sockets}
        await sockets.stop()
        await services.close()

    return sockets.asgi_app(create_http(lifespan))
