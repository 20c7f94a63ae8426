"""Password hashes: slow on purpose, and therefore never computed on the event loop."""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar, TypeVarTuple

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

Arguments = TypeVarTuple("Arguments")
Result = TypeVar("Result")

# Each hash takes 64 MiB and four threads for about 0.1 s: more of them at once would only need more memory.
_AT_ONCE: Final = 2
# Who came later would wait for seconds: better to be told at once.
_MOST_WAITING: Final = 20


class TooBusy(Exception):
    """Too many passwords are being hashed; try again in a moment."""


class Passwords:
    """Makes and checks Argon2id hashes.

    Source: RFC 9106, section 4; argon2-cffi's defaults are its second recommended option (64 MiB).
    """

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._waiting = 0
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="passwords")
        # Made at once: made on first use, that first check would take twice as long as all others.
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        """What to store instead of the password: parameters, salt and digest.

        Raises:
            TooBusy: Too many others wait for the same.
        """
        return await self._in_thread(self._hasher.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `stored` was made from this password.

        Args:
            stored: None when there is no such user, which takes as long as a wrong password: the time of
                the answer must not tell who is registered.

        Raises:
            TooBusy: Too many others wait for the same.
        """
        verified = await self._in_thread(self._verify, stored or self._nobodys, password)
        return verified and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether `stored` was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Drops the checks that still wait for a thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _in_thread(self, work: Callable[[*Arguments], Result], *arguments: *Arguments) -> Result:
        if self._waiting >= _MOST_WAITING:
            raise TooBusy
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._waiting -= 1

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except VerifyMismatchError:
            return False
