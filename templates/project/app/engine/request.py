"""What can be done with a request as ASGI has it."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope, Send

from ..core.transport import Handshake
from .packets import BadPacket


async def whole_body(receive: Receive, *, max_bytes: int) -> bytes | None:
    """The body of a request; None: its client left before its end.

    Raises:
        BadPacket: It is larger.
    """
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise BadPacket(f"a request has at most {max_bytes} bytes", "too_large")
        if message["type"] != "http.request":
            return None
        if not message.get("more_body", False):
            return bytes(body)


def receive_again(body: bytes) -> Receive:
    """Receives a body that has been received already."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def receive_without_body(receive: Receive) -> Receive:
    """Receives an empty body at once, and then what comes: a body that means nothing is not waited for."""
    received = False

    async def receive_next() -> Message:
        nonlocal received
        if received:
            return await receive()
        received = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive_next


async def until_abandoned(receive: Receive) -> None:
    """Wait until the client of a request is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def turn_away(receive: Receive, send: Send) -> None:
    """Close a WebSocket as soon as it is open, which is what the protocol has for one too many."""
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close"})


def read_request(sid: str, environ: Mapping[str, Any], auth: object) -> Handshake:
    """What the client sent, from the ASGI scope: the WSGI names beside it have the wrong address."""
    scope: Scope = environ["asgi.scope"]
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    address = scope.get("client")
    return Handshake(sid, address[0] if address else None, auth, dict(query), headers)
