"""The handshake of a WebSocket that is going to be direct: the engine's, when it begins with one.

uvicorn's own class would read the request again, and make all that is needed for messages through ASGI. It is
left to do so for a request that is not as it should be, or not for the engine, or about a session that polls.

Source: RFC 6455, section 4.2.
"""

import asyncio
import binascii
import hashlib
import logging
from base64 import b64decode, b64encode
from collections.abc import Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from starlette.types import Message, Scope

from .direct_websocket import DirectWebSocket
from .uvicorn_patience import WEBSOCKETS_LOG, Peer, refusal
from .websocket import ABORT, DIRECT

log = logging.getLogger(__name__)
log_of_websockets = logging.getLogger(WEBSOCKETS_LOG)

# Where the engine is: what socketio.ASGIApp answers itself.
PATH: Final = b"/socket.io/"
GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HEAD: Final = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
REFUSED: Final = refusal(b"403 Forbidden")
FAILED: Final = refusal(b"500 Internal Server Error")


def accept_key(url: bytes, scope: Mapping[str, Any]) -> bytes | None:
    """What proves to the client that its handshake was understood; None: it is for uvicorn to deal with."""
    path, _, query = url.partition(b"?")
    if path != PATH or b"sid=" in unquote_to_bytes(query) or b"#" in query or scope["root_path"]:
        return None
    if scope["method"] != "GET" or scope["http_version"] != "1.1":
        return None
    headers: dict[bytes, bytes] = dict(scope["headers"])
    if b"content-length" in headers or b"transfer-encoding" in headers:
        return None  # The body would be read as frames.
    tokens = {token.strip() for token in headers.get(b"connection", b"").lower().split(b",")}
    if len(headers) != len(scope["headers"]) or b"host" not in headers or b"upgrade" not in tokens:
        return None
    if headers.get(b"sec-websocket-version") != b"13" or headers[b"upgrade"].lower() != b"websocket":
        return None
    key = headers.get(b"sec-websocket-key", b"")
    try:
        if len(b64decode(key, validate=True)) != 16:
            return None
    except binascii.Error:
        return None
    # A part of the protocol, which is no secret.
    return b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())


class Upgrade(asyncio.Protocol):
    """
    Args:
        peer: It has entered; it leaves when the connection is over.
        state: uvicorn's, of all its connections.
        url: Of the request; and what else is known of it, as HTTP.
    """

    def __init__(
        self,
        transport: asyncio.Transport,
        peer: Peer,
        state: Any,
        url: bytes,
        scope: Mapping[str, Any],
        key: bytes,
    ) -> None:
        self._transport = transport
        self._peer = peer
        self._state = state
        self._key = key
        self._url = url.decode("latin-1")
        # The answer to the client, once there is one.
        self._answer: bytes | None = None
        self._is_taken = False
        self._received = False
        self._lost = asyncio.get_running_loop().create_future()
        # The client has to wait for the answer; what it sends before that is read after it.
        transport.pause_reading()
        transport.set_protocol(self)
        state.connections.add(self)
        task = asyncio.get_running_loop().create_task(self._run(_as_websocket(url, scope, self)))
        state.tasks.add(task)
        task.add_done_callback(state.tasks.discard)

    def take_over(self) -> tuple[DirectWebSocket, list[str | bytes]] | None:
        if self._transport.is_closing() or self._answer is None:
            return None
        self._state.connections.discard(self)
        self._is_taken = True
        websocket = DirectWebSocket(self._transport, self._peer, self._state.connections)
        # Together with the first packet: a write takes longer than most of what leads to it.
        websocket.send(self._answer)
        return websocket, []

    def abort(self) -> None:
        self._transport.abort()

    def pause_writing(self) -> None:
        # There is always room for an answer, but where those to earlier requests have not been read.
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._state.connections.discard(self)
        self._peer.leave()
        if not self._lost.done():
            self._lost.set_result(None)

    def shutdown(self) -> None:
        """Called by uvicorn, which stops."""
        self._transport.close()

    async def _run(self, scope: Scope) -> None:
        try:
            app: Any = self._peer.config.loaded_app  # Which has types of its own for the same.
            await app(scope, self._receive, partial(self._send, scope))
        except Exception:
            log.exception("a WebSocket could not be opened")
        if not self._is_taken and not self._transport.is_closing():
            self._transport.write(self._answer or FAILED)
            self._transport.close()

    async def _receive(self) -> Message:
        if not self._received:
            self._received = True
            return {"type": "websocket.connect"}
        await self._lost
        return {"type": "websocket.disconnect", "code": 1006}

    # Not with the scope in this object, which is in the scope: they would keep each other.
    async def _send(self, scope: Scope, message: Message) -> None:
        if self._transport.is_closing():
            raise OSError("the client is gone")
        if self._answer is not None:
            # Messages are for who takes it over, which something before the engine has kept it from.
            log.error("a WebSocket is closed: the extensions of its ASGI scope did not reach the engine")
            self._transport.close()
        elif message["type"] == "websocket.accept":
            self._log(scope, "[accepted]")
            more = [*self._state.default_headers, *message.get("headers", ())]
            lines = b"".join(name + b": " + value + b"\r\n" for name, value in more)
            self._answer = HEAD + b"Sec-WebSocket-Accept: " + self._key + b"\r\n" + lines + b"\r\n"
        elif message["type"] == "websocket.close":
            self._log(scope, "403")
            self._answer = REFUSED

    def _log(self, scope: Scope, outcome: str) -> None:
        # In uvicorn's words. It is a proxy's word for the client that is in the scope by now.
        address = ":".join(map(str, scope["client"] or ()))
        log_of_websockets.info('%s - "WebSocket %s" %s', address, self._url, outcome)


def _as_websocket(url: bytes, scope: Mapping[str, Any], upgrade: Upgrade) -> Scope:
    more: Mapping[str, Any] = {
        "type": "websocket",
        "path": PATH.decode(),
        "raw_path": PATH,
        "query_string": url.partition(b"?")[2],
        "scheme": "wss" if scope["scheme"] == "https" else "ws",
        "subprotocols": [],
        "extensions": {ABORT: {"abort": upgrade.abort}, DIRECT: {"take_over": upgrade.take_over}},
    }
    return {**scope, **more}
