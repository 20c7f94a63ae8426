"""A request as engineio has it: a dictionary such as WSGI's, of what ASGI tells.

The library's own function makes a class for each request, which takes as long as a good part of the rest. And
classes refer to themselves: this one, and with it all that a connection was made of, stayed in memory until
the garbage collector found it.
"""

from typing import Any, Final

from starlette.types import Message, Receive, Scope, Send

# Those whose names do not begin with HTTP_.
PLAIN: Final = ("CONTENT_TYPE", "CONTENT_LENGTH")


class Body:
    """What engineio reads a request's body from; all of it is there already."""

    __slots__ = ("_message",)

    def __init__(self, message: Message) -> None:
        self._message = message

    async def read(self, length: int | None = None) -> bytes:
        body: bytes = self._message.get("body", b"")
        return body


async def environ_of(scope: Scope, receive: Receive, send: Send) -> dict[str, Any]:
    """What engineio uses of the dictionary that the library makes."""
    message = await receive()
    environ: dict[str, Any] = {
        "wsgi.input": Body(message),
        "REQUEST_METHOD": scope.get("method", "GET"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "asgi.receive": receive,
        "asgi.send": send,
        "asgi.scope": scope,
    }
    for raw_name, raw_value in scope["headers"]:
        try:
            name, value = raw_name.upper().decode().replace("-", "_"), raw_value.decode()
        except UnicodeDecodeError:
            continue
        key = name if name in PLAIN else f"HTTP_{name}"
        environ[key] = f"{environ[key]},{value}" if key in environ and name not in PLAIN else value
    environ["wsgi.url_scheme"] = environ.get("HTTP_X_FORWARDED_PROTO", "http")
    return environ
