"""What clients send, read strictly: what is no packet is refused, and never guessed at.

Source: the Engine.IO protocol, version 4; the Socket.IO protocol, version 5.
"""

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from engineio.packet import MESSAGE
from pydantic_core import from_json
from socketio.packet import ACK, BINARY_ACK, BINARY_EVENT, CONNECT, CONNECT_ERROR, DISCONNECT, EVENT

from .limits import MAX_CONTAINERS, Limits
from .metrics import Limit, size_of

__all__ = ["ACK", "BINARY_ACK", "BINARY_EVENT", "CONNECT", "DISCONNECT", "EVENT", "BadPacket", "Packet"]
__all__ += ["read_frame", "read_packet"]

FRAME_TYPES: Final = {str(number): number for number in range(7)}
# Type, number of attachments, namespace, id; what comes after them is JSON.
HEAD: Final = re.compile(r"([0-6])(?:([0-9]{1,9})-)?(?:(/[^,]*)(?:,|\Z))?([0-9]{1,15})?")


class BadPacket(ValueError):
    """A client sent what it must not: its connection is closed.

    Args:
        limit: What it overdid; without one, the packet is not in the protocols.
    """

    def __init__(self, why: str, limit: Limit = "malformed") -> None:
        super().__init__(why)
        self.limit: Limit = limit


@dataclass(slots=True)
class Packet:
    """A Socket.IO packet. It is complete when no attachment is `missing`; its `size` is in bytes."""

    kind: int
    namespace: str
    id: int | None
    data: Any  # Of an event: once `read_data` has read it.
    missing: int
    size: int = field(default=0, compare=False)
    _attachments: tuple[bytes, ...] = ()
    _unread: str = ""

    def read_data(self, limits: Limits) -> None:
        """Read what an event brings, when it is its turn.

        Until then it takes less memory; and one that is refused, for there are too many, takes no time.

        Raises:
            BadPacket: It is no JSON, or overdoes something.
        """
        if self._unread:
            self.data = _read_json(self._unread, limits.max_nesting)
            self._unread = ""

    def attach(self, attachment: str | bytes, limits: Limits) -> None:
        """Raises:
        BadPacket: It is no attachment; or they are too large; or all are there, and do not fit to the data.
        """
        if isinstance(attachment, str):
            raise BadPacket("a text came where an attachment was to come")
        self.size += len(attachment)
        if self.size > limits.max_message_bytes:
            raise _too_large(limits)
        self._attachments += (attachment,)
        self.missing -= 1
        if not self.missing:
            self.data = fill(self.data, [*self._attachments])


def read_frame(frame: str | bytes) -> tuple[int, str | bytes]:
    """The type and the payload of an Engine.IO packet.

    Raises:
        BadPacket: It is none.
    """
    if isinstance(frame, bytes):
        return MESSAGE, frame
    if frame.startswith("b"):
        try:
            return MESSAGE, base64.b64decode(frame[1:], validate=True)
        except ValueError as error:
            raise BadPacket("what begins with b is not base64") from error
    kind = FRAME_TYPES.get(frame[:1])
    if kind is None:
        raise BadPacket("no Engine.IO packet begins like that")
    return kind, frame[1:]


def read_packet(text: str, limits: Limits) -> Packet:
    """A Socket.IO packet, as it stands in the payload of an Engine.IO message.

    The data of an event without attachments is yet to be read.

    Raises:
        BadPacket: It is none, or none that a client may send, or it overdoes something.
    """
    size = len(text) if text.isascii() else size_of(text)
    if size > limits.max_message_bytes:
        raise _too_large(limits)
    event = _read_event(text, size)
    if event is not None:
        return event
    head = HEAD.match(text)
    if head is None:
        raise BadPacket("no Socket.IO packet begins like that")
    kind, attachments, namespace, id = head.groups()
    # A query after the name of the namespace is how old clients told what is in `auth` now.
    name = namespace.partition("?")[0] if namespace else "/"
    data = _read_json(text[head.end() :], limits.max_nesting)
    packet = Packet(int(kind), name, int(id) if id else None, data, 0, size)
    _check(packet, has_count=attachments is not None)
    if attachments is not None:
        packet.missing = int(attachments)
        if packet.missing > limits.max_attachments:
            raise BadPacket(f"a message has at most {limits.max_attachments} attachments", "too_large")
        if not packet.missing:
            packet.data = fill(packet.data, [])
    return packet


