"""Whether Redis answers. The standard library only, and not the project's client: see services_probe.py.

Source: RESP, https://redis.io/docs/latest/develop/reference/protocol-spec/ (arrays of bulk strings, simple
strings, errors); the URLs are those of redis-py.
"""

from __future__ import annotations

import os
import shlex
import socket
import ssl
from collections.abc import Sequence
from importlib.util import find_spec
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

_PATIENCE_S = 2
_CLIENT = "redis"
_LARGEST_PYPROJECT = 1024 * 1024
_LONGEST_LINE = 1000
_LOCAL = ("localhost", "127.0.0.1", "::1")


def check(url: str) -> tuple[str, str, Sequence[str]]:
    """State, finding, remedies."""
    example = ["REDIS_URL=redis://localhost:6379/0"]
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "localhost", parts.port or 6379
    except ValueError:
        return "broken", "REDIS_URL is not a URL", example
    if parts.scheme not in ("redis", "rediss", "unix"):
        return "broken", "REDIS_URL does not begin with redis://, rediss:// or unix://", example
    if parts.scheme != "unix" and _breaks_off(parts):
        # What seems to be the host and the port is the user and the start of the password.
        found = "REDIS_URL has an @ after its host: in a password, / is written %2F, ? is %3F, # is %23"
        return "broken", found, example
    shown = f"unix://{parts.path}" if parts.scheme == "unix" else f"{parts.scheme}://{host}:{port}"
    if _wants_client() and find_spec(_CLIENT) is None:
        return "broken", 'the client for Redis is not installed: pip install -e ".[redis]"', ()
    try:
        with connect(parts, host, port) as connection:
            refusal = greet(connection, parts)
    except ssl.SSLError as error:
        return "broken", f"{shown} does not speak TLS as it should: {error.reason or error}", ()
    except OSError as error:
        start = [f"redis-server --port {port}"] if host in _LOCAL and parts.scheme == "redis" else []
        return "broken", f"{shown} cannot be reached: {error.strerror or error}", start
    if refusal is None:
        return "ok", f"{shown} answers", ()
    if not refusal.startswith("-"):
        return "broken", f"what answers at {shown} is not Redis", example
    with_password = f"REDIS_URL={shlex.quote(f'{parts.scheme}://USER:PASSWORD@{host}:{port}/0')}"
    tries = [with_password] if refusal.startswith(("-NOAUTH", "-WRONGPASS", "-ERR AUTH")) else []
    return "broken", f"{shown} refuses: {refusal[1:]}", tries


def _wants_client() -> bool:
    """Whether pyproject.toml has an extra for it; what reads REDIS_URL else, nobody knows."""
    import tomllib

    if not os.path.isfile("pyproject.toml"):
        return False
    try:
        with open("pyproject.toml", "rb") as stream:
            text = stream.read(_LARGEST_PYPROJECT).decode()
        return "redis" in tomllib.loads(text)["project"]["optional-dependencies"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _breaks_off(parts: SplitResult) -> bool:
    """Whether the password has a character that ends the host of a URL."""
    return "@" in parts.path + parts.fragment or ("@" in parts.query and "=" not in parts.query)


def connect(parts: SplitResult, host: str, port: int) -> socket.socket:
    """A connection, with TLS where the URL asks for it.

    Raises:
        OSError: It cannot be made.
    """
    if parts.scheme == "unix":
        local = socket.socket(socket.AF_UNIX)
        local.settimeout(_PATIENCE_S)
        local.connect(parts.path)
        return local
    connection = socket.create_connection((host, port), timeout=_PATIENCE_S)
    if parts.scheme == "redis":
        return connection
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    context = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
    if options.get("ssl_cert_reqs") == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection, server_hostname=host)


def greet(connection: socket.socket, parts: SplitResult) -> str | None:
    """Log in and ask for a sign of life; what was answered instead, None when all is well."""
    if parts.password:
        user = [unquote(parts.username)] if parts.username else []
        answer = ask(connection, "AUTH", *user, unquote(parts.password))
        if answer != "+OK":
            return answer
    answer = ask(connection, "PING")
    return None if answer == "+PONG" else answer


def ask(connection: socket.socket, *words: str) -> str:
    """The first line of the answer to a command."""
    encoded = [word.encode() for word in words]
    bulks = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
    connection.sendall(b"*%d\r\n%s" % (len(words), bulks))
    line = b""
    while not line.endswith(b"\r\n") and len(line) < _LONGEST_LINE:
        more = connection.recv(1)
        if not more:
            break
        line += more
    return line.decode(errors="replace").strip()
