"""Clients that fail or vanish leave nothing behind: no room, no entry, no task, and no hook is run."""

import asyncio
from contextlib import AsyncExitStack
from typing import Any

import pytest

from app.core import Client, ClientMetadata, DisconnectReason, SocketNok, SocketOk, SocketWrapper
from support import serving
from tests.core.behind import engine_of, ping_every, tasks, until, until_forgotten
from tests.core.people import Person, by_name, people_wrapper
from tests.core.wire import CLOSE, RawPolling, RawSocket, raw_polling, raw_socket

MANY = 50
Raw = RawSocket | RawPolling


class Hooked:
    """A namespace that counts; the middleware waits at the gate, and fails for those who ask for it."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.checking = 0
        self.welcomed: list[str] = []
        self.farewells: list[tuple[str, DisconnectReason]] = []
        self.wrapper: SocketWrapper[Person] = SocketWrapper(
            socket_namespace="people",
            connection_middleware=self._middleware,
            client_connection_key="name",
            after_client_connect=self._welcome,
            on_client_disconnect=self._farewell,
        )

    async def _middleware(
        self,
        wrapper: SocketWrapper[Person],
        client: Client[Person],
        comm_id: str | None,
        metadata: ClientMetadata,
    ) -> SocketOk[Person] | SocketNok:
        self.checking += 1
        await self.gate.wait()
        if comm_id == "crash":
            raise RuntimeError("crash")
        return await by_name(wrapper, client, comm_id, metadata)

    async def _welcome(self, wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
        self.welcomed.append(client.sid)

    async def _farewell(
        self, wrapper: SocketWrapper[Person], client: Client[Person], reason: DisconnectReason
    ) -> None:
        self.farewells.append((client.sid, reason))


async def opened(clients: AsyncExitStack, transport: str, url: str) -> Raw:
    if transport == "websocket":
        return await clients.enter_async_context(raw_socket(url))
    return await clients.enter_async_context(raw_polling(url))


async def say(client: Raw, packet: str) -> None:
    await (client.send(packet) if isinstance(client, RawSocket) else client.post(packet))


def vanish(client: Raw) -> None:
    """A polling client that vanishes just polls no more."""
    if isinstance(client, RawSocket):
        client.vanish()


async def warm_up(url: str, people: SocketWrapper[Any]) -> Any:
    """The tasks of a server that has had a client and has none now."""
    async with raw_socket(url) as client:
        await client.send("40/nowhere,")
        await client.receive()
    await until_forgotten(people)
    await until(lambda: "AsyncSocket._send_ping" not in tasks())
    return tasks()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("token", ["", "crash"])
async def test_fifty_refused_clients_leave_nothing(transport: str, token: str) -> None:
    hooked = Hooked()
    hooked.gate.set()
    async with serving(hooked.wrapper) as url, asyncio.timeout(20):
        ping_every(hooked.wrapper, 0.2, timeout_s=5)
        before = await warm_up(url, hooked.wrapper)
        async with AsyncExitStack() as clients:
            everybody = [await opened(clients, transport, url) for _ in range(MANY)]
            for client in everybody:
                await say(client, f'40/people,{{"token":"{token}"}}')
            for client in everybody:
                if isinstance(client, RawSocket):
                    assert str(await client.receive()).startswith("44/people,")
                else:
                    assert (await client.poll())[0].startswith("44/people,")
                    await client.post(CLOSE)
            assert hooked.checking == MANY
        await until_forgotten(hooked.wrapper)
        await until(lambda: tasks() == before)
    assert (hooked.welcomed, hooked.farewells) == ([], [])


@pytest.mark.parametrize("transport", ["websocket", "polling"])
@pytest.mark.parametrize("token", ["Ada", "", "crash"])
async def test_fifty_clients_that_vanish_while_they_are_checked_leave_nothing(
    transport: str, token: str
) -> None:
    hooked = Hooked()
    async with serving(hooked.wrapper) as url, asyncio.timeout(20):
        ping_every(hooked.wrapper, 0.2, timeout_s=0.5)
        before = await warm_up(url, hooked.wrapper)
        async with AsyncExitStack() as clients:
            for _ in range(MANY):
                client = await opened(clients, transport, url)
                await say(client, f'40/people,{{"token":"{token}"}}')
                await until(lambda: hooked.checking)
                vanish(client)
            await until(lambda: hooked.checking == MANY)
            # Gone before the middleware has decided.
            await until(lambda: not engine_of(hooked.wrapper).sessions)
            hooked.gate.set()
            await until_forgotten(hooked.wrapper)
        await until(lambda: tasks() == before)
    assert (hooked.welcomed, hooked.farewells) == ([], [])


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_fifty_clients_that_vanish_before_they_ask_leave_nothing(transport: str) -> None:
    hooked = Hooked()
    async with serving(hooked.wrapper) as url, asyncio.timeout(20):
        ping_every(hooked.wrapper, 0.2, timeout_s=0.5)
        before = await warm_up(url, hooked.wrapper)
        async with AsyncExitStack() as clients:
            for _ in range(MANY):
                vanish(await opened(clients, transport, url))
        await until_forgotten(hooked.wrapper)
        await until(lambda: tasks() == before)
    assert (hooked.checking, hooked.welcomed, hooked.farewells) == (0, [], [])


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_fifty_clients_that_vanish_when_they_are_accepted_get_one_farewell_each(
    transport: str,
) -> None:
    hooked = Hooked()
    hooked.gate.set()
    async with serving(hooked.wrapper) as url, asyncio.timeout(20):
        ping_every(hooked.wrapper, 0.2, timeout_s=0.5)
        before = await warm_up(url, hooked.wrapper)
        async with AsyncExitStack() as clients:
            for _ in range(MANY):
                client = await opened(clients, transport, url)
                await say(client, '40/people,{"token":"Ada"}')
                vanish(client)
            await until(lambda: hooked.checking == MANY or transport == "websocket")
        await until_forgotten(hooked.wrapper)
        await until(lambda: tasks() == before)
    reason = "transport close" if transport == "websocket" else "ping timeout"
    assert sorted(hooked.farewells) == sorted((sid, reason) for sid in hooked.welcomed)
    assert len(set(hooked.welcomed)) == len(hooked.welcomed)


async def test_whoever_times_out_at_the_moment_of_acceptance_leaves_nothing() -> None:
    hooked = Hooked()
    async with serving(hooked.wrapper) as url, raw_socket(url) as client, asyncio.timeout(20):
        client.silent = True
        await client.send('40/people,{"token":"Ada"}')
        await until(lambda: hooked.checking)
        (connection,) = engine_of(hooked.wrapper).eio.sockets.values()
        connection.end("ping timeout")
        hooked.gate.set()
        await until_forgotten(hooked.wrapper)
    assert (hooked.welcomed, hooked.farewells) == ([], [])


async def test_whoever_times_out_when_it_is_thrown_out_gets_one_farewell() -> None:
    hooked = Hooked()
    hooked.gate.set()
    async with serving(hooked.wrapper) as url, raw_socket(url) as client, asyncio.timeout(20):
        await client.join("/people", {"token": "Ada"})
        await until(lambda: hooked.welcomed)
        (ada,) = hooked.wrapper.get_connected_sockets()
        (connection,) = engine_of(hooked.wrapper).eio.sockets.values()
        connection.give_up("ping timeout")
        await hooked.wrapper.transport.disconnect(ada.sid)
        await until_forgotten(hooked.wrapper)
    assert hooked.farewells == [(ada.sid, "server disconnect")]


async def test_messages_of_a_connection_that_timed_out_are_not_heard() -> None:
    hooked = Hooked()
    hooked.gate.set()
    async with serving(hooked.wrapper) as url, asyncio.timeout(20):
        ping_every(hooked.wrapper, 0.2, timeout_s=5)
        before = await warm_up(url, hooked.wrapper)
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Ada"})
            (connection,) = engine_of(hooked.wrapper).eio.sockets.values()
            connection.last_ping = 1.0
            await connection.check_ping_timeout()
            await client.send('40/people,{"token":"Ada"}', '42/people,["shout"]', "41/people,")
            await client.send('40/people,{"token":"Ada"}', "40/nowhere,")
        await until(lambda: tasks() == before)
        await until_forgotten(hooked.wrapper)
    assert [reason for _, reason in hooked.farewells] == ["ping timeout"]
    assert hooked.checking == 1


async def test_a_crashing_hook_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def crash(*_: Any) -> None:
        raise RuntimeError("a hook's detail")

    people = people_wrapper()
    people.after_client_connect = crash
    people.on_client_disconnect = crash

    @people.listener("shout")
    async def on_shout(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> str:
        return person.name

    async with serving(people) as url, asyncio.timeout(10):
        for name in ("Ada", "Grace"):
            async with raw_socket(url) as client:
                await client.join("/people", {"token": name})
                assert await client.ask("/people", 1, "shout") == {"ok": True, "data": name}
        await until_forgotten(people)
    assert caplog.text.count("RuntimeError: a hook's detail") == 4


async def test_a_hook_that_is_cancelled_or_not_async_harms_nobody() -> None:
    def not_async(*_: Any) -> None:
        pass

    async def cancel(*_: Any) -> None:
        raise asyncio.CancelledError

    for hook in (not_async, cancel):
        people = people_wrapper()
        people.after_client_connect = hook  # type: ignore[assignment]
        people.on_client_disconnect = hook  # type: ignore[assignment]
        async with serving(people) as url, asyncio.timeout(10):
            async with raw_socket(url) as client:
                await client.join("/people", {"token": "Ada"})
                reply = await client.ask("/people", 1, "nothing")
                assert reply["error"]["code"] == "unknown_event"
            await until_forgotten(people)


async def test_everybody_is_accepted_without_a_middleware() -> None:
    public: SocketWrapper[None] = SocketWrapper(socket_namespace="/public/")
    async with serving(public) as url, raw_socket(url) as one, raw_socket(url) as two:
        await one.join("/public")
        await two.join("/public", {"token": "whatever"})
        assert [client.key for client in public.get_connected_sockets()] == list(public.connected_clients)
        assert len(public.connected_clients) == 2
        assert {client.metadata for client in public.get_connected_sockets()} == {None}
