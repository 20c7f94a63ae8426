"""Nodes of several versions, and other programs, on one Redis: what is not understood is passed over."""

import logging
from typing import Any

import orjson
import pytest
import socketio

from app.engine.cluster import messages
from tests.cluster.nodes import Node, members, nodes, until_told
from tests.cluster.redis_server import RedisServer
from tests.core.behind import engine_of, until

OTHER = "0123456789ab"


def inbox_of(node: Node) -> Any:
    return engine_of(node.people).manager.directory._link._heard.__self__


async def publish(redis: RedisServer, channel: str, message: bytes) -> None:
    """As another node would."""
    client: Any = redis.client()
    async with client:
        assert await client.publish(channel, message) == 1


def head(**fields: Any) -> bytes:
    body = b'["secret","for Bob"]'
    line = orjson.dumps({"kind": "emit", "namespace": "/people", "sizes": [len(body)], **fields})
    return b"%s %s\n%s" % (OTHER.encode(), line, body)


async def test_a_message_as_it_is_now_is_heard(redis: RedisServer) -> None:
    """Else the others would prove nothing."""
    async with nodes(redis.cluster(), 1) as (node,), members(("Ada", node)) as (ada,):
        await publish(redis, "tests:all", head(rooms=["accepted"]))
        assert await ada.hears("secret") == "for Bob"


@pytest.mark.parametrize(
    "message",
    [
        head(rooms=["accepted"], except_clients=["Ada"]),
        head(rooms=["accepted"], kind="emit2"),
        head(rooms=["accepted"], sizes=[3]),
        head(rooms="accepted"),
        head(),
        b"",
        b"\x00\xff",
        b"0123456789ab {}",
        b"{}\n{}",
        b"0123456789ab " + b"[" * 100_000,
    ],
)
async def test_what_is_not_understood_is_heard_by_nobody(
    message: bytes, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with nodes(redis.cluster(), 1) as (node,), members(("Ada", node)) as (ada,):
        for _ in range(3):
            await publish(redis, "tests:all", message)
        await publish(redis, "tests:all", head(rooms=["accepted"]))
        assert await ada.hears("secret") == "for Bob"
        assert ada.unheard == []
        assert (inbox_of(node).received, inbox_of(node).passed_over) == (4, 3)
        warnings = [each.name for each in caplog.records if each.levelno == logging.WARNING]
        assert warnings == ["app.engine.cluster.inbox"]


async def test_a_field_at_its_default_is_not_sent() -> None:
    """So that a node of before the field understands it."""
    emit = messages.Emit(kind="emit", namespace="/people", rooms=("accepted",), sizes=(2,))
    assert messages.write(OTHER, emit, [b"[]"]) == (
        b'0123456789ab {"namespace":"/people","sizes":[2],"kind":"emit","rooms":["accepted"]}\n[]'
    )
    node, read, parts = messages.read(messages.write(OTHER, emit, [b"[]"]))
    assert (node, read, parts) == (OTHER, emit, [b"[]"])


async def test_what_python_socketio_itself_sends_arrives(redis: RedisServer) -> None:
    """A worker of a task queue, for one, has no server, and emits with the library."""
    async with (
        nodes(redis.cluster(), 2) as (here, there),
        members(("Ada", here), ("Bob", there)) as (ada, bob),
    ):
        worker: Any = socketio.AsyncRedisManager(redis.url, channel="tests", write_only=True)
        await worker.emit("news", {"bytes": b"\x00"}, namespace="/people", room="accepted")
        for member in (ada, bob):
            assert await member.hears("news") == {"bytes": b"\x00"}
        await worker.emit("news", "for Bob", namespace="/people", room="client:Bob")
        assert await bob.hears("news") == "for Bob"
        await worker._publish(
            {
                "method": "emit",
                "event": "news",
                "data": ["x"],
                "namespace": "/people",
                "skip_rooms": ["accepted"],
            }
        )
        await worker.emit("news", "last", namespace="/people", room="accepted")
        assert [await ada.hears("news"), await bob.hears("news")] == ["last", "last"]
        await worker.redis.aclose()


async def test_what_the_application_calls_of_the_library_reaches_all_nodes(redis: RedisServer) -> None:
    async with (
        nodes(redis.cluster(), 2) as (here, there),
        members(("Ada", here), ("Bob", there)) as (ada, bob),
    ):
        server = engine_of(here.people)
        await server.emit("news", ("a", b"b"), namespace="/people")
        for member in (ada, bob):
            assert await member.hears("news") == ["a", b"b"]
        sid_of_bob = there.people.get_connected_sockets()[0].sid
        await server.enter_room(sid_of_bob, "elsewhere", namespace="/people")
        await until(lambda: "elsewhere" in engine_of(there.people).manager.rooms["/people"])
        await server.emit("news", 1, room="elsewhere", namespace="/people")
        assert await bob.hears("news") == 1
        bob.answer("where", "home")
        assert await server.call("where", to=sid_of_bob, namespace="/people", timeout=3) == "home"
        assert ada.unheard == []
        await until_told([("came", "Ada"), ("came", "Bob")], here, there)
