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
        data: JSON, with `Json` or, in events and acks, bytes in any place; not NaN, which would become null.
        id: Of the event that this is the ack of, or of an event that wants one.
    """

    __slots__ = ("attachments", "frames", "size", "text")

    def __init__(self, kind: int, namespace: str, data: Any = None, id: int | None = None) -> None:
        self.attachments: Sequence[bytes] = ()
        try:
            body = b"" if data is None else orjson.dumps(data)
        except TypeError:
            # It has bytes, integers of over 64 bits, or half a character: all that orjson does not write.
            self.attachments = []
            body = json.dumps(
                data, default=partial(_replace, self.attachments), separators=(",", ":")
            ).encode()
        where = "" if namespace == "/" else f"{namespace},"
        number = "" if id is None else id
        if self.attachments:
            self.text = f"{BINARY_KINDS[kind]}{len(self.attachments)}-{where}{number}".encode() + body
        else:
            self.text = f"{kind}{where}{number}".encode() + body
        # As frames of a WebSocket.
        self.frames = text_frame(b"4" + self.text)
        # In bytes, as it crosses the network uncompressed.
        self.size = len(self.text)
        if self.attachments:
            self.frames = b"".join((self.frames, *map(binary_frame, self.attachments)))
            self.size += sum(map(len, self.attachments))

    def packets(self) -> list[Packet]:
        """As Engine.IO has it: for one client, since each remembers how it was encoded for the first."""
        return [Packet(MESSAGE, part) for part in (self.text.decode(), *self.attachments)]


def _replace(attachments: list[bytes], value: object) -> object:
    if isinstance(value, Json):
        return json.loads(orjson.dumps(value))
    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} cannot be sent")
    attachments.append(value)
    return {"_placeholder": True, "num": len(attachments) - 1}
