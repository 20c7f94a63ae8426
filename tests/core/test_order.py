"""For one client everything happens in turn; clients do not wait for each other."""

import asyncio
import json

from app.core import Client, DisconnectReason, SocketWrapper
from support import serving
from tests.core.behind import until, until_forgotten
from tests.core.people import Person, joined, people_wrapper
from tests.core.wire import CLOSE, raw_polling, raw_socket
from tests.undeclared import undeclared


def echoing(delays_s: dict[int, float]) -> SocketWrapper[Person]:
    people = people_wrapper()

    @people.listener("echo")
    async def on_echo(
        wrapper: SocketWrapper[Person], client: Client[Person], person: Person, number: int
    ) -> int:
        await asyncio.sleep(delays_s.get(number, 0))
        await client.emit(undeclared("echoed"), number)
        return number

    return people


async def test_events_are_answered_in_the_order_in_which_they_were_sent() -> None:
    async with serving(echoing({0: 0.1, 2: 0.05})) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.send(*(f'42/people,{number}["echo",{number}]' for number in range(50)))
        expected = [
            packet
            for number in range(50)
            for packet in (
                f'42/people,["echoed",{number}]',
                f'43/people,{number}[{{"ok":true,"data":{number}}}]',
            )
        ]
        assert [await client.receive() for _ in range(100)] == expected


async def test_events_of_a_polling_client_are_answered_in_order() -> None:
    async with serving(echoing({0: 0.1})) as url, raw_polling(url) as client:
        await client.post('40/people,{"token":"Ada"}')
        await client.poll()
        await client.post(*(f'42/people,{number}["echo",{number}]' for number in range(100)))
        acks = [packet for packet in await client.poll_until(200) if packet.startswith("43")]
        assert acks == [f'43/people,{n}[{{"ok":true,"data":{n}}}]' for n in range(100)]


async def test_nobody_waits_for_somebody_elses_listener() -> None:
    people = people_wrapper()
    released = asyncio.Event()

    @people.listener("wait")
    async def on_wait(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> str:
        await released.wait()
        return person.name

    @people.listener("release")
    async def on_release(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
        released.set()

    async with serving(people) as url, joined(url, "Ada") as ada, joined(url, "Grace") as grace:
        waiting = asyncio.create_task(ada.call("wait"))
        assert await grace.call("release") == {"ok": True, "data": None}
        assert await waiting == {"ok": True, "data": "Ada"}


async def test_two_tabs_of_one_person_do_not_wait_for_each_other() -> None:
    people = people_wrapper()
    released = asyncio.Event()

    @people.listener("wait")
    async def on_wait(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> int:
        await released.wait()
        return 1

    async with serving(people) as url, joined(url, "Ada") as slow, joined(url, "Ada") as quick:
        waiting = asyncio.create_task(slow.call("wait"))
        assert (await quick.call("nothing"))["error"]["code"] == "unknown_event"
        assert not waiting.done()
        released.set()
        assert await waiting == {"ok": True, "data": 1}


async def test_the_welcome_comes_after_the_acceptance_and_before_the_first_listener() -> None:
    calls: list[str] = []
    people = people_wrapper()

    async def welcome(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
        assert client.connected
        assert wrapper.get_client_by_id(person.name) is client
        await client.emit(undeclared("welcome"), person.name)
        await asyncio.sleep(0.05)
        calls.append("welcomed")

    people.after_client_connect = welcome

    @people.listener("speak")
    async def on_speak(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
        calls.append("spoke")

    async with serving(people) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.send('42/people,1["speak"]')
        await client.receives('42/people,["welcome","Ada"]')
        await client.receives('43/people,1[{"ok":true,"data":null}]')
    assert calls == ["welcomed", "spoke"]


async def test_the_farewell_comes_after_the_last_listener() -> None:
    calls: list[str] = []
    people = people_wrapper()

    @people.listener("note")
    async def on_note(
        wrapper: SocketWrapper[Person], client: Client[Person], person: Person, text: str
    ) -> None:
        await asyncio.sleep(0.02)
        calls.append(text)

    async def farewell(
        wrapper: SocketWrapper[Person], client: Client[Person], reason: DisconnectReason
    ) -> None:
        calls.append(reason)

    people.on_client_disconnect = farewell
    async with serving(people) as url:
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Ada"})
            await client.send(*(f'42/people,["note",{json.dumps(text)}]' for text in "abc"), "41/people,")
            await until(lambda: not people.connected_clients)
            assert calls == []
        await until_forgotten(people)
    assert calls == ["a", "b", "c", "client disconnect"]


async def test_what_is_said_just_before_leaving_is_heard() -> None:
    people = people_wrapper()

    @people.listener("shout")
    async def on_shout(
        wrapper: SocketWrapper[Person], client: Client[Person], person: Person, text: str
    ) -> None:
        await wrapper.broadcast_except_client(client.key, undeclared("shouted"), text)

    async with serving(people) as url, joined(url, "Grace") as grace:
        for last_words in ("41/people,", CLOSE):
            async with raw_socket(url) as ada:
                await ada.join("/people", {"token": "Ada"})
                await ada.send('42/people,["shout","bye"]', last_words)
            async with raw_polling(url) as ada_polls:
                await ada_polls.post('40/people,{"token":"Ada"}')
                await ada_polls.post('42/people,["shout","bye bye"]', last_words)
            assert sorted([await grace.hears("shouted"), await grace.hears("shouted")]) == ["bye", "bye bye"]


async def test_a_failure_does_not_stop_what_comes_after_it() -> None:
    people = echoing({})

    @people.listener("fail")
    async def on_fail(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
        raise RuntimeError

    async with serving(people) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.send('42/people,["fail"]', '42/people,["nothing"]', '42/people,["echo"]')
        await client.send('42/people,["cancel"]', '42/people,7["echo",7]')
        await client.receives('42/people,["echoed",7]')
        await client.receives('43/people,7[{"ok":true,"data":7}]')


async def test_what_came_before_and_after_an_event_that_is_no_json() -> None:
    """The former are answered, the latter are not; the client is told why, and said goodbye to once."""
    people = echoing({1: 0.1})
    farewells = farewells_of(people)
    async with serving(people) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.send('42/people,1["echo",1]', '42/people,2["echo",', '42/people,3["echo",3]')
        why = {"code": "malformed", "message": "the payload is not JSON"}
        assert [await client.receive() for _ in range(4)] == [
            '42/people,["echoed",1]',
            '43/people,1[{"ok":true,"data":1}]',
            f"42/people,{json.dumps(['closing', why], separators=(',', ':'))}",
            CLOSE,
        ]
        await until(lambda: bool(farewells))
        await until_forgotten(people)
    assert farewells == ["transport error"]


async def test_a_client_that_left_behind_an_event_that_is_no_json() -> None:
    people = echoing({1: 0.1})
    farewells = farewells_of(people)
    async with serving(people) as url:
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Ada"})
            await client.send('42/people,1["echo",1]', '42/people,2["echo",', '42/people,3["echo",3]')
            await client.send("41/people,")
            await until(lambda: not people.get_connected_sockets())
        await until(lambda: bool(farewells))
        await until_forgotten(people)
    assert farewells == ["client disconnect"]


def farewells_of(people: SocketWrapper[Person]) -> list[DisconnectReason]:
    """Why clients left, from now on."""
    farewells: list[DisconnectReason] = []

    async def farewell(
        wrapper: SocketWrapper[Person], client: Client[Person], reason: DisconnectReason
    ) -> None:
        farewells.append(reason)

    people.on_client_disconnect = farewell
    return farewells
