"""/metrics: what Prometheus reads after a conversation, and how little of it clients decide."""

import asyncio
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families

from app.core import Client, SocketWrapper
from app.engine.metrics import MOST_OUTCOMES, Metrics
from support import Member, Refused, register, serving
from tests.core.behind import engine_of, ping_every, until_forgotten
from tests.core.observed import observed
from tests.core.people import GENEROUS, Person, joined, people_wrapper
from tests.core.wire import raw_polling, raw_socket
from tests.undeclared import undeclared

METRICS_TOKEN = "what Prometheus shows, long enough to be a secret"

Series = Mapping[str, float]
Wrapper = SocketWrapper[Person]


def read(text: str) -> Series:
    """By name and labels, without what is zero: `events_total{event="say",...}`."""
    return {
        sample.name.removeprefix("socketio_")
        + "".join(f" {label}={value}" for label, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.value
    }


async def ask(url: str, token: str | None = METRICS_TOKEN) -> tuple[int, str]:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession() as http, http.get(f"{url}/metrics", headers=headers) as answer:
        return answer.status, await answer.text()


async def scraped(url: str) -> Series:
    status, text = await ask(url)
    assert status == 200
    return read(text)


def counted(wrapper: Wrapper) -> Series:
    """Without HTTP, of a server in this process."""
    metrics: Metrics = engine_of(wrapper).metrics
    return read(metrics.text()[0].decode())


async def test_nobody_reads_the_metrics_unless_a_token_is_set(tmp_path: Path) -> None:
    with observed(tmp_path) as server:
        for token in (None, "", "None", METRICS_TOKEN):
            assert await ask(server.url, token) == (404, '{"detail":"Not Found"}')


async def test_only_who_shows_the_token_reads_the_metrics(tmp_path: Path) -> None:
    with observed(tmp_path, METRICS_TOKEN=METRICS_TOKEN) as server:
        for token in (None, "", "wrong", METRICS_TOKEN[:-1], METRICS_TOKEN.upper(), "\xff\xfe"):
            assert (await ask(server.url, token))[0] == 401
        assert (await ask(server.url))[0] == 200


async def test_a_conversation_is_counted(tmp_path: Path) -> None:
    with observed(tmp_path, METRICS_TOKEN=METRICS_TOKEN) as server:
        token = await register(server.url, "Ada")
        for namespace, auth in (("/people", {}), ("/people", {"token": "forged"}), ("/nowhere", {})):
            stranger = Member(namespace)
            with pytest.raises(Refused):
                await stranger.connect(server.url, auth)
            await stranger.disconnect()
        ada, tab = Member("/people"), Member("/people")
        await ada.connect(server.url, {"token": token})
        await tab.connect(server.url, {"token": token})
        for text in ("one", "two"):
            await ada.call("say", text)
        await ada.call("say", 42)
        await ada.call("fail", "now")
        await ada.call("deny", "this")
        await ada.emit("deny", "without an ack")
        await ada.call("noSuchEvent")
        await tab.disconnect()
        while (found := await scraped(server.url))["connections namespace=/people"] != 1:
            await asyncio.sleep(0.01)
        await ada.disconnect()

    shown = {
        name: value
        for name, value in found.items()
        if not name.startswith(("received", "sent")) and "_bucket" not in name and "_sum" not in name
    }
    assert shown == {
        "connections namespace=/people": 1,
        "connections_closed_total reason=transport close": 1,
        "events_total event=deny namespace=/people outcome=denied": 2,
        "events_total event=fail namespace=/people outcome=internal_error": 1,
        "events_total event=other namespace=/people outcome=unknown_event": 1,
        "events_total event=say namespace=/people outcome=invalid_payload": 1,
        "events_total event=say namespace=/people outcome=ok": 2,
        "handshakes_total namespace=/people outcome=invalid_token": 1,
        "handshakes_total namespace=/people outcome=ok": 2,
        "handshakes_total namespace=/people outcome=token_required": 1,
        "handshakes_total namespace=other outcome=unknown_namespace": 1,
        "listener_seconds_count event=deny namespace=/people": 2,
        "listener_seconds_count event=fail namespace=/people": 1,
        "listener_seconds_count event=say namespace=/people": 3,
    }
    assert found["listener_seconds_bucket event=say le=+Inf namespace=/people"] == 3
    assert 0 < found["listener_seconds_sum event=say namespace=/people"] < 1
    assert found["received_bytes_total"] > 100
    assert found["sent_bytes_total"] > 100


async def test_every_way_to_leave_is_counted_once() -> None:
    people = people_wrapper()
    async with serving(people) as url:
        ping_every(people, 0.2, timeout_s=0.2)
        for _ in range(3):
            async with raw_socket(url) as leaving:
                await leaving.join("/people", {"token": "Ada"})
                await leaving.send("41/people,", "41/people,")
        async with raw_socket(url) as vanishing:
            await vanishing.join("/people", {"token": "Ada"})
            vanishing.vanish()
        async with joined(url, "Ada") as ada:
            (client,) = people.connected_clients["Ada"]
            await asyncio.gather(client.disconnect(), client.disconnect())
            assert await ada.left == "server disconnect"
        async with raw_polling(url) as undecided:
            # It leaves before it has been let in.
            await undecided.post('40/people,{"token":"Ada"}', "1")
        async with raw_polling(url) as silent:
            await silent.post('40/people,{"token":"Ada"}')
            await until_forgotten(people)
        found = counted(people)
        assert {name: value for name, value in found.items() if name.startswith("connections")} == {
            "connections_closed_total reason=client disconnect": 3,
            "connections_closed_total reason=ping timeout": 1,
            "connections_closed_total reason=server disconnect": 1,
            "connections_closed_total reason=transport close": 1,
        }
        stays = Member("/people")
        await stays.connect(url, {"token": "Ada"})
    assert counted(people)["connections_closed_total reason=server shutting down"] == 1
    assert "connections namespace=/people" not in counted(people)
    await stays.disconnect()


async def test_messages_are_counted_in_bytes() -> None:
    people = people_wrapper()

    @people.listener("echo")
    async def on_echo(wrapper: Wrapper, client: Client[Person], person: Person, anything: Any) -> Any:
        return anything

    async with serving(people) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        before = counted(people)
        asked = '2/people,7["echo","\u00fc"]'
        answered = '3/people,7[{"ok":true,"data":"\u00fc"}]'
        await client.send(f"4{asked}")
        await client.receives(f"4{answered}")
        between = counted(people)
        asked_in_binary = '51-/people,8["echo",{"_placeholder":true,"num":0}]'
        answered_in_binary = '61-/people,8[{"ok":true,"data":{"_placeholder":true,"num":0}}]'
        await client.send(f"4{asked_in_binary}", b"12345")
        await client.receives(f"4{answered_in_binary}")
        await client.receives(b"12345")
        after = counted(people)
        await people.broadcast(undeclared("news"), "x")
        broadcast = counted(people)

    def more(name: str, then: Series, now: Series) -> float:
        return now[f"{name}_bytes_total"] - then[f"{name}_bytes_total"]

    assert more("received", before, between) == len(asked.encode()) == len(asked) + 1
    assert more("sent", before, between) == len(answered.encode())
    assert more("received", between, after) == len(asked_in_binary) + 5
    assert more("sent", between, after) == len(answered_in_binary) + 5
    assert more("sent", after, broadcast) == len('2/people,["news","x"]')


async def test_a_renewal_is_counted_by_its_name() -> None:
    people = people_wrapper()
    async with serving(people) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        assert (await client.ask("/people", 1, "renewToken", "Ada"))["ok"]
        found = counted(people)
    assert found["events_total event=renewToken namespace=/people outcome=ok"] == 1


async def test_what_clients_make_up_grows_nothing() -> None:
    people = people_wrapper()
    async with serving(people, limits=GENEROUS) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        await client.ask("/people", 1, "nothing")
        await client.send("40/nowhere,")
        await client.receive()
        before = set(counted(people))
        for number in range(1000):
            await client.ask("/people", number, secrets.token_urlsafe(8))
            await client.send(f"40/{secrets.token_hex(8)},")
            assert "unknown_namespace" in str(await client.receive())
        strange_names: list[Any] = ["", "\ud800", "\n", 'a"} 1', 5, None, {}, []]
        for strange in strange_names:
            await client.ask("/people", 1, strange)
        found = counted(people)
    assert set(found) - {"connections_closed_total reason=transport close"} == before
    assert found["events_total event=other namespace=/people outcome=unknown_event"] == 1009
    assert found["handshakes_total namespace=other outcome=unknown_namespace"] == 1001


async def test_a_middleware_that_repeats_what_clients_say_grows_little() -> None:
    metrics = Metrics()
    metrics.add_namespace("/people")
    for code in ("\ud800", "a\nb", "x" * 1000):
        metrics.handshake("/people", code)
    for number in range(1000):
        metrics.handshake("/people", f"code {number}")
        metrics.event("/people", "say", f"other code {number}", 0.2)

    found = read(metrics.text()[0].decode())

    assert len([name for name in found if "outcome=" in name]) == MOST_OUTCOMES + 1
    assert max(len(name) for name in found) < 100
    assert sum(count for name, count in found.items() if name.startswith("handshakes")) == 1003
    assert sum(count for name, count in found.items() if name.startswith("events")) == 1000


def test_durations_are_in_the_buckets_that_prometheus_expects() -> None:
    metrics = Metrics()
    for duration_s in (0.0005, 0.001, 0.05, 60):
        metrics.event("/people", "say", "ok", duration_s)

    found = read(metrics.text()[0].decode())

    buckets = {name.split(" ")[2]: count for name, count in found.items() if "_bucket" in name}
    assert buckets == {"le=0.001": 2, "le=0.01": 2, "le=0.1": 3, "le=1.0": 3, "le=10.0": 3, "le=+Inf": 4}
    assert found["listener_seconds_sum event=say namespace=/people"] == 60.0515


def test_metrics_of_the_owners_own_stand_beside_ours() -> None:
    metrics = Metrics()
    Counter("orders", "Orders.", registry=metrics.registry).inc(3)
    metrics.refused("rate_limited")

    found = read(metrics.text()[0].decode())

    assert (found["orders_total"], found["refused_total reason=rate_limited"]) == (3, 1)
