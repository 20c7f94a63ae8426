"""The SocketWrapper and what belongs to it. It is yours: read it, change it."""

from .connections import Client, ClientKey
from .handshake import ClientMetadata
from .results import SocketError, SocketNok, SocketOk, socket_nok, socket_ok
from .socket_wrapper import NotAttached, SocketWrapper
from .tokens import Claims, InvalidToken, Token
from .transport import DisconnectReason, Handshake

__all__ = [
    "Claims",
    "Client",
    "ClientKey",
    "ClientMetadata",
    "DisconnectReason",
    "Handshake",
    "InvalidToken",
    "NotAttached",
    "SocketError",
    "SocketNok",
    "SocketOk",
    "SocketWrapper",
    "Token",
    "socket_nok",
    "socket_ok",
]
