"""What is sent to clients: a Socket.IO packet, encoded once, whoever and how many it is for.

Source: the Socket.IO protocol, version 5.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import orjson
from engineio.packet import MESSAGE, Packet
from socketio.packet import ACK, BINARY_ACK, BINARY_EVENT, EVENT

from ..core.transport import Json
from .frames import binary_frame, text_frame

BINARY_KINDS: Final = {EVENT: BINARY_EVENT, ACK: BINARY_ACK}


class Outgoing:
    """A packet on its way to clients, with the bytes in it as attachments.

    Args:
        body: Its data, as JSON.
        id: Of the event that this is the ack of, or of an event that wants one.
    """

    __slots__ = ("_body_at", "attachments", "frames", "size", "text")

    def __init__(
        self,
        kind: int,
        namespace: str,
        body: bytes,
        attachments: Sequence[bytes] = (),
        id: int | None = None,
    ) -> None:
        where = "" if namespace == "/" else f"{namespace},"
        number = "" if id is None else id
        if attachments:
            head = f"{BINARY_KINDS[kind]}{len(attachments)}-{where}{number}".encode()
        else:
            head = f"{kind}{where}{number}".encode()
        self.attachments = attachments
        self.text = head + body
        self._body_at = len(head)
        # As frames of a WebSocket.
        self.frames = text_frame(b"4" + self.text)
        # In bytes, as it crosses the network uncompressed.
        self.size = len(self.text)
        if attachments:
            self.frames = b"".join((self.frames, *map(binary_frame, attachments)))
            self.size += sum(map(len, attachments))

    @property
    def body(self) -> bytes:
        return self.text[self._body_at :]

    def packets(self) -> list[Packet]:
        """As Engine.IO has it: for one client, since each remembers how it was encoded for the first."""
        return [Packet(MESSAGE, part) for part in (self.text.decode(), *self.attachments)]


def outgoing(kind: int, namespace: str, data: Any = None, id: int | None = None) -> Outgoing:
    """Data on its way to clients.

    Args:
        data: JSON, with `Json` or, in events and acks, bytes in any place; not NaN, which would become null.
    """
    try:
        return Outgoing(kind, namespace, b"" if data is None else orjson.dumps(data), (), id)
    except TypeError:
        # It has bytes, integers of over 64 bits, or half a character: all that orjson does not write.
        attachments: list[bytes] = []
        text = json.dumps(data, default=partial(_replace, attachments), separators=(",", ":"))
        return Outgoing(kind, namespace, text.encode(), attachments, id)


def _replace(attachments: list[bytes], value: object) -> object:
    if isinstance(value, Json):
        return json.loads(orjson.dumps(value))
    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} cannot be sent")
    attachments.append(value)
    return {"_placeholder": True, "num": len(attachments) - 1}