def _read_event(text: str, size: int) -> Packet | None:
    """An event without attachments, but for its data; None: it has to be looked at more closely."""
    at = text.find("[")
    if at < 1 or not text.startswith("2"):
        return None
    # Perhaps a namespace and a comma, perhaps an id.
    where, comma, id = text[1:at].rpartition(",")
    if comma and (not where.startswith("/") or "," in where or "?" in where):
        return None
    if id and not (id.isdecimal() and id.isascii() and len(id) < 16):
        return None
    return Packet(EVENT, where or "/", int(id) if id else None, None, 0, size, (), text[at:])


def _too_large(limits: Limits) -> BadPacket:
    return BadPacket(f"a message has at most {limits.max_message_bytes} bytes", "too_large")


def _check(packet: Packet, *, has_count: bool) -> None:
    if packet.kind == CONNECT_ERROR:
        raise BadPacket("only servers send CONNECT_ERROR")
    if has_count != (packet.kind in (BINARY_EVENT, BINARY_ACK)):
        raise BadPacket("binary packets have a number of attachments, others have none")
    if packet.kind == DISCONNECT and packet.data is not None:
        raise BadPacket("DISCONNECT has no payload")
    if packet.kind not in (CONNECT, DISCONNECT) and not isinstance(packet.data, list):
        raise BadPacket("events and acks have an array")
    if packet.kind in (ACK, BINARY_ACK) and packet.id is None:
        raise BadPacket("acks have an id")


def _refuse_constant(name: str) -> NoReturn:
    raise BadPacket(f"{name} is not JSON")


# Python would read NaN and Infinity, which no JavaScript client could be sent.
_decoder: Final = json.JSONDecoder(parse_constant=_refuse_constant)


# The last one need not end: looking for an end that is not there takes the square of the time.
STRING: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)


def _read_json(text: str, max_nesting: int) -> Any:
    containers = text.count("[") + text.count("{")
    if containers > MAX_CONTAINERS:  # Most of them may be in strings.
        outside = STRING.sub("", text)
        if outside.count("[") + outside.count("{") > MAX_CONTAINERS:
            raise BadPacket(f"a message has at most {MAX_CONTAINERS} lists and objects", "too_large")
    data = _decode(text, max_nesting) if text else None
    # There is no need to look where there are so few of them; strings may have some, too.
    if containers > max_nesting:
        _check_nesting(data, max_nesting)
    return data


def _decode(text: str, max_nesting: int) -> Any:
    try:
        return from_json(text, allow_inf_nan=False)
    except (ValueError, TypeError):
        pass  # No JSON, perhaps; or half a character is in it, or 200 levels, which Python reads.
    try:
        return _decoder.decode(text)
    except RecursionError as error:
        raise _too_deep(max_nesting) from error
    except ValueError as error:
        raise BadPacket("the payload is not JSON") from error


def _check_nesting(data: Any, max_nesting: int) -> None:
    level = [data]
    for _ in range(max_nesting):
        level = [item for container in level for item in _items(container) if isinstance(item, list | dict)]
        if not level:
            return
    raise _too_deep(max_nesting)


def _items(container: Any) -> Iterable[Any]:
    if isinstance(container, dict):
        return container.values()
    return container if isinstance(container, list) else ()


def _too_deep(max_nesting: int) -> BadPacket:
    return BadPacket(f"lists and objects are nested in {max_nesting} levels at most", "too_large")


def fill(data: Any, attachments: list[bytes | None]) -> Any:
    """The same data, with attachments where their placeholders were; each is used once."""
    if isinstance(data, list):
        # There can be half a million that are neither list nor object.
        return [fill(item, attachments) if isinstance(item, list | dict) else item for item in data]
    if not isinstance(data, dict):
        return data
    if data.get("_placeholder") is not True:
        return {key: fill(value, attachments) for key, value in data.items()}
    number = data.get("num")
    if type(number) is not int or not 0 <= number < len(attachments):
        raise BadPacket("a placeholder has no attachment")
    attachment, attachments[number] = attachments[number], None
    if attachment is None:
        # Else a small message could become an enormous one, where it is sent on.
        raise BadPacket("two placeholders have the same attachment")
    return attachment
