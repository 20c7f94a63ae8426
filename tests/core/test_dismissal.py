"""`disconnect_client`: all connections of a client end, also one that is being decided about."""

import asyncio

import pytest

from app.core import Client, ClientMetadata, SocketOk, SocketWrapper, connections, socket_ok
from support import serving
from tests.core.behind import until, until_forgotten
from tests.core.people import Person, people_wrapper
from tests.core.wire import raw_socket
from tests.undeclared import undeclared

CLOSING = '42/people,["closing",{"code":"user_deleted","message":"You are no more"}]'


async def dismiss(people: SocketWrapper[Person], name: str) -> int:
    return await people.disconnect_client(name, code="user_deleted", message="You are no more")


async def test_every_connection_of_the_client_and_of_nobody_else_ends() -> None:
    people = people_wrapper()
    async with (
        serving(people) as url,
        raw_socket(url) as tab,
        raw_socket(url) as phone,
        raw_socket(url) as bob,
    ):
        for socket, name in ((tab, "Ada"), (phone, "Ada"), (bob, "Bob")):
            await socket.join("/people", {"token": name})
        await until(lambda: len(people.get_connected_sockets()) == 3)

        assert await dismiss(people, "Ada") == 2
        assert await dismiss(people, "Ada") == 0

        for socket in (tab, phone):
            await socket.receives(CLOSING)
            await socket.receives("41/people,")
        await people.broadcast(undeclared("still"), "here")
        await bob.receives('42/people,["still","here"]')
        # Whoever comes back is decided about anew.
        await tab.join("/people", {"token": "Ada"})
        await until(lambda: people.get_client_by_id("Ada"))


async def test_who_is_being_decided_about_has_to_go_once_accepted() -> None:
    people = people_wrapper()
    asked, decide = asyncio.Event(), asyncio.Event()

    async def slowly(
        wrapper: SocketWrapper[Person], client: Client[Person], comm_id: str | None, metadata: ClientMetadata
    ) -> SocketOk[Person]:
        asked.set()
        await decide.wait()
        return socket_ok(Person("Ada"))

    people.connection_middleware = slowly
    async with serving(people) as url, raw_socket(url) as client:
        await client.send('40/people,{"token":"Ada"}')
        await asked.wait()

        assert await dismiss(people, "Ada") == 0
        decide.set()

        packet = await client.receive()
        assert isinstance(packet, str)
        assert packet.startswith('40/people,{"sid":')
        await client.receives(CLOSING)
        await client.receives("41/people,")
        assert people.get_client_by_id("Ada") is None
    await until_forgotten(people)


async def test_dismissals_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LONGEST_WAIT_S", 0)
    people = people_wrapper()
    async with serving(people):
        for number in range(100):
            await dismiss(people, str(number))

    assert len(people.connections._dismissals) == 1
