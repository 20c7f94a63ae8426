"""Encrypted, expiring tokens: who is connecting, in a form that only this server can make or read."""

import time
from dataclasses import dataclass
from typing import Annotated, Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from pydantic import ConfigDict, Field, TypeAdapter

_HEADER: Final = {"alg": "dir", "enc": "A256GCM"}
# How every token begins: BASE64URL(header), then an empty encrypted key, as `dir` asks for. Comparing it
# before anything is parsed leaves no other algorithm, compression or extension to attack.
_START: Final = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0.."
# Longer than the longest token that `issue` makes; no time is spent on a megabyte that a client sends.
_MAX_LENGTH: Final = 4096
# Servers that share a secret may disagree about the time by this much.
_CLOCK_SKEW_S: Final = 60


class InvalidToken(Exception):
    """The token is malformed, forged or expired; clients are not told which. The text is for the log."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says. Times are Unix seconds; the aliases are the names inside the token."""

    __pydantic_config__ = ConfigDict(strict=True)

    user_id: Annotated[str, Field(alias="sub", min_length=1, max_length=255)]
    issued_at: Annotated[int, Field(alias="iat", ge=0)]
    expires_at: Annotated[int, Field(alias="exp", ge=0)]


_CLAIMS: Final = TypeAdapter(Claims)


class Token:
    """Issues and reads the tokens of one secret.

    Source: RFC 7516, sections 3.1 and 5 (JWE, compact serialization); RFC 7518, sections 4.5 (`dir`) and
    5.3 (`A256GCM`); RFC 7519, section 4.1 (`sub`, `iat`, `exp`); RFC 5869 (HKDF).
    """

    def __init__(self, secret: str, *, lifetime_s: int) -> None:
        """
        Args:
            secret: At least 32 random bytes; app/settings.py sees to it.
            lifetime_s: How long a token is valid, in seconds. Tokens made to live longer are refused, so
                shortening it also ends those that were issued before.
        """
        hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"app.core.tokens dir A256GCM")
        self._key = OctKey.import_key(hkdf.derive(secret.encode()))
        self._lifetime_s = lifetime_s

    def issue(self, user_id: str) -> str:
        """A new token for this user, valid from now on.

        Raises:
            ValueError: The user's id is not 1 to 255 characters long.
        """
        if not 1 <= len(user_id) <= 255:
            raise ValueError(f"a user_id has 1 to 255 characters, not {len(user_id)}")
        now = int(time.time())
        claims = Claims(user_id, issued_at=now, expires_at=now + self._lifetime_s)
        return jwe.encrypt_compact(_HEADER, _CLAIMS.dump_json(claims, by_alias=True), self._key)

    def read(self, token: object) -> Claims:
        """The claims inside a valid token.

        Args:
            token: Whatever the client sent.

        Raises:
            InvalidToken: It is anything but an unexpired token of this secret.
        """
        if not isinstance(token, str) or len(token) > _MAX_LENGTH or not token.startswith(_START):
            raise InvalidToken("not a token of this server")
        try:
            opened = jwe.decrypt_compact(token, self._key, algorithms=list(_HEADER.values()))
            claims = _CLAIMS.validate_json(opened.plaintext or b"")
        except (JoseError, ValueError) as error:
            raise InvalidToken("forged, damaged, or made with another secret") from error

        now = time.time()
        if claims.expires_at <= now:
            raise InvalidToken("expired")
        if claims.issued_at > now + _CLOCK_SKEW_S or claims.expires_at - claims.issued_at > self._lifetime_s:
            raise InvalidToken("lives longer than this server allows")
        return claims
