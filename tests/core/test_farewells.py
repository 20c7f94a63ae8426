"""How connections end: each that was accepted gets one farewell, with the reason, after all it had to say."""

import asyncio
import time
from contextlib import AsyncExitStack

from app.core import Client, DisconnectReason, SocketWrapper
from support import serving
from tests.core.behind import engine_of, ping_every, until, until_forgotten
from tests.core.people import Person, joined, people_wrapper, refusal
from tests.core.wire import CLOSE, raw_polling, raw_socket
from tests.undeclared import undeclared


class Farewells:
    """A namespace that notes who leaves, and why."""

    def __init__(self) -> None:
        self.said: list[tuple[str, DisconnectReason]] = []
        self.wrapper = people_wrapper()
        self.wrapper.on_client_disconnect = self._say

    async def _say(
        self, wrapper: SocketWrapper[Person], client: Client[Person], reason: DisconnectReason
    ) -> None:
        assert not client.connected
        assert client not in wrapper.get_connected_sockets()
        self.said.append((client.key, reason))


async def test_a_client_that_says_goodbye() -> None:
    farewells = Farewells()
    async with serving(farewells.wrapper) as url:
        async with raw_socket(url) as websocket, raw_polling(url) as polling, raw_socket(url) as other:
            await other.join("/people", {"token": "Ada"})
            await other.send(CLOSE)
            await websocket.join("/people", {"token": "Grace"})
            await websocket.send("41/people,")
            await polling.post('40/people,{"token":"Alan"}')
            await polling.poll()
            await polling.post(CLOSE)
            await until(lambda: len(farewells.said) == 3)
        await until_forgotten(farewells.wrapper)
    assert sorted(farewells.said) == [(name, "client disconnect") for name in ("Ada", "Alan", "Grace")]


async def test_a_goodbye_ends_the_websocket_and_the_pending_poll() -> None:
    people = people_wrapper()
    async with serving(people) as url, raw_socket(url) as websocket, raw_polling(url) as polling:
        await polling.post('40/people,{"token":"Ada"}')
        await polling.poll()
        pending_poll = asyncio.create_task(polling.poll())
        await websocket.send(CLOSE)
        await websocket.until_closed()
        await polling.post(CLOSE)
        assert await pending_poll == ["6"]


async def test_a_connection_that_is_cut() -> None:
    farewells = Farewells()
    async with serving(farewells.wrapper) as url:
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Ada"})
            client.vanish()
            await until_forgotten(farewells.wrapper)
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Grace"})
        await until_forgotten(farewells.wrapper)
    assert farewells.said == [("Ada", "transport close"), ("Grace", "transport close")]


async def test_a_client_that_answers_no_pings() -> None:
    farewells = Farewells()
    async with serving(farewells.wrapper) as url:
        ping_every(farewells.wrapper, 0.2, timeout_s=0.2)
        async with raw_socket(url) as websocket, raw_polling(url) as polling:
            websocket.silent = True
            await websocket.join("/people", {"token": "Ada"})
            await polling.post('40/people,{"token":"Grace"}')
            await until(lambda: len(farewells.said) == 2)
            await websocket.until_closed()
        await until_forgotten(farewells.wrapper)
    assert sorted(farewells.said) == [("Ada", "ping timeout"), ("Grace", "ping timeout")]


