"""Which requests are let through to the Engine.IO server, and how the others are answered.

Codes and words are those of Node's server, which clients show to their developers.
"""

import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.types import Scope

from .limits import MAX_QUERY_BYTES


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request is refused."""

    code: int
    message: str
    status: str = "400 BAD REQUEST"

    def response(self) -> dict[str, Any]:
        """An answer, in the form in which engineio has its own."""
        body = json.dumps({"code": self.code, "message": self.message}, separators=(",", ":"))
        # Closed afterwards, since there may be more of the request than was read.
        headers = [("Content-Type", "application/json"), ("Connection", "close")]
        return {"status": self.status, "headers": headers, "response": body.encode()}


UNKNOWN_TRANSPORT: Final = Problem(0, "Transport unknown")
UNKNOWN_SESSION: Final = Problem(1, "Session ID unknown")
BAD_METHOD: Final = Problem(2, "Bad handshake method")
BAD_REQUEST: Final = Problem(3, "Bad request")
TOO_MANY_CONNECTIONS: Final = Problem(4, "Too many connections", "429 TOO MANY REQUESTS")
FAILED: Final = Problem(4, "The server failed to accept this", "500 INTERNAL SERVER ERROR")
STOPPING: Final = Problem(4, "The server is stopping", "503 SERVICE UNAVAILABLE")
URL_TOO_LONG: Final = Problem(3, "URL too long", "414 URI TOO LONG")
UNSUPPORTED_VERSION: Final = Problem(5, "Unsupported protocol version")
TOO_LARGE: Final = Problem(3, "Payload too large", "413 CONTENT TOO LARGE")


def query_of(scope: Scope) -> Mapping[str, list[str]]:
    return _read_query(scope["query_string"])


# Asked for twice, for each request.
@lru_cache(maxsize=1)
def _read_query(query: bytes) -> Mapping[str, list[str]]:
    return parse_qs(query.decode("latin-1"), keep_blank_values=True)


def problem_with(scope: Scope, sessions: Container[str]) -> Problem | None:
    """What is wrong with a request, which can be one for a WebSocket.

    Args:
        sessions: The ids of the sessions that there are.
    """
    if len(scope["query_string"]) > MAX_QUERY_BYTES:
        return URL_TOO_LONG
    query = query_of(scope)
    method = scope.get("method", "GET")
    # JSONP (j) is not in this version of the protocol; it would let the pages of any site poll.
    if "j" in query or any(len(query.get(name, ())) > 1 for name in ("EIO", "transport", "sid")):
        return BAD_REQUEST
    if query.get("transport") not in (["polling"], ["websocket"]):
        return UNKNOWN_TRANSPORT
    if (query["transport"] == ["websocket"]) != (scope["type"] == "websocket"):
        return BAD_REQUEST
    if method == "OPTIONS":
        return None  # A browser asks whether it may send a request.
    if "sid" in query:
        if query["sid"][0] not in sessions:
            return UNKNOWN_SESSION
        return None if method in ("GET", "POST") else BAD_REQUEST
    if method != "GET":
        return BAD_METHOD
    return None if query.get("EIO") == ["4"] else UNSUPPORTED_VERSION
