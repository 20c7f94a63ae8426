"""What the application calls: namespaces in, an ASGI application out."""

import logging
from collections.abc import Iterable, Sequence
from typing import Final

import socketio
from starlette.types import ASGIApp

from ..core.transport import Attachable, Handler
from .cluster.address import Cluster
from .limits import DEFAULT_LIMITS, Limits
from .metrics import Limit, Metrics
from .namespace_transport import NamespaceTransport
from .rooms import Rooms
from .roster import Roster
from .socketio_server import Server
from .stopping import stop

log = logging.getLogger(__name__)

ANY_ORIGIN: Final = "*"


class SocketServer:
    """Serves namespaces: attaches each to a transport of its own.

    Args:
        allowed_origins: The sites whose pages may connect, such as `https://example.com`; `ANY_ORIGIN`: those
            of every site; none: only pages from where the server itself is reached.
        cluster: Be one server of several.

    Raises:
        ValueError: Two wrappers have the same namespace.
    """

    def __init__(
        self,
        wrappers: Iterable[Attachable],
        *,
        allowed_origins: Sequence[str] = (),
        limits: Limits = DEFAULT_LIMITS,
        cluster: Cluster | None = None,
    ) -> None:
        if ANY_ORIGIN in allowed_origins:
            log.warning("ALLOWED_ORIGINS=%s: the pages of every site can connect", ANY_ORIGIN)
        # To the library, an empty list would be every origin, and None is the server's own.
        origins = ANY_ORIGIN if ANY_ORIGIN in allowed_origins else list(allowed_origins) or None
        handlers: dict[str, Handler] = {}
        metrics = Metrics()
        rooms, roster = Rooms(), Roster(limits.connections_per_client)
        self._node = None
        self._whereabouts: tuple[str, ...] = ()
        if cluster is not None:
            from .cluster.node import Node  # Nobody else needs Redis.

            self._node = Node(cluster, limits, metrics, handlers)
            rooms, roster = self._node.rooms, self._node.roster
            self._whereabouts = (self._node.rooms.node, cluster.shown, cluster.prefix)
        self._server = Server(origins, limits, metrics, rooms, roster, handlers)
        for wrapper in wrappers:
            self._server.add(wrapper.attach(NamespaceTransport(self._server, wrapper.namespace)))

    def asgi_app(self, http: ASGIApp) -> ASGIApp:
        """An application that answers `/socket.io/` itself, and lets `http` answer everything else."""
        app: ASGIApp = socketio.ASGIApp(self._server, other_asgi_app=http)
        return app

    @property
    def metrics(self) -> Metrics:
        """What it counts."""
        return self._server.metrics

    @property
    def stopping(self) -> bool:
        """Whether it accepts nobody any more."""
        return self._server.stopping

    @property
    def redis_answers(self) -> bool | None:
        """None: it has none."""
        return None if self._node is None else self._node.up

    async def start(self) -> None:
        """Begin; in a cluster, be one of its nodes."""
        if self._node is not None:
            log.info("This is node %s at %s, where names begin with %s", *self._whereabouts)
            await self._node.start()

    def refused(self, limit: Limit, origin: str, why: str) -> None:
        """A client was over a limit before there was anything for this server to do: count and log it."""
        self._server.admission.refused(limit, origin, why)

    async def stop(self, *, grace_s: float = 2.0) -> None:
        """Close every connection, in the way that lets clients reconnect to the next server.

        Every disconnect hook has run when this returns. What takes longer than `grace_s` is cancelled.
        """
        await stop(self._server, grace_s)
        if self._node is not None:
            await self._node.stop()
