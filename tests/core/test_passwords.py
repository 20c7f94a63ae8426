"""Password hashes take 64 MiB each, so few are made at once, and the event loop goes on meanwhile."""

import asyncio
import threading

import argon2
import pytest

from app.passwords import Passwords, TooBusy


async def test_a_crowd_that_logs_in_shares_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords()
    started: list[str] = []
    may_end = threading.Event()

    def verify(_hasher: argon2.PasswordHasher, _stored: str, password: str) -> bool:
        started.append(password)
        return may_end.wait(timeout=30)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    async with asyncio.TaskGroup() as crowd:
        checks = [crowd.create_task(passwords.matches("a hash", f"password {n}")) for n in range(10)]
        # That this runs at all shows that the loop is free.
        async with asyncio.timeout(10):
            while len(started) < 2:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert started == ["password 0", "password 1"]
        may_end.set()
    assert [check.result() for check in checks] == [True] * 10
    passwords.close()


async def test_who_comes_when_too_many_wait_is_told_so_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords = Passwords()
    may_end = threading.Event()

    def verify(_hasher: argon2.PasswordHasher, _stored: str, _password: str) -> bool:
        return may_end.wait(timeout=30)

    monkeypatch.setattr(argon2.PasswordHasher, "verify", verify)
    async with asyncio.TaskGroup() as crowd:
        checks = [crowd.create_task(passwords.matches("a hash", "password")) for _ in range(20)]
        await asyncio.sleep(0)
        with pytest.raises(TooBusy):
            await passwords.matches("a hash", "password")
        may_end.set()
    assert [check.result() for check in checks] == [True] * 20
    assert await passwords.matches("a hash", "password") is True
    passwords.close()


async def test_nobodys_hash_matches_no_password() -> None:
    passwords = Passwords()
    stored = await passwords.hash("correct horse battery staple")
    assert await passwords.matches(stored, "correct horse battery staple") is True
    assert await passwords.matches(stored, "wrong") is False
    assert await passwords.matches(None, "correct horse battery staple") is False
    passwords.close()
