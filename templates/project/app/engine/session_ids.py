"""Which process has a session, said by its id: for those that share a port."""

import string
from typing import Final

# One for each worker, out of what an id consists of anyway.
LETTERS: Final = string.ascii_letters + string.digits + "-_"
MOST_WORKERS: Final = len(LETTERS)

# What the ids of this process begin with; nothing, where it has the port to itself.
_prefix = ""
# Which worker this process is, and how many there are.
number = count = 1


def belong_to(worker: int, *, of: int) -> None:
    """From now on, sessions of this process are those of this worker, from 1 to `MOST_WORKERS`."""
    global _prefix, number, count
    _prefix, number, count = LETTERS[worker - 1], worker, of


def marked(sid: str) -> str:
    """The id of a new session, out of a random one."""
    return _prefix + sid


def worker_of(letter: str) -> int:
    """Whose sessions have ids that begin with this."""
    return LETTERS.index(letter) + 1
