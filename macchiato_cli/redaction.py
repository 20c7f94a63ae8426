"""A project's secrets, kept out of what is told of it.

The probes load this file by its path, in the project's own environment: so the standard library is all that
it may import but inside of functions.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import stat
from collections.abc import Iterable, Mapping
from importlib import import_module
from urllib.parse import parse_qs, unquote, urlsplit

_HIDDEN = "***"
_SHORTEST_HIDDEN = 4
_LARGEST_ENV_FILE = 1024 * 1024
# TOKEN_LIFETIME_S is none.
_SECRET_NAME = re.compile(r"(SECRET|PASSWORD|PASSWD|TOKEN|_KEY)$")
_ASSIGNMENT = re.compile(
    r"""^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=[ \t]*("[^"]*"|'[^']*'|.*?)[ \t]*(?:\s\#.*)?$""", re.MULTILINE
)


class Redaction:
    """Texts without these secrets."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def hide(self, *secrets: str | None) -> None:
        """Keep these out; what is shorter than four characters would hide half of the text."""
        for secret in secrets:
            if secret and len(secret) >= _SHORTEST_HIDDEN:
                # As an error or a default value quotes it, too.
                self._secrets |= {secret, repr(secret)[1:-1]}

    def hide_settings(self, settings: Mapping[str, str]) -> None:
        """Keep out what is secret of these: by its name, or as the password of a URL."""
        for name, value in settings.items():
            if _SECRET_NAME.search(name.upper()):
                self.hide(value)
            if "://" in value:
                self.hide(*passwords(value))

    def applied_to(self, text: str) -> str:
        """The text, with stars in place of every secret."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, _HIDDEN)
        return text


def of_project(folder: str | os.PathLike[str]) -> Redaction:
    """What hides the secrets of `.env` and of the environment, as far as they can be read without dotenv."""
    return of_settings((plain_settings(env_file_text(folder)), os.environ))


def of_settings(readings: Iterable[Mapping[str, str]]) -> Redaction:
    """What hides the secrets of all of these."""
    redaction = Redaction()
    for settings in readings:
        redaction.hide_settings(settings)
    return redaction


def read_regular(path: str | os.PathLike[str], limit: int) -> bytes:
    """The content of a regular file: what never ends, or would be waited for, is not read.

    Args:
        limit: In bytes.

    Raises:
        OSError: It cannot be read, is something else, or is larger.
    """
    # Opening a pipe would wait for somebody to write into it.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is not a regular file")
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise OSError(f"it has more than {limit} bytes")
    return content


def env_file_text(folder: str | os.PathLike[str]) -> str:
    """The text of `.env`; none where that cannot be read."""
    with contextlib.suppress(OSError):
        return read_regular(os.path.join(folder, ".env"), _LARGEST_ENV_FILE).decode(errors="replace")
    return ""


def plain_settings(text: str) -> dict[str, str]:
    """What is set in the text of `.env`, but for the finer points of its syntax."""
    found = {name: value for name, value in _ASSIGNMENT.findall(text) if value}
    return {
        name: value[1:-1] if value[0] == value[-1] and value[0] in "\"'" else value
        for name, value in found.items()
    }


def dotenv_settings(text: str) -> list[dict[str, str]]:
    """What is set there in the eyes of dotenv, as written and with variables replaced; nothing without it."""
    found: list[dict[str, str]] = []
    # A project may have no dotenv, an odd one, or one of its own.
    with contextlib.suppress(Exception):
        read = import_module("dotenv").dotenv_values
        for interpolate in (False, True):
            values = read(stream=io.StringIO(text), interpolate=interpolate)
            found.append({name: value for name, value in values.items() if value})
    return found


def passwords(url: str) -> list[str]:
    """What must not be shown of a URL: its password, as it is written and as it is meant."""
    try:
        parts = urlsplit(url)
        written = [parts.password or "", *parse_qs(parts.query).get("password", [])]
    except ValueError:
        return [url, *_misread_password(url)]
    written += [pair[len("password=") :] for pair in parts.query.split("&") if pair.startswith("password=")]
    if parts.netloc:
        written += _misread_password(url)
    found = [*written, *map(unquote, written)]
    return list(dict.fromkeys(text for text in found if text))


def _misread_password(url: str) -> list[str]:
    """All that may be the password where it has an unescaped `/`, `?`, `#` or `@`, and each of its parts."""
    credentials = url.partition("://")[2].rpartition("@")[0]
    password = credentials.partition(":")[2]
    return [password, *re.split(r"[/?#@]", password)]
