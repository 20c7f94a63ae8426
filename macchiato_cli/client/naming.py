"""What things are called in code: whatever a contract calls them, each gets an identifier of its own."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

_LONGEST: Final = 40

# What is imported or defined beside the types; tests/client compares it with the runtime.
_OURS: Final = frozenset(
    """
    ANSWER_WITHIN_S Any Awaitable BadNamespaceError Callable Coroutine Disconnected Final Literal Mapping
    NotRequired Refused Self SocketClient SocketIOError TypeAlias TypeVar TypedDict asyncio deque inspect
    log logging overload socketio
    """.split()
)
# What a namespace's first template declares, so that its client keeps its name in every module.
_FIRST: Final = frozenset(
    {"Closing", "Introduction", "Message", "RenewTokenAnswer", "TokenAuth", "VisitorAuth"}
)
RESERVED: Final = _OURS | frozenset(dir(builtins)) | frozenset(keyword.kwlist)
"""What nothing in a module of Python may be called."""
TAKEN: Final = RESERVED | _FIRST
"""What no client may be called."""


@dataclass
class Names:
    """Names that are taken."""

    taken: set[str] = field(default_factory=set[str])

    def add(self, wanted: str) -> str:
        """The name itself, or with a number where it is taken."""
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}{number}"
        self.taken.add(name)
        return name


def identifier(text: str, *, otherwise: str, longest: int = _LONGEST) -> str:
    """The text as an identifier in ASCII, that begins with a letter."""
    name = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")[:longest]
    return name if re.match("[A-Za-z]", name) else f"{otherwise}{'_' if name else ''}{name}"


def class_like(text: str) -> str:
    """`dev-user` and `devUser` as `DevUser`."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]
    name = "".join(word[0].upper() + word[1:] for word in words)[:_LONGEST]
    return name if re.match("[A-Za-z]", name) else f"Type{name}"


def class_of(address: str, taken: Iterable[str]) -> str:
    """What the client of a namespace is called, unless something in its module is called so."""
    name = class_like(address)
    return f"{name}Client" if name in taken else name


def short_names(keys: Iterable[str]) -> dict[str, str]:
    """Names for the schemas of a document, by their keys there.

    Where two have one name, Pydantic puts the modules before it: `app__namespaces__chat__Message`. Of
    these, we take as many as it takes to tell it from the others.
    """
    # `Task-Input` is what clients send where they may leave out more than the server does: in `Task-Output`.
    left = {key: [part for part in key.removesuffix("-Output").split("__") if part] or [""] for key in keys}
    found: dict[str, str] = {}
    number = 1
    while left:
        named = {key: class_like("_".join(parts[-number:])) for key, parts in left.items()}
        counts: dict[str, int] = {}
        for name in (*named.values(), *found.values()):
            counts[name] = counts.get(name, 0) + 1
        done = [key for key in left if counts[named[key]] == 1 or number >= len(left[key])]
        for key in done:
            found[key] = named[key]
            del left[key]
        number += 1
    return found
