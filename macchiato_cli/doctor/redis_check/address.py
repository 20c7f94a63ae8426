"""Where Redis is: what REDIS_URL says, as the project's settings and redis-py read it."""

from __future__ import annotations

import shlex
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from .resp import PATIENCE_S, Connection, NotRedis

EXAMPLE = "REDIS_URL=redis://localhost:6379/0"
LOCAL = ("localhost", "127.0.0.1", "::1")
_SCHEMES = ("redis", "rediss", "valkey", "valkeys", "unix")
_CERTIFICATES = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


class BadURL(ValueError):
    """REDIS_URL is none, and why."""


@dataclass(frozen=True)
class Address:
    """
    Args:
        scheme: As it is written.
        path: Of the socket, where it is one.
        options: What is in the URL's query.
    """

    scheme: str
    host: str
    port: int
    path: str
    user: str
    password: str
    database: int
    options: Mapping[str, str]

    @property
    def shown(self) -> str:
        """Without the password."""
        return f"unix://{self.path}" if self.scheme == "unix" else f"{self.scheme}://{self._place}"

    @property
    def _place(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def encrypted(self) -> bool:
        return self.scheme in ("rediss", "valkeys")

    def setting(self, *, place: str = "", login: bool = False, scheme: str = "", query: str = "") -> str:
        """REDIS_URL with something else in it: to be typed, with words where the password belongs.

        Args:
            place: Another host and port.
            login: It needs a name and a password.
        """
        credentials = "USER:PASSWORD@" if login or self.password else ""
        if self.scheme == "unix" and not place:
            url = f"unix://{credentials}{self.path}"
        else:
            scheme = scheme or ("redis" if self.scheme == "unix" else self.scheme)
            url = f"{scheme}://{credentials}{place or self._place}/{self.database}{query}"
        return f"REDIS_URL={shlex.quote(url)}"

    def command(self, *words: str) -> str:
        """What to type to ask Redis itself; it asks for the password."""
        if self.scheme == "unix":
            where = ["-s", self.path]
        else:
            where = ["-h", self.host, "-p", str(self.port), *(["--tls"] if self.encrypted else [])]
        user = ["--user", self.user] if self.user else []
        return shlex.join(["redis-cli", *where, *user, *(["--askpass"] if self.password else []), *words])

    def connect(self) -> Connection:
        """A connection that is logged in.

        Raises:
            OSError: It cannot be made; an ssl.SSLError where TLS is the reason.
        BadURL: It names certificates that cannot be read.
            Refused: Redis does not want it.
            NotRedis: Somebody else answers.
        """
        connection = Connection(self._socket())
        try:
            self._greet(connection)
        except BaseException:
            connection.__exit__()
            raise
        return connection

    def _socket(self) -> socket.socket:
        context = self._context() if self.encrypted else None
        if self.scheme == "unix":
            stream = socket.socket(socket.AF_UNIX)
        else:
            stream = socket.create_connection((self.host, self.port), timeout=PATIENCE_S)
        try:
            if self.scheme == "unix":
                stream.settimeout(PATIENCE_S)
                stream.connect(self.path)
            return context.wrap_socket(stream, server_hostname=self.host) if context else stream
        except BaseException:
            stream.close()
            raise

    def _context(self) -> ssl.SSLContext:
        try:
            return self._certified(ssl.create_default_context())
        except OSError as error:
            reason = getattr(error, "reason", None) or error.strerror or error
            raise BadURL(f"names a certificate that cannot be read: {reason}") from error

    def _certified(self, context: ssl.SSLContext) -> ssl.SSLContext:
        options = self.options
        required = _CERTIFICATES.get(options.get("ssl_cert_reqs", ""), ssl.CERT_REQUIRED)
        unchecked = options.get("ssl_check_hostname", "").lower() in ("0", "f", "false", "n", "no")
        context.check_hostname = required is not ssl.CERT_NONE and not unchecked
        context.verify_mode = required
        authorities = [options.get(f"ssl_ca_{name}") for name in ("certs", "path", "data")]
        if any(authorities):
            context.load_verify_locations(*authorities)
        if certificate := options.get("ssl_certfile"):
            context.load_cert_chain(certificate, options.get("ssl_keyfile"), options.get("ssl_password"))
        return context

    def _greet(self, connection: Connection) -> None:
        if self.user:
            connection.ask("AUTH", self.user, self.password)
        elif self.password:
            connection.ask("AUTH", self.password)
        if self.database:
            connection.ask("SELECT", str(self.database))
        if connection.ask("PING") != "PONG":
            raise NotRedis


def read_url(url: str) -> Address:
    """What the URL says.

    Raises:
        BadURL: The server would not start with it.
    """
    try:
        parts = urlsplit(url)
        host, port = unquote(parts.hostname or "localhost"), parts.port or 6379
    except ValueError:
        raise BadURL("is not a URL") from None
    if parts.scheme not in _SCHEMES:
        raise BadURL("does not begin with redis://, rediss://, valkey://, valkeys:// or unix://")
    if parts.scheme != "unix" and _breaks_off(parts):
        # What seems to be the host and the port is the user and the start of the password.
        raise BadURL("has an @ after its host: in a password, / is written %2F, ? is %3F, # is %23")
    options = {name: unquote(values[0]) for name, values in parse_qs(parts.query).items()}
    path = unquote(parts.path)
    if parts.scheme == "unix" and not path:
        raise BadURL("names no socket: unix:///run/redis/redis.sock has three slashes")
    return Address(
        scheme=parts.scheme,
        host=host,
        port=port,
        path=path,
        user=unquote(parts.username or "") or options.get("username", ""),
        password=unquote(parts.password or "") or options.get("password", ""),
        database=_database(options.get("db"), "" if parts.scheme == "unix" else path),
        options=options,
    )


def _breaks_off(parts: SplitResult) -> bool:
    """Whether the password has a character that ends the host of a URL."""
    return "@" in parts.path + parts.fragment or ("@" in parts.query and "=" not in parts.query)


def _database(option: str | None, path: str) -> int:
    """Its number; the client takes a path that is none for 0, too."""
    try:
        return int(path.replace("/", "") or 0) if option is None else int(option)
    except ValueError:
        if option is None:
            return 0
        raise BadURL("has ?db= with something that is no number") from None
