"""Token.read for whatever a client may send: claims of a token that was issued, or InvalidToken."""

import base64
import contextlib
import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from joserfc import jwe

from app.core.tokens import Claims, InvalidToken, Token

# A busy machine must not fail these tests.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

TOKEN = Token("a secret for tests, which is long enough to be one", lifetime_s=60)
HEADER = {"alg": "dir", "enc": "A256GCM"}
ISSUED = TOKEN.issue("ada")
SEGMENTS = ISSUED.split(".")

base64url = st.text("ABCXYZabcxyz0189-_", max_size=64)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


def refuses(token: object) -> None:
    with pytest.raises(InvalidToken):
        TOKEN.read(token)


@given(json_values | st.binary() | st.text() | st.text("eyJ.-_=+/ \n\0é\ud800"))
@example("\ud800")
@example("." * 4)
@example("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..\ud800..")
def test_nothing_but_an_issued_token_is_read(token: object) -> None:
    refuses(token)


@given(st.lists(st.sampled_from(SEGMENTS) | base64url | st.text(max_size=20), min_size=1, max_size=6))
def test_other_segments_are_refused(segments: list[str]) -> None:
    token = ".".join(segments)
    if token != ISSUED:
        refuses(token)


@given(at=st.integers(0, 3), segment=base64url | st.text(max_size=80))
def test_one_replaced_segment_is_refused(at: int, segment: str) -> None:
    segments = [*SEGMENTS]
    segments[at + 1] = segment
    if segments != SEGMENTS:
        refuses(".".join(segments))


@given(at=st.integers(0, len(ISSUED) - 1), bit=st.integers(0, 6))
def test_one_flipped_bit_is_refused(at: int, bit: int) -> None:
    refuses(ISSUED[:at] + chr(ord(ISSUED[at]) ^ 1 << bit) + ISSUED[at + 1 :])


@given(st.integers(0, len(ISSUED) - 1))
def test_what_is_left_of_a_token_that_was_cut_is_refused(length: int) -> None:
    refuses(ISSUED[:length])


@given(st.dictionaries(st.sampled_from(["alg", "enc", "zip", "crit", "kid"]), json_values, min_size=1))
def test_other_headers_are_refused(changes: dict[str, object]) -> None:
    header = json.dumps({**HEADER, **changes}).encode()
    refuses(".".join([base64.urlsafe_b64encode(header).decode().rstrip("="), *SEGMENTS[1:]]))


claims = st.fixed_dictionaries(
    {},
    optional={
        "sub": json_values,
        "iat": json_values | st.integers(int(time.time()) - 100, int(time.time()) + 100),
        "exp": json_values | st.integers(int(time.time()) - 100, int(time.time()) + 100),
    },
)


@given(claims | json_values)
@example({"sub": "ada", "iat": 0, "exp": 10**400})
@example({"sub": "ada", "iat": 0, "exp": float("nan")})
def test_whoever_knows_the_secret_still_cannot_break_the_reader(content: object) -> None:
    token = jwe.encrypt_compact(HEADER, json.dumps(content), TOKEN._key)
    with contextlib.suppress(InvalidToken):
        read = TOKEN.read(token)
        assert isinstance(content, dict)
        assert read == Claims(content["sub"], content["iat"], content["exp"])
        assert read.expires_at - read.issued_at <= 60
        assert read.expires_at > time.time() - 1


@given(st.binary(max_size=2000))
@example(b"[" * 2000)
@example(b'{"sub":' * 300)
@example(b"\xff\xfe")
def test_whatever_is_encrypted_with_the_key_is_claims_or_refused(plaintext: bytes) -> None:
    with contextlib.suppress(InvalidToken):
        TOKEN.read(jwe.encrypt_compact(HEADER, plaintext, TOKEN._key))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255))
def test_every_issued_token_is_read_back(user_id: str) -> None:
    assert TOKEN.read(TOKEN.issue(user_id)).user_id == user_id
