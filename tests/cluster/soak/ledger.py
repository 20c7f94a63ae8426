"""What was said and what was heard, and what of it was lost, came twice, or came to somebody else."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["all", "all but", "room", "client"]

# A connection that ends sooner after a message was sent may have ended before it came.
TIME_TO_COME_S: Final = 2.0
# How much later than another node one may print what it was told before.
TIME_TO_TELL_S: Final = 2.0


@dataclass(slots=True)
class Message:
    id: int
    kind: Kind
    sender: str
    to: str
    """Of a client or a room: its name."""
    sent_at: float = math.inf
    acked_at: float = math.inf
    """When it was known that it had been passed on."""
    reached: int | None = None
    """How many connections the server said that it was sent to."""

    def as_sent(self) -> dict[str, Any]:
        return {"id": self.id, "kind": self.kind, "sender": self.sender, "to": self.to}


@dataclass(slots=True)
class Heard:
    """What one connection heard, from its beginning to its end; a client that comes back has another one."""

    user: str
    room: str
    joined_at: float = math.inf
    in_room_at: float = math.inf
    ended_at: float = math.inf
    at: dict[int, float] = field(default_factory=dict)
    """When each message came, by its id."""
    twice: list[int] = field(default_factory=list)
    odd: list[Any] = field(default_factory=list)
    """What is no message, or not as it was sent."""

    def is_meant(self, message: Message) -> bool:
        match message.kind:
            case "all":
                return True
            case "all but":
                return self.user != message.to
            case "room":
                return self.room == message.to
            case "client":
                return self.user == message.to

    def has_to_hear(self, message: Message) -> bool:
        """Whether it was there from before the message was sent until after it would have come."""
        since = self.in_room_at if message.kind == "room" else self.joined_at
        was_there = since <= message.sent_at and message.acked_at + TIME_TO_COME_S <= self.ended_at
        return was_there and message.acked_at < math.inf and self.is_meant(message)


class Verdict(NamedTuple):
    sent: Counter[str]
    """By kind."""
    checked: int
    """How often a message had to be heard."""
    also_heard: int
    """How often one was that need not have been: somebody was coming or leaving."""
    lost: list[str]
    duplicated: list[str]
    wrong: list[str]
    slowest_s: float


def judge(messages: Mapping[int, Message], connections: Sequence[Heard]) -> Verdict:
    checked, lost = 0, []
    for message in messages.values():
        had_to = [each for each in connections if each.has_to_hear(message)]
        checked += len(had_to)
        lost += [f"{message} by {each.user}" for each in had_to if message.id not in each.at]
    duplicated = [f"{messages[id]} by {each.user}" for each in connections for id in each.twice]
    wrong = [f"{each.user} heard {odd}" for each in connections for odd in each.odd]
    slowest_s, heard = 0.0, 0
    for each in connections:
        heard += len(each.at)
        for id, at in each.at.items():
            slowest_s = max(slowest_s, at - messages[id].sent_at)
            if not each.is_meant(messages[id]):
                wrong.append(f"{each.user} in {each.room} heard {messages[id]}")
    sent = Counter[str](message.kind for message in messages.values())
    return Verdict(sent, checked, heard - (checked - len(lost)), lost, duplicated, wrong, slowest_s)


def miscounted(messages: Iterable[Message], connections: Sequence[Heard]) -> list[str]:
    """The messages to a client that were said to have been sent to more or fewer connections than it had."""
    found = []
    for message in messages:
        if message.reached is None:
            continue
        theirs = [each for each in connections if each.user == message.to]
        surely = sum(each.has_to_hear(message) for each in theirs)
        at_most = sum(each.ended_at + TIME_TO_TELL_S >= message.sent_at for each in theirs)
        if not surely <= message.reached <= at_most:
            found.append(f"{message}: it had {surely} to {at_most} connections")
    return found


def mistold(notes: Iterable[str], online: Iterable[str]) -> list[str]:
    """The users of whom it was not told in turn that they came and went, up to what they are now.

    Args:
        notes: Of all nodes: `came USER SECONDS`, `went USER SECONDS`.
    """
    told: dict[str, dict[str, list[float]]] = {}
    for note in notes:
        event, user, at = note.split()
        told.setdefault(user, {"came": [], "went": []})[event].append(float(at))
    here = set(online)
    found = [f"{user} is online: nobody was told" for user in here - told.keys()]
    for user, events in told.items():
        came, went = sorted(events["came"]), sorted(events["went"])
        in_turn = [at for pair in zip(came, [*went, math.inf], strict=False) for at in pair]
        is_in_turn = all(a <= b + TIME_TO_TELL_S for a, b in pairwise(in_turn))
        if len(came) - len(went) != (user in here) or not is_in_turn:
            found.append(f"{user} {'is' if user in here else 'is not'} online: came {came}, went {went}")
    return found
