"""Who is here, and whom a message reaches."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from app.core import Client, ClientMetadata, NotAttached, SocketOk, SocketWrapper, socket_ok
from support import serving
from tests.core.behind import until
from tests.core.people import Person, joined, people_wrapper
from tests.core.wire import raw_polling, raw_socket
from tests.undeclared import undeclared


async def test_a_person_with_several_tabs_is_one_client() -> None:
    people = people_wrapper()
    async with serving(people) as url, joined(url, "Grace") as grace, joined(url, "Ada") as first:
        async with joined(url, "Ada") as second, joined(url, "Ada") as third:
            tabs = people.connected_clients["Ada"]
            assert [len(tabs), len(people.get_connected_sockets())] == [3, 4]
            assert people.get_client_by_id("Ada") is tabs[0]
            assert await people.send_to_client("Ada", undeclared("news"), 1) == 3
            assert [await tab.hears("news") for tab in (first, second, third)] == [1, 1, 1]

            await people.broadcast_except_client("Ada", undeclared("news"), 2)
            await people.broadcast_except_client("Nobody", undeclared("news"), 3)
            await people.broadcast(undeclared("news"), 4)
            for tab in (first, second, third):
                assert [await tab.hears("news") for _ in range(2)] == [3, 4]
            assert [await grace.hears("news") for _ in range(3)] == [2, 3, 4]

        await until(lambda: len(people.connected_clients["Ada"]) == 1)
        assert await people.send_to_client("Ada", undeclared("news"), 5) == 1
        assert await first.hears("news") == 5
        assert [tab.unheard for tab in (grace, second, third)] == [[], [], []]


async def test_the_newest_tab_may_leave_first_or_last() -> None:
    people = people_wrapper()
    async with serving(people) as url:
        async with joined(url, "Ada") as second:
            async with joined(url, "Ada"):
                oldest = people.get_client_by_id("Ada")
            await until(lambda: len(people.connected_clients["Ada"]) == 1)
            assert people.get_client_by_id("Ada") is oldest
            assert await people.send_to_client("Ada", undeclared("news")) == 1
            assert await second.hears("news") == []
        await until(lambda: not people.connected_clients)
        assert people.get_client_by_id("Ada") is None
        assert await people.send_to_client("Ada", undeclared("news")) == 0


async def test_what_was_listed_does_not_change_when_clients_leave() -> None:
    people = people_wrapper()
    async with serving(people) as url:
        async with joined(url, "Ada"):
            listed, sockets = people.connected_clients, people.get_connected_sockets()
        await until(lambda: not people.connected_clients)
        assert [len(listed["Ada"]), len(sockets)] == [1, 1]


async def test_clients_are_found_by_their_metadata() -> None:
    people = people_wrapper()
    async with serving(people) as url, joined(url, "Ada"), joined(url, "Grace"):
        found = people.get_client_by_metadata_key("name", "Grace")
        assert found is not None
        assert found.metadata == Person("Grace")
        assert people.get_client_by_metadata_key("name", "Alan") is None
        with pytest.raises(AttributeError):
            people.get_client_by_metadata_key("nmae", "Grace")


@dataclass(frozen=True)
class Numbered:
    user_id: Any


@pytest.mark.parametrize("key", [7, 0, False, "0", UUID(int=7), "accepted", "client:Ada", "a\ud800\x00"])
async def test_a_key_may_be_anything_with_a_text(key: Any) -> None:
    async def middleware(
        wrapper: SocketWrapper[Numbered],
        client: Client[Numbered],
        comm_id: str | None,
        metadata: ClientMetadata,
    ) -> SocketOk[Numbered]:
        return socket_ok(Numbered(key))

    people = SocketWrapper(
        socket_namespace="people", connection_middleware=middleware, client_connection_key="user_id"
    )
    async with serving(people) as url, joined(url, "") as member:
        assert list(people.connected_clients) == [str(key)]
        assert await people.send_to_client(key, undeclared("news"), 1) == 1
        assert await people.send_to_client(str(key), undeclared("news"), 2) == 1
        assert [await member.hears("news"), await member.hears("news")] == [1, 2]


async def test_names_cannot_reach_the_rooms_of_others() -> None:
    """`accepted`, a sid, or another client's key as the name of a room or of a client reaches nobody."""
    people = people_wrapper()
    async with serving(people) as url, joined(url, "Ada") as ada, joined(url, "accepted") as other:
        sid = people.connected_clients["Ada"][0].sid
        for room in ("accepted", sid, "client:Ada", "Ada", "", "room:accepted"):
            await people.send_to_room(room, undeclared("news"), room)
        assert await people.send_to_client(sid, undeclared("news")) == 0
        assert await people.send_to_client("accepted", undeclared("news"), 1) == 1
        assert await other.hears("news") == 1
        (first,) = people.connected_clients["Ada"]
        await first.join(sid)
        await first.join("accepted")
        await people.send_to_room("accepted", undeclared("news"), 2)
        assert await ada.hears("news") == 2
        await first.leave("accepted")
        await first.leave("never joined")
        await people.send_to_room("accepted", undeclared("news"), 3)
        await people.broadcast(undeclared("news"), 4)
        assert await ada.hears("news") == 4
        assert await other.hears("news") == 4
        assert (ada.unheard, other.unheard) == ([], [])


