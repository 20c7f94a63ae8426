"""Whether clients of one contract can talk to a server of another one; and what differs, in words."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from .schemas import Schema
from .values import FROM_CLIENTS, TO_CLIENTS, Differences, Direction

# The namespace, the event and what the server does: one event can go both ways.
Said: TypeAlias = tuple[str, str, str]
_OTHER_WAY: Final = {"receive": "send", "send": "receive"}


@dataclass
class Changes:
    """What differs, a sentence each."""

    breaking: list[str] = field(default_factory=list[str])
    additions: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Exchange:
    """What is said once, and what is answered."""

    action: str
    payload: Schema
    replies: list[Schema]


def changes(old: dict[str, Any], new: dict[str, Any]) -> Changes:
    """What has changed from one contract to another.

    A client breaks when an event that it sends is gone or takes less than it did; when an event that it
    hears, or an answer, can be something that it could not be before.
    """
    found = Changes()
    before, after = exchanges(old), exchanges(new)
    for said, exchange in before.items():
        namespace, event, action = said
        name = f"{namespace} {event}"
        other_way = (namespace, event, _OTHER_WAY[action])
        if said not in after:
            turned = other_way in after and other_way not in before
            found.breaking.append(f"{name}: it {'goes the other way' if turned else 'is gone'}")
        else:
            found.breaking += [
                f"{name}: {problem}" for problem in _problems(exchange, after[said], old=old, new=new)
            ]
    found.additions = [
        f"{namespace} {event}: {'clients can send it' if action == 'receive' else 'clients hear it'}"
        for namespace, event, action in after
        if (namespace, event, action) not in before
    ]
    return found


def exchanges(contract: dict[str, Any]) -> dict[Said, Exchange]:
    """Everything that is said, by namespace and event."""
    found: dict[Said, Exchange] = {}
    for operation in contract["operations"].values():
        address = resolved(contract, operation["channel"])["address"]
        (message,) = (resolved(contract, each) for each in operation["messages"])
        replies = [resolved(contract, each) for each in operation.get("reply", {}).get("messages", [])]
        found[address, message["name"], operation["action"]] = Exchange(
            operation["action"], message["payload"], [without_codes(reply["payload"]) for reply in replies]
        )
    return found


def without_codes(reply: Schema) -> Schema:
    """What is answered, whatever codes an error has: clients have to expect one that they do not know."""
    reply = deepcopy(reply)
    refusal = reply.get("properties", {}).get("data", {})
    failures = [
        option.get("properties", {}).get("error", {})
        for item in (reply["items"] if isinstance(reply.get("items"), list) else [])
        for option in item.get("oneOf", [])
    ]
    for error in (refusal, *failures):
        error.get("properties", {}).get("code", {}).pop("enum", None)
    return reply


def resolved(contract: dict[str, Any], reference: dict[str, str]) -> dict[str, Any]:
    """What a `$ref` into the document refers to."""
    found: Any = contract
    for part in reference["$ref"].removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)


def _problems(
    before: Exchange, after: Exchange, *, old: dict[str, Any], new: dict[str, Any]
) -> Iterator[str]:
    asked, answered = (FROM_CLIENTS, TO_CLIENTS) if before.action == "receive" else (TO_CLIENTS, FROM_CLIENTS)
    yield from _differences(asked, before.payload, after.payload, old, new)
    if not after.replies and before.replies:
        yield "it is not answered any more"
    elif after.replies and not before.replies:
        # To a client that has no answer, the server waits in vain.
        yield "it has to be answered now"
    for reply_before, reply_after in zip(before.replies, after.replies, strict=False):
        for problem in _differences(answered, reply_before, reply_after, old, new):
            yield f"its answer: {problem}"


def _differences(
    direction: Direction, before: Schema, after: Schema, old: dict[str, Any], new: dict[str, Any]
) -> list[str]:
    schemas_before, schemas_after = old["components"]["schemas"], new["components"]["schemas"]
    if direction is FROM_CLIENTS:  # What old clients say, the new server has to take.
        return Differences(direction, schemas_before, schemas_after).between(before, after)
    return Differences(direction, schemas_after, schemas_before).between(after, before)
