"""Passwords cannot be guessed: who tries too often has to wait."""

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from support import start_server, stop_server

from app.attempts import Attempts, TooManyAttempts
from app.engine.addresses import origin_of


async def test_attempts_at_once_are_no_more_than_one_after_the_other() -> None:
    attempts = Attempts(per_minute=3)

    made = await asyncio.gather(
        *(attempts.count("Ada@example.com", "192.0.2.1") for _ in range(50)), return_exceptions=True
    )

    assert made.count(None) == 3
    refused = [error for error in made if isinstance(error, TooManyAttempts)]
    assert len(refused) == 47
    assert all(1 <= error.retry_after_s <= 60 for error in refused)


async def test_nobody_can_lock_an_account_for_its_owner() -> None:
    attempts = Attempts(per_minute=1)
    await attempts.count("ada@example.com", "192.0.2.1")
    with pytest.raises(TooManyAttempts):
        await attempts.count("ADA@example.com", "192.0.2.1")

    await attempts.count("ada@example.com", "192.0.2.2")


async def test_one_address_cannot_try_all_accounts() -> None:
    attempts = Attempts(per_minute=1)
    for number in range(10):
        await attempts.count(f"{number}@example.com", "192.0.2.1")

    with pytest.raises(TooManyAttempts):
        await attempts.count("10@example.com", "192.0.2.1")


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1%eth0", "2001:db8:1:2::/64"),
        ("testclient", "?"),
        (None, "?"),
    ],
)
def test_who_has_many_addresses_is_one(address: str | None, origin: str) -> None:
    assert origin_of(address) == origin


async def test_the_server_says_how_long_to_wait(tmp_path: Path) -> None:
    server = start_server(tmp_path, LOGIN_ATTEMPTS_PER_MINUTE="2")
    try:
        async with aiohttp.ClientSession() as http:
            credentials = {"email": "ada@example.com", "password": "guess"}
            answers: list[tuple[int, Any, str]] = []
            for _ in range(3):
                async with http.post(f"{server.url}/api/login", json=credentials) as answer:
                    answers.append(
                        (answer.status, await answer.json(), answer.headers.get("Retry-After", ""))
                    )
            assert [status for status, _, _ in answers] == [401, 401, 429]
            _, said, wait_s = answers[-1]
            assert said == {"detail": "Too many attempts: try again later"}
            assert 1 <= int(wait_s) <= 60
        refused = "WARNING app.engine.admission: 127.0.0.1 is over a limit, rate_limited: too many attempts"
        assert refused in server.log_path.read_text()
    finally:
        stop_server(server)
