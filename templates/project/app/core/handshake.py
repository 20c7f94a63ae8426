"""What a client says of itself when it connects: in `auth`, or in the query."""

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from .results import SocketError
from .transport import Handshake

ClientMetadata: TypeAlias = Mapping[str, Any]


def read_handshake(handshake: Handshake) -> tuple[str | None, ClientMetadata]:
    """The `comm_id` and the metadata that the client sent.

    `auth={"token": ..., "metadata": {...}}` wins over `?commId=...&metadata={...}`: URLs end up in logs.

    Raises:
        SocketError: `invalid_handshake`; the message tells the client what to send instead.
    """
    auth = handshake.auth if handshake.auth is not None else {}
    if not isinstance(auth, dict):
        raise SocketError("invalid_handshake", "auth must be an object such as {token, metadata}")
    comm_id = auth.get("token")
    if comm_id is None:
        comm_id = handshake.query.get("commId")
    metadata = auth.get("metadata")
    if metadata is None:
        metadata = read_metadata(handshake.query.get("metadata"))
    if not isinstance(comm_id, str | None):
        raise SocketError("invalid_handshake", "auth.token must be a string")
    if not isinstance(metadata, dict):
        raise SocketError("invalid_handshake", "metadata must be an object")
    return comm_id, metadata


def read_metadata(text: str | None) -> object:
    """The metadata of the query, which is JSON: JSON.stringify it, or the server gets "[object Object]"."""
    try:
        return json.loads(text) if text else {}
    except (ValueError, RecursionError):
        raise SocketError("invalid_handshake", "metadata in the query must be JSON text") from None
