"""uvicorn, with the settings that suit Socket.IO and a shutdown that does not wait for its clients."""

import socket
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from .garbage import collect_less_often
from .limits import DEFAULT_LIMITS, Limits
from .server import SocketServer
from .uvicorn_http import HttpProtocol
from .uvicorn_patience import STATE_KEY, LimitedConfig
from .uvicorn_websocket import WebSocketProtocol


class UvicornServer(uvicorn.Server):
    _has_process = False

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal ends it: this process is for nothing else."""
        self._has_process = True
        super().run(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._has_process:
            collect_less_often()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # uvicorn would first wait until every client has left by itself: 25 s for a client in a long poll.
        for listening in self.servers:
            listening.close()
        server: SocketServer | None = self.lifespan.state.get(STATE_KEY)
        if server is not None:
            await server.stop()
        await super().shutdown(sockets)


def uvicorn_config(
    app: str | Callable[[], ASGIApp],
    *,
    limits: Limits = DEFAULT_LIMITS,
    trusted_proxies: Sequence[str] = (),
    direct_websockets: bool = True,
    access_log: bool = False,
    log_config: dict[str, Any] | None = None,
    reload_dirs: list[str] | None = None,
) -> LimitedConfig:
    """Args:
    app: The application's factory, or where it is, such as `app.main:create_app`.
    trusted_proxies: The addresses and networks whose X-Forwarded-For and X-Forwarded-Proto are believed. Not
        more than those: clients can send them, too, and so escape what is counted by address.
    direct_websockets: Take them away from ASGI once they are open, which makes messages much cheaper.
    access_log: Log each HTTP request, and each WebSocket.
    log_config: None: leave logging as it is.
    reload_dirs: Restart when a file in one of them changes; None: never.
    """
    return LimitedConfig(
        app,
        limits=limits,
        trusted_proxies=trusted_proxies,
        direct_websockets=direct_websockets,
        factory=True,
        http=HttpProtocol,
        ws=WebSocketProtocol,  # Made of what uses the least CPU of uvicorn's three.
        # More than a message may have: the engine tells the client why it is refused, uvicorn would not.
        ws_max_size=2 * limits.max_message_bytes,
        ws_ping_interval=None,  # Engine.IO has pings of its own.
        ws_per_message_deflate=False,  # Costs more CPU and memory than it saves; Node's default as well.
        timeout_graceful_shutdown=3,
        access_log=access_log,
        log_config=log_config,
        reload=reload_dirs is not None,
        reload_dirs=reload_dirs,
    )
