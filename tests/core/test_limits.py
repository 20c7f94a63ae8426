"""What happens to clients that ask for too much: they are told, counted and logged; others are served."""

import asyncio
import base64
import json
import logging
import re
import resource
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from app.core import Client, ClientMetadata, SocketNok, SocketOk, SocketWrapper
from app.engine import Limits
from app.engine.metrics import Metrics
from app.engine.rates import Tally, TokenBucket, TokenBuckets
from support import serving, start_server, stop_server
from tests.core.behind import engine_of, ping_every, until, until_forgotten
from tests.core.people import Person, by_name, joined
from tests.core.wire import RawSocket, raw_polling, raw_socket
from tests.undeclared import undeclared

Wrapper = SocketWrapper[Person]
Ada = Client[Person]

RATE_LIMITED = {"ok": False, "error": {"code": "rate_limited", "message": "Too many events", "details": None}}


class People:
    """`say` sends back what it gets; `wait` does so when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()
        self.asked: list[str | None] = []
        self.left: list[str] = []
        self.wrapper = Wrapper(
            socket_namespace="people",
            connection_middleware=self.check,
            client_connection_key="name",
            on_client_disconnect=self.leave,
        )
        self.wrapper.listener("say")(self.say)
        self.wrapper.listener("wait")(self.wait)

    async def check(
        self, wrapper: Wrapper, client: Ada, comm_id: str | None, metadata: ClientMetadata
    ) -> SocketOk[Person] | SocketNok:
        self.asked.append(comm_id)
        if comm_id == "broken":
            raise RuntimeError("the database is gone")
        return await by_name(wrapper, client, comm_id, metadata)

    async def leave(self, wrapper: Wrapper, client: Ada, reason: str) -> None:
        self.left.append(reason)

    async def say(self, wrapper: Wrapper, client: Ada, person: Person, what: Any) -> Any:
        return what

    async def wait(self, wrapper: Wrapper, client: Ada, person: Person, what: Any) -> Any:
        await self.go_on.wait()
        return what

    def refused(self) -> Mapping[str, int]:
        """What the metrics say, by limit."""
        metrics: Metrics = engine_of(self.wrapper).metrics
        return {limit: count for limit, count in metrics._refused.items() if count}


@asynccontextmanager
async def limited(**limits: Any) -> AsyncIterator[tuple[People, str]]:
    """A server with these limits that has forgotten everybody at the end."""
    people = People()
    async with serving(people.wrapper, limits=Limits(**limits)) as url, asyncio.timeout(20):
        yield people, url
        people.go_on.set()
        await until_forgotten(people.wrapper)


async def ack_in(client: RawSocket) -> tuple[int, Any]:
    """The number and the content of the ack that comes next."""
    packet = str(await client.receive())
    assert packet.startswith("43/people,"), packet
    number, _, ack = packet.removeprefix("43/people,").partition("[")
    return int(number), json.loads(f"[{ack}")[0]


def said(number: int, size: int = 1) -> str:
    return f'42/people,{number}["say","{"x" * size}"]'


# Events.


async def test_who_sends_too_much_at_once_is_told_which_events_were_refused() -> None:
    async with limited(events_per_second=1, events_burst=5) as (people, url), raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})  # The first of five.
        await client.send(*map(said, range(8)), '42/people,["say","x"]')
        acks = dict([await ack_in(client) for _ in range(8)])

        assert [number for number, ack in sorted(acks.items()) if ack["ok"]] == [0, 1, 2, 3]
        assert [acks[number] for number in range(4, 8)] == [RATE_LIMITED] * 4
        assert people.refused() == {"rate_limited": 5}

        await asyncio.sleep(1)
        assert (await client.ask("/people", 9, "say", "I waited"))["ok"]


async def test_who_goes_on_regardless_is_disconnected_and_told_why() -> None:
    async with (
        limited(events_per_second=1, events_burst=3) as (people, url),
        joined(url, "Grace") as grace,
        raw_socket(url) as client,
    ):
        await client.join("/people", {"token": "Ada"})
        await client.send(*map(said, range(50)))
        heard = [str(packet) for packet in await client.until_closed()]

        reason = {"code": "rate_limited", "message": "too many events, though earlier ones were refused"}
        assert heard[-2:] == [f"42/people,{json.dumps(['closing', reason], separators=(',', ':'))}", "1"]
        assert sum('"ok":false' in packet for packet in heard) == 3
        await until(lambda: people.left)
        assert people.left == ["transport error"]
        assert people.refused() == {"rate_limited": 4}
        assert (await grace.call("say", "still here"))["ok"]


async def test_polling_is_no_way_around_it() -> None:
    async with limited(events_per_second=1, events_burst=3) as (people, url), raw_polling(url) as client:
        assert await client.post('40/people,{"token":"Ada"}') == 200
        await client.poll()
        assert await client.post(*map(said, range(50))) == 400
        await until(lambda: people.left)
        assert people.refused() == {"rate_limited": 4}


async def test_the_log_says_once_who_is_too_fast(caplog: pytest.LogCaptureFixture) -> None:
    async with limited(events_per_second=1, events_burst=20) as (_, url), raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.send(*map(said, range(39)))
        for _ in range(39):
            await ack_in(client)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warnings == [
        "127.0.0.1 is over a limit, rate_limited: over 1 events per second (docs/security.md)"
    ]


async def test_what_no_event_is_made_of_is_limited_too() -> None:
    async with limited(events_per_second=1, events_burst=1) as (people, url), raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.send(*["3"] * 100)
        assert "rate_limited" in str((await client.until_closed())[-2])
        assert people.refused() == {"rate_limited": 1}


async def test_connecting_over_and_over_is_limited() -> None:
    async with limited(events_per_second=1, events_burst=3) as (people, url), raw_socket(url) as client:
        for _ in range(50):
            await client.send('40/people,{"token":"Ada"}', "41/people,")
        answers = [str(answer) for answer in await client.until_closed()]
        assert sum('"code":"rate_limited"' in answer for answer in answers) == 3
        assert len(people.asked) <= 3  # If it had not left before its turn.


async def test_events_of_strangers_count() -> None:
    async with limited(events_per_second=1, events_burst=3) as (people, url), raw_socket(url) as client:
        await client.send("40/nowhere,")
        await client.receive()
        await client.send(*map(said, range(50)))
        assert await client.until_closed() == ["1"]
        assert people.refused() == {"rate_limited": 4}


async def test_only_so_many_events_wait_to_be_handled() -> None:
    async with limited(max_queued_events=3) as (people, url), raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.send('42/people,0["wait",0]')
        await until(lambda: engine_of(people.wrapper).busy)
        await asyncio.sleep(0.05)  # Now it is handled, and waits no more.
        await client.send(*(f'42/people,{number}["wait",{number}]' for number in range(1, 7)))

        assert [await ack_in(client) for _ in range(3)] == [(number, RATE_LIMITED) for number in (4, 5, 6)]
        people.go_on.set()
        assert [number for number, _ in [await ack_in(client) for _ in range(4)]] == [0, 1, 2, 3]
        assert (await client.ask("/people", 7, "say", "x"))["ok"]


async def test_only_so_many_bytes_wait_to_be_handled() -> None:
    async with (
        limited(max_message_bytes=10_000, max_queue_bytes=10_000) as (people, url),
        raw_socket(url) as client,
    ):
        await client.join("/people", {"token": "Ada"})
        await client.send('42/people,0["wait",0]')
        await asyncio.sleep(0.05)
        await client.send(said(1, 4000), said(2, 4000), said(3, 4000), said(4, 1000))
        assert await ack_in(client) == (3, RATE_LIMITED)
        people.go_on.set()
        assert [number for number, _ in [await ack_in(client) for _ in range(4)]] == [0, 1, 2, 4]
        assert (await client.ask("/people", 5, "say", "x" * 4000))["ok"]


async def test_leaving_and_joining_again_makes_no_room_for_more() -> None:
    """Of what a client has sent, and is not handled yet."""
    async with (
        limited(max_message_bytes=10_000, max_queue_bytes=10_000) as (people, url),
        raw_socket(url) as client,
    ):
        for _ in range(3):
            await client.join("/people", {"token": "Ada"})
            await client.send(f'42/people,["wait","{"x" * 4000}"]', "41/people,")
        await client.join("/people", {"token": "Ada"})
        await client.send(said(1, 4000))
        assert await ack_in(client) == (1, RATE_LIMITED)
        people.go_on.set()
        await until(lambda: len(people.left) == 3)
        assert (await client.ask("/people", 2, "say", "x" * 4000))["ok"]


async def test_what_a_client_says_of_itself_is_short() -> None:
    """It is kept for as long as the client is there, and read again each time it joins."""
    async with limited() as (people, url):
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Ada", "metadata": {"x": "x" * 16_000}})
        async with raw_socket(url) as client:
            await client.send('40/people,{"token":"Ada","metadata":{"x":"%s"}}' % ("x" * 16_384))
            assert await client.until_closed() == ["1"]
        async with aiohttp.ClientSession() as http:
            query = "/socket.io/?EIO=4&transport=polling&metadata="
            async with http.get(url + query + "x" * 8_000) as answer:
                assert answer.status == 200
            async with http.get(url + query + "x" * 8_192) as answer:
                assert (answer.status, await answer.json()) == (414, {"code": 3, "message": "URL too long"})
        assert people.refused()["too_large"] == 1
        ping_every(people.wrapper, 0, timeout_s=0)
        for socket in list(engine_of(people.wrapper).eio.sockets.values()):
            await socket.close()


# Connections.


async def test_an_address_has_only_so_many_connections() -> None:
    async with limited(connections_per_address=2) as (people, url), AsyncExitStack() as stack:
        client = await stack.enter_async_context(raw_socket(url))
        lazy = await stack.enter_async_context(raw_polling(url))
        polling = f"{url}/socket.io/?EIO=4&transport=polling"
        async with aiohttp.ClientSession() as http, http.get(polling) as answer:
            assert (answer.status, await answer.json()) == (
                429,
                {"code": 4, "message": "Too many connections"},
            )
        with pytest.raises(Exception, match="HTTP 4"):
            await stack.enter_async_context(raw_socket(url))
        await stack.enter_async_context(raw_socket(url, address="127.0.0.2"))
        assert people.refused() == {"too_many_connections": 2}

        client.vanish()
        await until(lambda: len(engine_of(people.wrapper).eio.sockets) == 2)
        async with raw_socket(url) as another:
            await another.join("/people", {"token": "Ada"})
        await lazy.post("1")


async def test_leaving_makes_no_room_while_events_wait_to_be_handled() -> None:
    async with limited(connections_per_address=1) as (people, url):
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Ada"})
            await client.send('42/people,["wait",0]')
            await until(lambda: engine_of(people.wrapper).busy)
        await until(lambda: not engine_of(people.wrapper).connections)
        with pytest.raises(Exception, match="HTTP 4"):
            await raw_socket(url).__aenter__()
        people.go_on.set()
        await until(lambda: not engine_of(people.wrapper).busy)
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Ada"})


async def test_a_client_has_only_so_many_connections() -> None:
    async with (
        limited(connections_per_client=2) as (people, url),
        raw_socket(url) as client,
        joined(url, "Ada"),
        joined(url, "Ada") as second,
        joined(url, "Grace"),
    ):
        await client.send('40/people,{"token":"Ada"}')
        await client.receives(
            '44/people,{"message":"Too many connections","data":{"code":"too_many_connections"}}'
        )
        assert len(people.wrapper.connected_clients["Ada"]) == 2
        assert people.refused() == {"too_many_connections": 1}
        assert people.left == []

        await second.disconnect()
        await client.join("/people", {"token": "Ada"})


async def test_who_leaves_while_it_is_checked_takes_no_place() -> None:
    people = People()

    async def slow(*given: Any) -> SocketOk[Person] | SocketNok:
        await people.go_on.wait()
        return await by_name(*given)

    people.wrapper.connection_middleware = slow
    limits = Limits(connections_per_client=1)
    async with serving(people.wrapper, limits=limits) as url, asyncio.timeout(20):
        async with raw_socket(url) as client:
            await client.send('40/people,{"token":"Ada"}')
            await until(lambda: engine_of(people.wrapper).busy)
            await client.send("41/people,")
            await until(lambda: not engine_of(people.wrapper).sessions)
            people.go_on.set()
            await until(lambda: not engine_of(people.wrapper).busy)
            await client.join("/people", {"token": "Ada"})
        await until_forgotten(people.wrapper)


async def test_who_is_refused_too_often_is_not_looked_at_for_a_while() -> None:
    async with limited(failed_handshakes_per_minute=3) as (people, url):
        async with raw_socket(url) as client:
            codes = []
            for packet in ("40/people,", "40/nowhere,", "40/people,[]", '40/people,{"token":"Ada"}'):
                await client.send(packet)
                codes.append(json.loads(str(await client.receive()).partition(",")[2])["data"]["code"])
            assert codes == ["no_name", "unknown_namespace", "invalid_handshake", "rate_limited"]
            assert people.asked == [None]
            assert people.refused() == {"rate_limited": 1}
        async with raw_socket(url, address="127.0.0.2") as client:
            await client.join("/people", {"token": "Ada"})


async def test_leaving_at_once_is_no_way_to_be_checked_more_often() -> None:
    """Failures are counted when the middleware has decided: of many at once, none would be one too many."""
    async with limited() as (people, url), raw_socket(url) as client:
        may_decide = asyncio.Event()

        async def slowly(
            wrapper: Wrapper, client: Ada, comm_id: str | None, metadata: ClientMetadata
        ) -> SocketOk[Person] | SocketNok:
            people.asked.append(comm_id)
            await may_decide.wait()
            return await by_name(wrapper, client, comm_id, metadata)

        people.wrapper.connection_middleware = slowly
        for number in range(10):
            await client.send(f'40/people,{{"token":"{number}"}}')
            await asyncio.sleep(0.05)
            await client.send("41/people,")
        await client.send('40/people,{"token":"Ada"}')
        await asyncio.sleep(0.05)
        assert people.asked == ["0"]
        may_decide.set()
        assert str(await client.receive()).startswith('40/people,{"sid"')
        assert people.asked == ["0", "Ada"]


async def test_nobody_is_blamed_for_what_the_server_failed_to_do() -> None:
    async with limited(failed_handshakes_per_minute=1) as (_, url), raw_socket(url) as client:
        for _ in range(3):
            await client.send('40/people,{"token":"broken"}')
            assert '"internal_error"' in str(await client.receive())


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_server_takes_as_many_connections_as_the_administrator_allows(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard // 2, hard))
    try:
        server = start_server(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    try:
        limits = Path(f"/proc/{server.process.pid}/limits").read_text()
        assert re.findall(r"Max open files +(\d+) +(\d+)", limits) == [(str(hard), str(hard))]
    finally:
        stop_server(server)


# Messages.

PLACEHOLDERS = ",".join(f'{{"_placeholder":true,"num":{number}}}' for number in range(11))
TOO_LARGE: list[list[str | bytes]] = [
    [said(1, 1000)],
    ['42/people,["say","' + "é" * 500 + '"]'],
    ['451-/people,["say",{"_placeholder":true,"num":0}]', b"x" * 960],
    [f'452-/people,["say",{PLACEHOLDERS}]', b"x" * 600, b"x" * 600],
    [f'4511-/people,["say",{PLACEHOLDERS}]'],
    ['42/people,["say",' + "[" * 20 + "]" * 20 + "]"],
    ['42/people,["say",' + '{"a":' * 20 + "1" + "}" * 20 + "]"],
]


def as_text(packet: str | bytes) -> str:
    return packet if isinstance(packet, str) else f"b{base64.b64encode(packet).decode()}"


@pytest.mark.parametrize("packets", TOO_LARGE)
async def test_a_message_that_is_too_large_ends_the_connection(packets: list[str | bytes]) -> None:
    async with limited(max_message_bytes=1000, max_nesting=20) as (people, url):
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Ada"})
            await client.send(*packets)
            await client.until_closed()
            await until(lambda: people.left)
            assert people.refused() == {"too_large": 1}
        async with raw_polling(url) as polling:
            assert await polling.post('40/people,{"token":"Ada"}') == 200
            statuses = [await polling.post(as_text(packet)) for packet in packets]
            assert statuses[-1] in (400, 413)
            await until(lambda: len(people.left) == 2)
            assert people.refused() == {"too_large": 2}


async def test_what_is_just_within_the_limits_is_handled() -> None:
    async with limited(max_message_bytes=1000, max_nesting=20) as (_, url), raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        assert (await client.ask("/people", 1, "say", "é" * 80))["ok"]
        message = said(2)
        await client.send(said(2, 1000 - len(message) + 1))
        assert (await ack_in(client))[1]["ok"]
        await client.send('42/people,3["say",' + "[" * 19 + "]" * 19 + "]")
        assert (await ack_in(client))[1]["ok"]
        await client.send(f'42/people,4["say","{"[" * 100}"]')
        assert (await ack_in(client))[1]["ok"]


# Slow readers.


async def test_who_does_not_read_is_disconnected_and_nobody_else() -> None:
    async with (
        limited(max_message_bytes=100_000, max_queue_bytes=100_000, connect_timeout_s=60) as (people, url),
        raw_socket(url) as stalled,
        raw_polling(url) as lazy,
        raw_socket(url) as reading,
    ):
        await stalled.join("/people", {"token": "Ada"})
        await reading.join("/people", {"token": "Grace"})
        await lazy.post('40/people,{"token":"Edsger"}')
        stalled.stall()
        count = 0
        while len(people.left) < 2:
            await people.wrapper.broadcast(undeclared("news"), "x" * 50_000)
            packet = str(await reading.receive())
            assert packet.startswith('42/people,["news","xxx')
            count += 1
        assert people.left == ["slow reader"] * 2
        assert people.refused() == {"slow_reader": 2}
        assert (await reading.ask("/people", 1, "say", "still here"))["ok"]
        assert len(people.wrapper.connected_clients) == 1


# Counting.


def test_a_bucket_refills_up_to_its_burst(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("app.engine.rates.time.monotonic", lambda: now)
    bucket = TokenBucket(per_second=2, burst=3)
    assert [bucket.take() for _ in range(5)] == [True, True, True, False, False]
    now += 0.4
    assert not bucket.take()
    now += 0.1
    assert [bucket.take() for _ in range(2)] == [True, False]
    now += 1_000_000
    assert [bucket.take() for _ in range(4)] == [True, True, True, False]


def test_only_so_many_buckets_are_remembered() -> None:
    buckets = TokenBuckets(per_second=0.001, burst=1, most=2)
    for key in ("a", "b", "a", "c"):
        buckets.take(key)
    assert [buckets.is_empty(key) for key in "abc"] == [True, False, True]


async def test_the_log_is_no_place_to_fill(caplog: pytest.LogCaptureFixture) -> None:
    async with limited(connections_per_address=1) as (people, url), raw_socket(url):
        async with aiohttp.ClientSession() as http:
            for _ in range(30):
                async with http.get(f"{url}/socket.io/?EIO=4&transport=polling") as answer:
                    assert answer.status == 429
        assert people.refused() == {"too_many_connections": 30}
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert 10 <= len(warnings) < 30


def test_what_there_is_none_of_is_not_remembered() -> None:
    tally = Tally(2)
    assert [tally.enter("a") for _ in range(3)] == [True, True, False]
    tally.leave("a")
    assert (tally.enter("a"), len(tally)) == (True, 1)
    tally.leave("a")
    tally.leave("a")
    assert len(tally) == 0
