"""python-socketio and uvicorn, hardened. You build on it without reading it; app/core is what you change."""

from .limits import Limits
from .server import ANY_ORIGIN, SocketServer
from .uvicorn_patience import STATE_KEY

__all__ = ["ANY_ORIGIN", "STATE_KEY", "Limits", "SocketServer"]
