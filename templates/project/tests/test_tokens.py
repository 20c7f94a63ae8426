"""Tokens: what the server issued is read back; everything else is refused, without a word on why."""

import json
import time

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.jwk import OctKey

from app.core.tokens import Claims, InvalidToken, Token

SECRET = "a secret for tests, which is long enough to be one"
TOKEN = Token(SECRET, lifetime_s=6000)
NOW = int(time.time())
CLAIMS = {"sub": "ada", "iat": NOW, "exp": NOW + 6000}


def sealed(claims: object, **header: object) -> str:
    """A token that somebody who knows the secret could make."""
    hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"app.core.tokens dir A256GCM")
    registry = jwe.JWERegistry(algorithms=["dir", "A256GCM", "DEF"], strict_check_header=False)
    return jwe.encrypt_compact(
        {"alg": "dir", "enc": "A256GCM", **header},
        json.dumps(claims),
        OctKey.import_key(hkdf.derive(SECRET.encode())),
        registry=registry,
    )


def test_a_token_names_its_user_and_its_times() -> None:
    before = int(time.time())
    claims = TOKEN.read(TOKEN.issue("ada"))
    assert claims == Claims("ada", issued_at=claims.issued_at, expires_at=claims.issued_at + 6000)
    assert before <= claims.issued_at <= time.time()


def test_others_can_make_tokens_with_the_secret_alone() -> None:
    assert TOKEN.read(sealed(CLAIMS)) == Claims("ada", issued_at=NOW, expires_at=NOW + 6000)


def test_a_token_shows_nothing_of_its_user() -> None:
    protected, encrypted_key, *_ = TOKEN.issue("ada").split(".")
    assert (protected, encrypted_key) == ("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0", "")
    assert TOKEN.issue("ada") != TOKEN.issue("ada")


def test_changing_any_character_makes_a_token_invalid() -> None:
    token = TOKEN.issue("ada")
    for at, character in enumerate(token):
        changed = token[:at] + ("B" if character == "A" else "A") + token[at + 1 :]
        with pytest.raises(InvalidToken):
            TOKEN.read(changed)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(None, id="missing"),
        pytest.param(b"eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0....", id="bytes"),
        pytest.param("", id="empty"),
        pytest.param("hello", id="a word"),
        pytest.param("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0....", id="nothing inside"),
        pytest.param("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZGEifQ.", id="not encrypted"),
        pytest.param(TOKEN.issue("ada")[:-1], id="cut off"),
        pytest.param(TOKEN.issue("ada") + "\n", id="line break at the end"),
        pytest.param(TOKEN.issue("ada") + "A" * 1_000_000, id="huge"),
        pytest.param(Token("x" * 50, lifetime_s=6000).issue("ada"), id="another secret"),
        pytest.param(Token(SECRET, lifetime_s=0).issue("ada"), id="expired"),
        pytest.param(sealed(CLAIMS, zip="DEF"), id="compressed"),
        pytest.param(sealed(CLAIMS, kid="1"), id="another header"),
        pytest.param(sealed(CLAIMS, crit=["kid"], kid="1"), id="critical extension"),
        pytest.param(sealed(CLAIMS).replace("..", ".AAAA."), id="an encrypted key"),
        pytest.param(sealed([]), id="no object"),
        pytest.param(sealed({**CLAIMS, "sub": ""}), id="nobody"),
        pytest.param(sealed({**CLAIMS, "sub": 1}), id="a number for a user"),
        pytest.param(sealed({"iat": NOW, "exp": NOW + 6000}), id="no user"),
        pytest.param(sealed({"sub": "ada", "iat": NOW}), id="no end"),
        pytest.param(sealed({**CLAIMS, "exp": NOW + 6001}), id="lives too long"),
        pytest.param(sealed({**CLAIMS, "iat": NOW + 9999, "exp": NOW + 15999}), id="from the future"),
        pytest.param(sealed({**CLAIMS, "exp": float("nan")}), id="ends at NaN"),
        pytest.param(sealed({**CLAIMS, "exp": float("inf")}), id="never ends"),
        pytest.param(sealed({**CLAIMS, "exp": NOW + 30.5}), id="ends at a fraction"),
        pytest.param(sealed({**CLAIMS, "exp": str(NOW + 6000)}), id="ends at a text"),
        pytest.param(sealed({**CLAIMS, "iat": True}), id="begins at True"),
        pytest.param(sealed({**CLAIMS, "iat": -1}), id="begins before 1970"),
    ],
)
def test_anything_else_is_refused(token: object) -> None:
    with pytest.raises(InvalidToken):
        TOKEN.read(token)


def test_a_token_needs_a_user() -> None:
    with pytest.raises(ValueError, match="1 to 255 characters, not 0"):
        TOKEN.issue("")
