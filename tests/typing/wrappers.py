"""Right and wrong uses of SocketWrapper: checkers must complain about the `# wrong` lines, and no others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_type

from pydantic import BaseModel

from app.core import (
    Client,
    ClientMetadata,
    DisconnectReason,
    SocketNok,
    SocketOk,
    SocketWrapper,
    socket_nok,
    socket_ok,
)


@dataclass(frozen=True)
class User:
    user_id: str
    age: int


class Visitor(BaseModel):
    name: str


async def require_user(
    wrapper: SocketWrapper[User], client: Client[User], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[User] | SocketNok:
    if comm_id is None:
        return socket_nok("Log in", code="no_token")
    return socket_ok(User(comm_id, 42), expires_at=1e9)


async def allow_visitor(
    wrapper: SocketWrapper[Visitor], client: Client[Visitor], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[Visitor]:
    return socket_ok(Visitor(name="somebody"))


async def welcome(wrapper: SocketWrapper[User], client: Client[User], metadata: User) -> None:
    await client.emit(ping)


async def farewell(wrapper: SocketWrapper[User], client: Client[User], reason: DisconnectReason) -> None:
    await wrapper.broadcast_except_client(client.key, left, client.metadata.user_id, reason)


async def on_say(wrapper: SocketWrapper[User], client: Client[User], metadata: User, text: str) -> int:
    return len(text) + metadata.age


users = SocketWrapper(
    socket_namespace="users",
    connection_middleware=require_user,
    client_connection_key="user_id",
    after_client_connect=welcome,
    on_client_disconnect=farewell,
    listeners={"say": on_say},
    middleware_timeout_s=1,
)
visitors = SocketWrapper(socket_namespace="visitors", connection_middleware=allow_visitor)
public = SocketWrapper(socket_namespace="public")

ping = users.event("ping")
left = users.event("left", str, str)
seen = users.event("seen", Visitor, float)
where = users.question("where", int, answer=Visitor)

# The type of the metadata is known from the middleware.
assert_type(users, SocketWrapper[User])
assert_type(visitors, SocketWrapper[Visitor])
assert_type(public, SocketWrapper[None])


async def uses() -> None:
    found = users.get_client_by_id("ada")
    if found is not None:
        assert_type(found, Client[User])
        assert_type(found.metadata, User)
        assert_type(found.metadata.age, int)
        print(found.metadata.user_nmae)  # wrong: a field that the metadata does not have
    for client in visitors.get_connected_sockets():
        assert_type(client.metadata, Visitor)
        print(client.metadata.user_id)  # wrong: a field of another namespace's metadata
    for key, clients in users.connected_clients.items():
        assert_type(key, str)
        assert_type(clients[0].metadata, User)
    assert_type(await users.send_to_client(7, left, "ada", "ping timeout"), int)
    await users.send_to_client(None, ping)  # wrong: nobody's key
    await users.broadcast("ping")  # wrong: an event is declared
    await users.broadcast(ping, 1)  # wrong: it has no arguments
    await users.broadcast(left, "ada")  # wrong: it has another one
    await users.send_to_room("lobby", left, "ada", 7)  # wrong: the type of an argument
    await users.broadcast(seen, Visitor(name="Ada"), 1)
    await users.broadcast(seen, {"name": "Ada"}, 1.5)  # wrong: a dictionary is no Visitor
    assert_type(await users.call_client("ada", where, 1), Sequence[Visitor])
    await users.call_client("ada", where, "x")  # wrong: the type of an argument
    await users.call_client("ada", ping)  # wrong: it is not answered
    await users.broadcast(where, 1)  # wrong: nobody would hear the answers


# A listener stays callable with the types that it was written with.
@users.listener("typed")
async def on_typed(
    wrapper: SocketWrapper[User], client: Client[User], metadata: User, number: int, text: str = "x"
) -> list[int]:
    return [number]


async def calls(client: Client[User], user: User) -> None:
    assert_type(await on_typed(users, client, user, 1), list[int])
    await on_typed(users, client, user, "one")  # wrong: the type of an argument


@public.listener("anybody")
async def on_anybody(wrapper: SocketWrapper[None], client: Client[None], metadata: None) -> None: ...


@users.listener("sync")  # wrong: not async
def not_async(wrapper: SocketWrapper[User], client: Client[User], metadata: User) -> None: ...


@users.listener("other")  # wrong: the metadata of another namespace
async def other_metadata(
    wrapper: SocketWrapper[Visitor], client: Client[Visitor], metadata: Visitor
) -> None: ...


@users.listener("misread")  # wrong: the metadata is no text
async def misread_metadata(wrapper: SocketWrapper[User], client: Client[User], metadata: str) -> None: ...


@users.listener("noClient")  # wrong: no client
async def no_client(wrapper: SocketWrapper[User], metadata: User) -> None: ...


@users.listener("swapped")  # wrong: client and metadata swapped
async def swapped(wrapper: SocketWrapper[User], metadata: User, client: Client[User]) -> None: ...


@users.listener("nothing")  # wrong: takes nothing
async def takes_nothing() -> None: ...


@users.listener(5)  # wrong: an event is a text
async def numbered(wrapper: SocketWrapper[User], client: Client[User], metadata: User) -> None: ...


# Hooks and middlewares.


async def welcome_visitor(
    wrapper: SocketWrapper[Visitor], client: Client[Visitor], metadata: Visitor
) -> None: ...


async def welcome_without_metadata(wrapper: SocketWrapper[User], client: Client[User]) -> None: ...


def welcome_not_async(wrapper: SocketWrapper[User], client: Client[User], metadata: User) -> None: ...


async def farewell_with_number(wrapper: SocketWrapper[User], client: Client[User], reason: int) -> None: ...


async def accept_with_bool(
    wrapper: SocketWrapper[User], client: Client[User], comm_id: str | None, metadata: ClientMetadata
) -> bool:
    return True


users.after_client_connect = welcome_visitor  # wrong: another namespace's metadata
users.after_client_connect = welcome_without_metadata  # wrong: no metadata
users.after_client_connect = welcome_not_async  # wrong: not async
users.on_client_disconnect = farewell_with_number  # wrong: the reason is a text
users.connection_middleware = accept_with_bool  # wrong: neither SocketOk nor SocketNok

keyed = SocketWrapper(socket_namespace="x", client_connection_key="user_id")  # wrong: no middleware
misspelled = SocketWrapper(socket_namespace="x", listener={})  # wrong: no such option
unnamed = SocketWrapper(connection_middleware=require_user)  # wrong: no namespace
hooked = SocketWrapper(socket_namespace="x", after_client_connect=welcome)  # wrong: metadata from nowhere

refused = socket_nok(404)  # wrong: a refusal is a text
accepted = socket_ok(User("ada", 1), expires_at="soon")  # wrong: not a time
expiring = socket_ok(expires_at=1.0)  # wrong: without metadata nothing expires
late: DisconnectReason = "because"  # wrong: not one of the reasons
