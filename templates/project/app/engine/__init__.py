"""python-socketio and uvicorn, hardened. You build on it without reading it; app/core is what you change."""

from .limits import Limits
from .server import ANY_ORIGIN, STATE_KEY, SocketServer

__all__ = ["ANY_ORIGIN", "STATE_KEY", "Limits", "SocketServer"]
