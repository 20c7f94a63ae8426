"""A namespace to test with: whoever shows a name as token is that person."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from app.core import Client, ClientMetadata, SocketNok, SocketOk, SocketWrapper, socket_nok, socket_ok
from app.engine import Limits
from support import Member, Refused

# For tests that do in a second what clients do in an hour.
GENEROUS = Limits(
    events_per_second=1_000_000,
    events_burst=1_000_000,
    connections_per_address=1_000_000,
    connections_per_client=1_000_000,
    failed_handshakes_per_minute=1_000_000,
)


@dataclass(frozen=True)
class Person:
    name: str


async def by_name(
    wrapper: SocketWrapper[Any], client: Client[Any], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[Person] | SocketNok:
    return socket_ok(Person(comm_id)) if comm_id else socket_nok("Who are you?", code="no_name")


def people_wrapper() -> SocketWrapper[Person]:
    return SocketWrapper(
        socket_namespace="people", connection_middleware=by_name, client_connection_key="name"
    )


@asynccontextmanager
async def joined(url: str, name: str, namespace: str = "/people") -> AsyncIterator[Member]:
    """Somebody who is connected for as long as the block lasts."""
    member = Member(namespace)
    try:
        await member.connect(url, {"token": name})
        yield member
    finally:
        await member.disconnect()


async def refusal(url: str, auth: Any, namespace: str = "/people") -> tuple[str, str]:
    """The code and the message with which the server refuses a connection."""
    member = Member(namespace)
    try:
        await member.connect(url, auth)
    except Refused as refused:
        return refused.code, refused.message
    finally:
        await member.disconnect()
    raise AssertionError(f"{namespace} accepted {auth}")
