"""What this server and its clients say to each other, as AsyncAPI 3.0: read from the namespaces alone.

The payload of a message is the list of an event's arguments, as it goes over the wire.
Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from collections.abc import Iterable
from typing import Any, Final

from ..core import SocketWrapper
from .channel import Channel
from .schemas import Schemas, by_key

CONTENT: Final = ("channels", "operations", "components")
"""What clients depend on; the rest of the document says where the server is, and of what version."""

_SECURITY: Final = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of POST /api/users or POST /api/login, sent as `auth.token` when connecting.",
    }
}


def contract_of(
    wrappers: Iterable[SocketWrapper[Any]], *, title: str, version: str, host: str
) -> dict[str, Any]:
    """The AsyncAPI document.

    Args:
        host: Where clients find the server, such as `127.0.0.1:3000`.

    Raises:
        ContractError: An annotation has no JSON Schema; the text says which.
    """
    schemas = Schemas()
    channels = sorted(
        (Channel(wrapper, schemas) for wrapper in wrappers), key=lambda channel: channel.address
    )
    schemas.resolve()
    operations = [
        (operation.key, f"{channel.address} {operation.message.name!r}", operation.described())
        for channel in channels
        for operation in channel.operations()
    ]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": title,
            "version": version,
            "description": "Socket.IO namespaces, and the events that are said there. "
            "The payload of an event is the list of its arguments; that of a reply, of its ack.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "default": {
                "host": "{host}",
                "pathname": "/socket.io",
                "protocol": "ws",
                "description": "Socket.IO, protocol 5 (clients of version 3 and 4).",
                "variables": {"host": {"default": host}},
            }
        },
        "channels": by_key((channel.key, channel.address, channel.described()) for channel in channels),
        "operations": by_key(operations),
        "components": {"schemas": schemas.components, "securitySchemes": _SECURITY},
    }
