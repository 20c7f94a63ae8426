"""python-socketio and uvicorn, hardened. You build on it without reading it; app/core is what you change."""

from .cluster.address import Cluster
from .limits import Limits
from .server import ANY_ORIGIN, SocketServer
from .uvicorn_patience import STATE_KEY

__all__ = ["ANY_ORIGIN", "STATE_KEY", "Cluster", "Limits", "SocketServer"]
