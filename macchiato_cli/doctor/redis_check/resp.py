"""A connection to Redis, and what it answers.

Source: RESP 2, https://redis.io/docs/latest/develop/reference/protocol-spec/
"""

from __future__ import annotations

import socket
import time
from typing import TypeAlias

PATIENCE_S = 2.0
# All that is asked, of one connection: services_probe.py waits a little longer.
WHOLE_PATIENCE_S = 4.0
_LONGEST_LINE = 1000
_LARGEST = 4 * 1024 * 1024
_DEEPEST = 4

Answer: TypeAlias = "str | int | list[Answer] | None"


class Refused(Exception):
    """Redis answers with an error."""


class NotRedis(Exception):
    """What answers is something else."""


class Connection:
    """Commands and answers, none of which is waited for long.

    All that it does raises `OSError` when the connection is gone, or nothing comes.
    """

    def __init__(self, stream: socket.socket) -> None:
        self._socket = stream
        self._deadline = time.monotonic() + WHOLE_PATIENCE_S
        self._patient()
        self._answers = stream.makefile("rb")

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *error: object) -> None:
        self._answers.close()
        self._socket.close()

    def ask(self, *words: str) -> Answer:
        """The answer to a command.

        Raises:
            Refused: It is an error.
            NotRedis: It is none of Redis.
        """
        encoded = [word.encode() for word in words]
        bulks = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        self._patient()
        self._socket.sendall(b"*%d\r\n%s" % (len(words), bulks))
        return self.hear()

    def texts(self, *words: str) -> list[str]:
        """The answer to a command whose answer is a list of texts."""
        answer = self.ask(*words)
        return [str(each) for each in answer] if isinstance(answer, list) else []

    def hear(self) -> Answer:
        """What comes next. Raises as `ask` does."""
        self._patient()
        return self._read(0)

    def _patient(self) -> None:
        left_s = self._deadline - time.monotonic()
        self._socket.settimeout(max(min(PATIENCE_S, left_s), 0.01))

    def _read(self, depth: int) -> Answer:
        line = self._answers.readline(_LONGEST_LINE)
        if not line:
            raise ConnectionResetError("it closes the connection")
        kind, text = line[:1], line[1:].strip().decode(errors="replace")
        if kind == b"+":
            return text
        if kind == b"-":
            # What follows can be the password, when the command is AUTH.
            raise Refused(text.partition(", with args beginning")[0])
        if kind not in (b":", b"$", b"*") or not text.removeprefix("-").isdecimal() or depth > _DEEPEST:
            raise NotRedis
        number = int(text)
        if kind == b":":
            return number
        if number > _LARGEST:
            raise NotRedis
        if number < 0:
            return None
        if kind == b"*":
            return [self._read(depth + 1) for _ in range(number)]
        return self._answers.read(number + 2)[:-2].decode(errors="replace")
