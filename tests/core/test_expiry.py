"""`expires_at`: a connection ends when it may not last any longer, even when its client says nothing."""

import asyncio
import logging
import math
import time

import pytest

from app.core import Client, ClientMetadata, DisconnectReason, SocketOk, SocketWrapper, socket_ok
from support import serving
from tests.core.behind import engine_of, remembered, tasks, until, until_forgotten
from tests.core.people import Person, people_wrapper
from tests.core.wire import raw_socket

CLOSING = '42/people,["closing",{"code":"token_expired","message":"Log in again"}]'


def expiring(lifetime_s: float) -> tuple[SocketWrapper[Person], list[DisconnectReason]]:
    """A namespace whose clients may stay for some time, and why they left."""
    farewells: list[DisconnectReason] = []

    async def for_a_while(
        wrapper: SocketWrapper[Person],
        client: Client[Person],
        comm_id: str | None,
        metadata: ClientMetadata,
    ) -> SocketOk[Person]:
        return socket_ok(Person(str(comm_id)), expires_at=time.time() + lifetime_s)

    async def farewell(
        wrapper: SocketWrapper[Person], client: Client[Person], reason: DisconnectReason
    ) -> None:
        farewells.append(reason)

    people = people_wrapper()
    people.connection_middleware = for_a_while
    people.on_client_disconnect = farewell
    return people, farewells


@pytest.mark.parametrize("lifetime_s", [0.2, 0, -60, math.nan, -math.inf])
async def test_a_silent_client_is_disconnected_when_its_time_is_over(lifetime_s: float) -> None:
    people, farewells = expiring(lifetime_s)
    async with serving(people) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.receives(CLOSING)
        await client.receives("41/people,")
        await until(lambda: farewells)
        assert people.get_connected_sockets() == ()
        # The connection itself stays, for other namespaces or another token.
        await client.join("/people", {"token": "Ada"})
    assert farewells[0] == "server disconnect"


@pytest.mark.parametrize("lifetime_s", [60, 1e9, 1e18, math.inf])
async def test_a_client_that_left_has_no_timer(lifetime_s: float, caplog: pytest.LogCaptureFixture) -> None:
    people, farewells = expiring(lifetime_s)
    async with serving(people) as url:
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Ada"})
            await until(lambda: "timers" in remembered(people))
            (timer,) = engine_of(people).handlers["/people"]._expiries.values()
        await until_forgotten(people)
        assert timer.cancelled()
    assert farewells == ["transport close"]
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_leaving_and_expiring_at_once_is_leaving_once() -> None:
    people, farewells = expiring(0.05)
    async with serving(people) as url:
        for number in range(20):
            async with raw_socket(url) as client:
                await client.join("/people", {"token": "Ada"})
                await asyncio.sleep(0.04 + number / 1000)
                client.vanish()
        await until_forgotten(people)
        await until(lambda: "Client.disconnect" not in tasks())
    assert len(farewells) == 20
    assert set(farewells) <= {"server disconnect", "transport close"}


async def test_the_listener_that_runs_when_the_time_is_over_ends_first() -> None:
    people, farewells = expiring(0.2)
    finished = asyncio.Event()

    @people.listener("work")
    async def on_work(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
        await until(lambda: not client.connected)
        assert farewells == []
        finished.set()

    async with serving(people) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.send('42/people,["work"]')
        await client.receives(CLOSING)
        await until(lambda: farewells)
        assert finished.is_set()