async def test_nobody_is_blamed_for_pings_that_the_server_was_late_to_send() -> None:
    people = people_wrapper()

    @people.listener("block")
    async def on_block(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
        time.sleep(0.5)  # noqa: ASYNC251 - The whole server stands still, and then the ping is overdue.
        for _ in range(5):
            await asyncio.sleep(0)

    async with serving(people) as url:
        ping_every(people, 0.1, timeout_s=0.3)
        async with raw_socket(url) as client:
            client.silent = True
            await client.join("/people", {"token": "Ada"})
            assert await client.ask("/people", 1, "block") == {"ok": True, "data": None}


async def test_a_client_that_is_thrown_out_is_told_why() -> None:
    farewells = Farewells()
    people = farewells.wrapper
    async with serving(people) as url, raw_socket(url) as client, joined(url, "Grace") as grace:
        await client.join("/people", {"token": "Ada"})
        ada = people.get_client_by_id("Ada")
        assert ada is not None
        await ada.emit(undeclared("news"), 1)
        await ada.disconnect(code="rude", message="Come back tomorrow")
        assert list(people.connected_clients) == ["Grace"]
        await client.receives('42/people,["news",1]')
        await client.receives('42/people,["closing",{"code":"rude","message":"Come back tomorrow"}]')
        await client.receives("41/people,")
        await until(lambda: farewells.said)
        # What is gone is gone: nothing of this does anything.
        await ada.disconnect()
        await ada.emit(undeclared("news"), 2)
        await ada.join("lobby")
        await ada.leave("lobby")
        await people.send_to_room("lobby", undeclared("news"), 3)
        assert await people.send_to_client("Ada", undeclared("news"), 4) == 0
        await client.join("/people", {"token": "Ada"})
        assert grace.unheard == []
        assert farewells.said == [("Ada", "server disconnect")]


async def test_two_who_throw_out_the_same_client_do_it_once() -> None:
    farewells = Farewells()
    people = farewells.wrapper

    @people.listener("kick")
    async def on_kick(
        wrapper: SocketWrapper[Person], client: Client[Person], person: Person, name: str
    ) -> None:
        victims = wrapper.connected_clients.get(name, ())
        await asyncio.gather(*(victim.disconnect() for victim in (*victims, *victims)))

    async with serving(people) as url, raw_socket(url) as victim:
        await victim.join("/people", {"token": "Ada"})
        async with joined(url, "Grace") as grace, joined(url, "Alan") as alan:
            await asyncio.gather(grace.call("kick", "Ada"), alan.call("kick", "Ada"))
            await until(lambda: farewells.said)
            assert farewells.said == [("Ada", "server disconnect")]


async def test_a_listener_may_throw_out_its_own_client() -> None:
    farewells = Farewells()
    people = farewells.wrapper
    after: list[str] = []

    @people.listener("quit")
    async def on_quit(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
        await client.disconnect(code="bye", message="As you wish")
        await client.emit(undeclared("news"), "not heard")
        await asyncio.sleep(0)
        assert farewells.said == []
        after.append(person.name)

    async with serving(people) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.send('42/people,["quit"]', '42/people,["quit"]')
        await client.receives('42/people,["closing",{"code":"bye","message":"As you wish"}]')
        await client.receives("41/people,")
        await until(lambda: farewells.said)
    assert after == ["Ada"]
    assert farewells.said == [("Ada", "server disconnect")]


async def test_everybody_leaves_when_the_server_stops() -> None:
    farewells = Farewells()
    async with AsyncExitStack() as clients:
        async with serving(farewells.wrapper) as url:
            websocket = await clients.enter_async_context(raw_socket(url))
            await websocket.join("/people", {"token": "Ada"})
            polling = await clients.enter_async_context(raw_polling(url))
            await polling.post('40/people,{"token":"Grace"}')
            await polling.poll()
            pending_poll = asyncio.create_task(polling.poll())
            idle = await clients.enter_async_context(raw_polling(url))
            await idle.post('40/people,{"token":"Alan"}')
            await until(lambda: len(farewells.wrapper.connected_clients) == 3)
        assert sorted(farewells.said) == [(name, "server shutting down") for name in ("Ada", "Alan", "Grace")]
        # No packet says goodbye, or clients would not come back by themselves.
        await websocket.until_closed()
        assert await pending_poll == ["6"]


async def test_who_was_refused_gets_no_farewell() -> None:
    farewells = Farewells()
    async with serving(farewells.wrapper) as url:
        assert await refusal(url, None) == ("no_name", "Who are you?")
        await until_forgotten(farewells.wrapper)
    assert farewells.said == []


async def test_leaving_one_namespace_keeps_the_other() -> None:
    farewells, others = Farewells(), Farewells()
    others.wrapper.namespace = "/others"
    async with serving(farewells.wrapper, others.wrapper) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.join("/others", {"token": "Lovelace"})
        await client.send("41/people,")
        await until(lambda: farewells.said)
        assert others.said == []
        assert await others.wrapper.send_to_client("Lovelace", undeclared("news"), 1) == 1
        await client.receives('42/others,["news",1]')
        client.vanish()
        await until_forgotten(others.wrapper)
    assert farewells.said == [("Ada", "client disconnect")]
    assert others.said == [("Lovelace", "transport close")]


async def test_a_hook_that_takes_its_time_delays_nobody() -> None:
    people = people_wrapper()
    started, released = asyncio.Event(), asyncio.Event()

    async def dawdle(
        wrapper: SocketWrapper[Person], client: Client[Person], reason: DisconnectReason
    ) -> None:
        started.set()
        await released.wait()

    people.on_client_disconnect = dawdle
    async with serving(people) as url:
        async with joined(url, "Ada"):
            pass
        await started.wait()
        async with joined(url, "Ada"), joined(url, "Grace"):
            assert sorted(people.connected_clients) == ["Ada", "Grace"]
            released.set()
        await until_forgotten(people)
        assert not engine_of(people).busy
