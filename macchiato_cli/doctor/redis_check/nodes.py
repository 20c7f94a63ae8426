"""Which nodes there are, and whether one would hear another. Nothing of this reaches them."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from .address import Address
from .resp import Connection, Refused
from .server import Unfit

# app/engine/cluster/rooms.py: each node listens to PREFIX, PREFIX:all and PREFIX:node:NODE.
_CHANNEL = re.compile(r"(.+):node:([0-9a-f]{12})", re.DOTALL)
_MOST_NAMES = 3


@dataclass(frozen=True)
class Nodes:
    """
    Args:
        alive: How many have a lease.
        deaf: How many of these do not listen.
        strangers: How many listen, and have no lease.
        prefixes: Others that have nodes.
        heard: Whether Redis says who listens.
    """

    alive: int
    deaf: int
    strangers: int
    prefixes: tuple[str, ...]
    heard: bool

    def told(self, prefix: str) -> str:
        """What is as it should be."""
        if not self.alive:
            return f"no server of {prefix} runs now; two would hear each other"
        if self.alive == 1:
            return f"one server of {prefix} runs now; another would hear it"
        each_other = " and hear each other" if self.heard and not self.deaf else ""
        return f"{self.alive} servers of {prefix} run now{each_other}"

    def notes(self, database: int) -> list[str]:
        """What is worth knowing."""
        found: list[str] = []
        if self.deaf:
            found.append(
                f"{self.alive - self.deaf} of {self.alive} listen:"
                " the others have just died, or are connecting again"
            )
        if self.strangers:
            found.append(
                f"{self.strangers} more listen, but are not in database {database}:"
                " they have just started or died, or their REDIS_URL has another database"
            )
        if self.prefixes:
            more = [", ..."] if len(self.prefixes) > _MOST_NAMES else []
            others = "".join([", ".join(self.prefixes[:_MOST_NAMES]), *more])
            found.append(f"servers with another REDIS_PREFIX are here, which these do not hear: {others}")
        if not self.heard:
            found.append("Redis does not say who listens")
        return found


def find_nodes(connection: Connection, prefix: str) -> Nodes:
    """Those that there are.

    Raises:
        Unfit: Redis does not say.
    """
    try:
        seconds, micros = connection.texts("TIME")
        now_ms = int(seconds) * 1000 + int(micros) // 1000
        alive = set(connection.texts("ZRANGEBYSCORE", f"{prefix}:nodes", f"({now_ms}", "+inf"))
    except Refused as refusal:
        raise Unfit(f"does not say which servers there are: {refusal}") from refusal
    try:
        channels = connection.texts("PUBSUB", "CHANNELS", f"*:node:{'?' * 12}")
    except Refused:
        return Nodes(len(alive), 0, 0, (), heard=False)
    listening = _by_prefix(channels)
    ours = listening.pop(prefix, set())
    # Anybody can listen to a name that would do something to a terminal.
    others = tuple(sorted(each for each in listening if each.isprintable()))
    return Nodes(len(alive), len(alive - ours), len(ours - alive), others, heard=True)


def _by_prefix(channels: Iterable[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for match in filter(None, map(_CHANNEL.fullmatch, channels)):
        found.setdefault(match[1], set()).add(match[2])
    return found


def hear_each_other(one: Connection, address: Address, prefix: str) -> None:
    """Say something on one connection, and hear it on another, as two nodes would.

    Raises:
        Unfit: It does not arrive.
        OSError, NotRedis: The other connection is none.
    """
    text = secrets.token_hex(6)
    # A node would have other letters.
    mine = f"{prefix}:node:doctor-{text}"
    with address.connect() as other:
        try:
            channels = (prefix, f"{prefix}:all", mine)
            other.ask("SUBSCRIBE", *channels)
            for _ in channels[1:]:
                other.hear()
            receivers = one.ask("PUBLISH", mine, text)
        except Refused as refusal:
            raise Unfit(f"refuses what nodes do: {refusal}") from refusal
        if receivers == 0:
            raise Unfit("is more than one server: what is said on one connection is not heard on another")
        try:
            while other.hear() != ["message", mine, text]:
                pass  # It is what real nodes say.
        except TimeoutError as error:
            raise Unfit("does not pass on what is said on one connection to another") from error
