"""What nodes tell each other: who from, what about, and, for an event, its JSON and its attachments.

    NODE {"namespace":"/devUser","sizes":[32],"kind":"emit","rooms":["accepted"]}
    ["sayingStuff",{"message":"hi"}]

A field at its default is left out, and a node that finds one that it does not know passes the message over:
what it does not know may be who is not to hear it. So nodes of two versions can be in one cluster.
"""

from collections.abc import Sequence
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

NODE_BYTES: Final = 12


class Head(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    namespace: str
    # In bytes: of the JSON, then of each attachment.
    sizes: tuple[int, ...] = ()


class Emit(Head):
    """An event for all who are in one of `rooms`, and in none of `except_rooms`."""

    kind: Literal["emit"]
    rooms: tuple[str, ...]
    except_rooms: tuple[str, ...] = ()


class Call(Head):
    """An event for all connections of a client, whose acks are wanted."""

    kind: Literal["call"]
    number: int
    client: str
    timeout_s: float


class Answer(Head):
    """An ack to a call of the node that this is for."""

    kind: Literal["answer"]
    number: int


class Gone(Head):
    """A connection that has not answered a call of the node that this is for, and will not."""

    kind: Literal["gone"]
    number: int


class Dismiss(Head):
    """A client that has to go."""

    kind: Literal["dismiss"]
    client: str
    code: str
    message: str


Message: TypeAlias = Annotated[Emit | Call | Answer | Gone | Dismiss, Field(discriminator="kind")]
_message: Final[TypeAdapter[Message]] = TypeAdapter(Message)


class NotUnderstood(ValueError):
    """A message is of another version, or none at all."""


def write(node: str, head: Head, parts: Sequence[bytes] = ()) -> bytes:
    """A message, as it crosses Redis.

    Args:
        head: With the sizes of the parts.
    """
    line = head.model_dump_json(exclude_defaults=True)
    return b"".join((node.encode(), b" ", line.encode(), b"\n", *parts))


def read(message: bytes) -> tuple[str, Message, list[bytes]]:
    """The node that has written it, the message, and its parts.

    Raises:
        NotUnderstood: It must not be acted upon.
    """
    line, newline, rest = message.partition(b"\n")
    try:
        head = _message.validate_json(line[NODE_BYTES + 1 :])
        node = line[:NODE_BYTES].decode("ascii")
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise NotUnderstood(": ".join([*map(str, problem["loc"]), problem["msg"]])) from error
    except UnicodeDecodeError as error:
        raise NotUnderstood("it is not from a server") from error
    if not newline or sum(head.sizes) != len(rest):
        raise NotUnderstood(f"{len(rest)} bytes follow, not {head.sizes}")
    parts, at = [], 0
    for size in head.sizes:
        parts.append(rest[at : at + size])
        at += size
    return node, head, parts
