"""What taking a WebSocket away from ASGI relies on, in libraries that do not promise it.

When an upgrade changes one of these, the server says so as it starts, and leaves WebSockets to ASGI: slower,
and otherwise the same. Then see what the library does now, and change `_take_over` in uvicorn_websocket.py.
What else of uvicorn these use is not looked at: its minor version is pinned, and the tests would fail.
"""

import asyncio
import logging
from collections.abc import Callable, Generator, Mapping
from functools import cache
from typing import Any, Final, cast

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.http11 import Request
from websockets.server import ServerProtocol

log = logging.getLogger(__name__)

OPEN_WEBSOCKET: Final = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TEXT_FRAME: Final = b"\x81\x80" + bytes(4)  # An empty one.
# Of uvicorn's protocol, as it is before a connection is made.
RELIED_ON: Final[Mapping[str, Callable[[Any], bool]]] = {
    "transport is where it writes to": lambda protocol: protocol.transport is None,
    "connections are those that uvicorn shuts down": lambda protocol: isinstance(protocol.connections, set),
    "queue has the messages for the application": lambda protocol: type(protocol.queue) is asyncio.Queue,
    "frames are those of a message that has begun": lambda protocol: protocol.frames == [],
    "handshake_complete is set when a WebSocket is open": lambda protocol: (
        protocol.handshake_complete is False
    ),
    "close_sent is set when it says goodbye": lambda protocol: protocol.close_sent is False,
    "writable is set while the transport takes more": lambda protocol: protocol.writable.is_set() is True,
    "conn is from websockets": lambda protocol: isinstance(protocol.conn, ServerProtocol),
    "conn.parser can be closed": lambda protocol: isinstance(protocol.conn.parser, Generator),
    "conn.parser is in reader.at_eof between frames": lambda protocol: (
        _is_told_apart_from_a_frame_that_has_begun(protocol.conn)
    ),
}


@cache
def are_as_expected() -> bool:
    """Whether WebSockets can be taken away from ASGI; what is in the way is logged."""
    different = differences()
    if different:
        log.warning(
            "WebSockets are left to ASGI, which is slower: in this version of uvicorn or websockets, it is "
            "not so that %s (app/engine/libraries.py)",
            "; ".join(different),
        )
    return not different


def differences() -> list[str]:
    """What is not as it was."""
    try:
        protocol = _protocol()
    except Exception as error:
        return [f"a protocol can be made ({error!r})"]
    return [name for name, holds in RELIED_ON.items() if not _is_true(holds, protocol)]


def waits_for_a_frame(conn: ServerProtocol) -> bool:
    """Whether nothing has come of the next one: its head is read in parts, and kept apart from the buffer."""
    parser: Any = conn.parser
    while (inner := parser.gi_yieldfrom) is not None:
        parser = inner
    # By its name: an import of what is not promised would keep the server from starting.
    return bool(parser.gi_code.co_qualname == "StreamReader.at_eof")


def _is_told_apart_from_a_frame_that_has_begun(conn: ServerProtocol) -> bool:
    conn.logger = logging.Logger("nobody")  # It would tell of a connection that there is not.
    conn.receive_data(OPEN_WEBSOCKET)
    (request,) = conn.events_received()
    conn.send_response(conn.accept(cast(Request, request)))
    before = waits_for_a_frame(conn)
    conn.receive_data(TEXT_FRAME[:2])
    begun = waits_for_a_frame(conn)
    conn.receive_data(TEXT_FRAME[2:])
    return (before, begun, waits_for_a_frame(conn)) == (True, False, True)


def _protocol() -> WebSocketsSansIOProtocol:
    config = uvicorn.Config("", log_config=None, interface="asgi3")
    config.loaded = True
    config.loaded_app = None
    loop: Any = object()  # It is only kept; without one, a new one would be made.
    return WebSocketsSansIOProtocol(config, ServerState(), {}, loop)


def _is_true(holds: Callable[[Any], bool], protocol: WebSocketsSansIOProtocol) -> bool:
    try:
        return holds(protocol)
    except Exception:
        return False