async def test_rooms_reach_those_who_joined_on_every_transport() -> None:
    people = people_wrapper()
    async with serving(people) as url, raw_socket(url) as websocket, raw_polling(url) as polling:
        await websocket.join("/people", {"token": "Ada"})
        await polling.post('40/people,{"token":"Grace"}')
        await polling.poll()
        for client in people.get_connected_sockets():
            await client.join("lobby")
        await people.send_to_room("lobby", undeclared("news"), {"n": 1}, None, "x")
        packet = '42/people,["news",{"n":1},null,"x"]'
        await websocket.receives(packet)
        assert await polling.poll() == [packet]


async def test_a_listener_called_broadcast_replaces_nothing() -> None:
    people = people_wrapper()
    names = ["broadcast", "listener", "attach", "_emit", "send_to_client", "__init__", "transport"]
    for name in names:

        @people.listener(name)
        async def on_event(
            wrapper: SocketWrapper[Person], client: Client[Person], person: Person, text: str
        ) -> str:
            await wrapper.broadcast(undeclared("heard"), text)
            return text

    async with serving(people) as url, joined(url, "Ada") as ada:
        for name in names:
            assert await ada.call(name, name) == {"ok": True, "data": name}
            assert await ada.hears("heard") == name


async def test_no_method_can_be_called_by_a_client() -> None:
    people = people_wrapper()
    async with serving(people) as url, joined(url, "Ada") as ada:
        for event in ("broadcast", "on_connect", "on_disconnect", "trigger_event", "close_room", "emit"):
            assert (await ada.call(event, "x"))["error"]["code"] == "unknown_event"


async def test_sending_before_a_server_runs_raises() -> None:
    people = people_wrapper()
    for send in (
        people.broadcast(undeclared("news")),
        people.broadcast_except_client("Ada", undeclared("news")),
        people.send_to_client("Ada", undeclared("news")),
        people.send_to_room("lobby", undeclared("news")),
    ):
        with pytest.raises(NotAttached, match=r"^/people has no server yet: send once the server runs$"):
            await send
    assert people.connected_clients == {}
    assert people.get_connected_sockets() == ()
    assert people.get_client_by_id("Ada") is None


async def test_a_client_can_send_nothing_before_it_is_accepted() -> None:
    tried: list[str] = []

    async def hasty(
        wrapper: SocketWrapper[Any], client: Client[Any], comm_id: str | None, metadata: ClientMetadata
    ) -> SocketOk[None]:
        with pytest.raises(RuntimeError, match=r"is not accepted yet"):
            await client.emit(undeclared("news"))
        with pytest.raises(RuntimeError, match=r"is not accepted yet"):
            await client.join("lobby")
        with pytest.raises(RuntimeError, match=r"is not accepted yet"):
            assert client.key
        with pytest.raises(RuntimeError, match=r"is not accepted yet"):
            assert client.metadata
        tried.append(client.sid)
        return socket_ok()

    people = SocketWrapper(socket_namespace="people", connection_middleware=hasty)
    async with serving(people) as url, joined(url, "Ada") as ada:
        await people.send_to_room("lobby", undeclared("news"))
        await people.broadcast(undeclared("news"), 1)
        assert await ada.hears("news") == 1
        assert tried == list(people.connected_clients)


async def test_the_sender_of_an_event_learns_that_its_receiver_has_left() -> None:
    people = people_wrapper()
    async with serving(people) as url:
        async with joined(url, "Ada") as ada:
            (client,) = people.connected_clients["Ada"]
            assert await client.emit(undeclared("news"), 1) is True
            assert await ada.hears("news") == 1
        await until(lambda: not people.connected_clients)
        assert await client.emit(undeclared("news"), 2) is False


async def test_the_metadata_of_one_namespace_is_unknown_in_the_other() -> None:
    people, others = people_wrapper(), people_wrapper()
    others.namespace = "/others"
    for wrapper in (people, others):

        @wrapper.listener("whoAmI")
        async def on_who_am_i(
            wrapper: SocketWrapper[Person], client: Client[Person], person: Person
        ) -> list[str]:
            return [person.name, client.metadata.name, client.key, wrapper.namespace]

    async with serving(people, others) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.join("/others", {"token": "Grace"})
        for namespace, name in (("/people", "Ada"), ("/others", "Grace")):
            answer = {"ok": True, "data": [name, name, name, namespace]}
            assert await client.ask(namespace, 1, "whoAmI") == answer
        assert (list(people.connected_clients), list(others.connected_clients)) == (["Ada"], ["Grace"])
        assert await people.send_to_client("Grace", undeclared("news")) == 0
        await people.broadcast(undeclared("news"), 1)
        await client.receives('42/people,["news",1]')


async def test_two_wrappers_cannot_share_a_namespace() -> None:
    with pytest.raises(ValueError, match=r"^two wrappers have the namespace /people$"):
        async with serving(people_wrapper(), people_wrapper()):
            pass


def test_a_key_needs_a_middleware_to_come_from() -> None:
    with pytest.raises(ValueError, match=r"client_connection_key needs a connection_middleware"):
        SocketWrapper(socket_namespace="x", client_connection_key="user_id")  # type: ignore[call-overload]


@pytest.mark.parametrize("name", ["devUser", "/devUser", "devUser/", "/devUser/"])
def test_the_namespace_on_the_wire_begins_with_a_slash(name: str) -> None:
    assert SocketWrapper(socket_namespace=name).namespace == "/devUser"
