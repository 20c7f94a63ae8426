"""The SocketWrapper and what belongs to it. It is yours: read it, change it."""

from .connections import Client, ClientKey
from .handshake import ClientMetadata
from .results import SocketError, SocketNok, SocketOk, Unavailable, socket_nok, socket_ok
from .socket_wrapper import NotAttached, SocketWrapper
from .tokens import Claims, InvalidToken, Token
from .transport import DisconnectReason, Handshake, OnlineCount, Presence

__all__ = [
    "Claims",
    "Client",
    "ClientKey",
    "ClientMetadata",
    "DisconnectReason",
    "Handshake",
    "InvalidToken",
    "NotAttached",
    "OnlineCount",
    "Presence",
    "SocketError",
    "SocketNok",
    "SocketOk",
    "SocketWrapper",
    "Token",
    "Unavailable",
    "socket_nok",
    "socket_ok",
]
