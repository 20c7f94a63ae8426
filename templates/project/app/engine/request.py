"""What can be done with a request as ASGI has it."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
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


class Request:
    """What a connection began with: kept while it is there, and so in a form that takes little memory."""

    __slots__ = ("_headers", "_query", "address")

    def __init__(self, scope: Scope) -> None:
        address = scope.get("client")
        self.address: str | None = address[0] if address else None
        self._query: bytes = scope["query_string"]
        # No header has a line break in it.
        self._headers = b"\n".join(name.lower() + b":" + value for name, value in scope["headers"])

    def handshake(self, sid: str, auth: object) -> Handshake:
        """The same, with what the client sent to a namespace."""
        return Handshake(
            sid, self.address, auth, Lazily(self._query, read_query), Lazily(self._headers, read_headers)
        )


class Lazily(Mapping[str, str]):
    """A mapping that is read from its text whenever it is asked for something, which is rare."""

    __slots__ = ("_read", "_text")

    def __init__(self, text: bytes, read: Callable[[bytes], Mapping[str, str]]) -> None:
        self._text = text
        self._read = read

    def __getitem__(self, key: str) -> str:
        return self._read(self._text)[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read(self._text))

    def __len__(self) -> int:
        return len(self._read(self._text))


# Who goes through a mapping asks it for each name; a query of 8 kB would then be read 1,700 times, for 4 s.
@lru_cache(maxsize=1)
def read_query(query: bytes) -> Mapping[str, str]:
    return dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


@lru_cache(maxsize=1)
def read_headers(headers: bytes) -> Mapping[str, str]:
    """By their names in lower case."""
    pairs = (line.partition(":") for line in headers.decode("latin-1").split("\n"))
    return {name: value for name, _, value in pairs if name}
