"""The SocketWrapper and what belongs to it. It is yours: read it, change it."""

from .connections import Client, ClientKey
from .events import Event, Question
from .handshake import ClientMetadata, middleware
from .results import SocketError, SocketNok, SocketOk, Unavailable, socket_nok, socket_ok
from .socket_wrapper import SocketWrapper
from .tokens import Claims, InvalidToken, Token
from .transport import DisconnectReason, Handshake, NotAttached, OnlineCount, Presence

__all__ = [
    "Claims",
    "Client",
    "ClientKey",
    "ClientMetadata",
    "DisconnectReason",
    "Event",
    "Handshake",
    "InvalidToken",
    "NotAttached",
    "OnlineCount",
    "Presence",
    "Question",
    "SocketError",
    "SocketNok",
    "SocketOk",
    "SocketWrapper",
    "Token",
    "Unavailable",
    "middleware",
    "socket_nok",
    "socket_ok",
]
