"""What clients send reaches a listener as its annotations say, or comes back as an error; and its answers."""

import asyncio
import enum
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import AfterValidator, BaseModel, Field

from app.core import Client, SocketError, SocketWrapper
from support import serving
from tests.core.people import GENEROUS, Person, joined, people_wrapper
from tests.core.wire import raw_polling, raw_socket
from tests.undeclared import undeclared


class Place(BaseModel):
    name: str
    size: Annotated[int, Field(gt=0)] = 1


@dataclass(frozen=True)
class Point:
    x: float
    y: float


def secretive(value: int) -> int:
    if value == 13:
        raise RuntimeError("a validator's secret")
    return value


Wrapper = SocketWrapper[Person]
Ada = Client[Person]


def with_listeners() -> Wrapper:
    people = people_wrapper()

    @people.listener("none")
    async def none(wrapper: Wrapper, client: Ada, person: Person) -> str:
        return "nothing"

    @people.listener("two")
    async def two(wrapper: Wrapper, client: Ada, person: Person, a: int, b: str = "b") -> list[Any]:
        return [a, b]

    @people.listener("rest")
    async def rest(wrapper: Wrapper, client: Ada, person: Person, first: str, *more: int) -> list[Any]:
        return [first, *more]

    @people.listener("model")
    async def model(wrapper: Wrapper, client: Ada, person: Person, place: Place) -> Place:
        assert isinstance(place, Place)
        return place

    @people.listener("point")
    async def point(wrapper: Wrapper, client: Ada, person: Person, at: Point) -> Point:
        assert isinstance(at, Point)
        return at

    @people.listener("literal")
    async def literal(wrapper: Wrapper, client: Ada, person: Person, colour: Literal["red", "green"]) -> str:
        return colour

    @people.listener("union")
    async def union(wrapper: Wrapper, client: Ada, person: Person, value: int | list[str] | None) -> Any:
        return value

    @people.listener("when")
    async def when(wrapper: Wrapper, client: Ada, person: Person, at: datetime, who: UUID) -> list[Any]:
        assert isinstance(at, datetime)
        assert isinstance(who, UUID)
        return [at, who]

    @people.listener("anything")
    async def anything(wrapper: Wrapper, client: Ada, person: Person, value, other=None):  # type: ignore[no-untyped-def]
        return [value, other]

    @people.listener("bytes")
    async def content(wrapper: Wrapper, client: Ada, person: Person, content: bytes) -> bytes:
        assert isinstance(content, bytes)
        return content[::-1]

    @people.listener("checked")
    async def checked(
        wrapper: Wrapper, client: Ada, person: Person, value: Annotated[int, AfterValidator(secretive)]
    ) -> int:
        return value

    @people.listener("tree")
    async def tree(wrapper: Wrapper, client: Ada, person: Person, places: dict[str, list[Place]]) -> int:
        return len(places)

    return people


GOOD: list[tuple[list[Any], Any]] = [
    (["none"], "nothing"),
    (["two", 1], [1, "b"]),
    (["two", 1, "x"], [1, "x"]),
    (["rest", "x"], ["x"]),
    (["rest", "x", 1, 2, 3], ["x", 1, 2, 3]),
    (["model", {"name": "Rome"}], {"name": "Rome", "size": 1}),
    (["model", {"name": "Rome", "size": 2, "other": 3}], {"name": "Rome", "size": 2}),
    (["point", {"x": 1, "y": 2.5}], {"x": 1.0, "y": 2.5}),
    (["literal", "red"], "red"),
    (["union", 1], 1),
    (["union", ["a"]], ["a"]),
    (["union", None], None),
    (
        ["when", "2026-01-02T03:04:05Z", "00000000-0000-0000-0000-000000000007"],
        ["2026-01-02T03:04:05Z", "00000000-0000-0000-0000-000000000007"],
    ),
    (
        ["anything", {"a": [1, None, {"b": "\U0001f600\ud800\x00"}]}],
        [{"a": [1, None, {"b": "\U0001f600\ud800\x00"}]}, None],
    ),
    (["anything", 1, 2], [1, 2]),
    (["checked", 5], 5),
    (["tree", {"a": [{"name": "x"}]}], 1),
]

REQUIRED = "Field required"
BAD: list[tuple[list[Any], list[dict[str, str]]]] = [
    (["none", 1], [{"field": "*", "message": "1 arguments were sent, not 0"}]),
    (["two"], [{"field": "a", "message": REQUIRED}]),
    (["two", 1, "x", 3, 4], [{"field": "*", "message": "4 arguments were sent, not 2"}]),
    (["two", None], [{"field": "a", "message": "Input should be a valid integer"}]),
    (
        ["two", {"$gt": 0}, ["x"]],
        [
            {"field": "a", "message": "Input should be a valid integer"},
            {"field": "b", "message": "Input should be a valid string"},
        ],
    ),
    (["two", 1, None], [{"field": "b", "message": "Input should be a valid string"}]),
    (["rest"], [{"field": "first", "message": REQUIRED}]),
    (["rest", "x", 1, []], [{"field": "more", "message": "Input should be a valid integer"}]),
    (["model", {}], [{"field": "place.name", "message": REQUIRED}]),
    (["model"], [{"field": "place", "message": REQUIRED}]),
    (
        ["model", {"name": 5, "size": 0}],
        [
            {"field": "place.name", "message": "Input should be a valid string"},
            {"field": "place.size", "message": "Input should be greater than 0"},
        ],
    ),
    (["literal", "blue"], [{"field": "colour", "message": "Input should be 'red' or 'green'"}]),
    (["literal", {}], [{"field": "colour", "message": "Input should be 'red' or 'green'"}]),
    (["anything"], [{"field": "value", "message": REQUIRED}]),
    (
        ["tree", {"a": [{"name": "x"}, {"name": None}]}],
        [{"field": "places.a.1.name", "message": "Input should be a valid string"}],
    ),
]


async def test_arguments_arrive_as_their_annotations_say() -> None:
    async with serving(with_listeners()) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        for number, (event, answer) in enumerate(GOOD):
            assert await client.ask("/people", number, *event) == {"ok": True, "data": answer}


async def test_wrong_arguments_come_back_with_what_is_wrong() -> None:
    async with serving(with_listeners()) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        for number, (event, problems) in enumerate(BAD):
            assert await client.ask("/people", number, *event) == {
                "ok": False,
                "error": {
                    "code": "invalid_payload",
                    "message": f"{event[0]} got wrong arguments",
                    "details": problems,
                },
            }


async def test_what_is_wrong_does_not_repeat_what_was_sent() -> None:
    async with serving(with_listeners()) as url, joined(url, "Ada") as ada:
        for event in ("two", "model", "union", "when", "literal"):
            ack = await ada.call(event, {"password": "a secret of mine"})
            assert ack["error"]["code"] == "invalid_payload"
            assert "a secret of mine" not in json.dumps(ack)


async def test_a_message_of_mistakes_gets_a_short_answer() -> None:
    """Naming each of a million mistakes would take seconds, in which nobody else is served."""
    async with serving(with_listeners()) as url, joined(url, "Ada") as ada:
        ack = await ada.call("tree", {"places": [{}] * 1000})
        assert ack["error"]["details"] == [{"field": "places", "message": "1000 things in it are wrong"}]

        ack = await ada.call("rest", "first", *["wrong"] * 1000)
        assert ack["error"]["code"] == "invalid_payload"
        assert len(ack["error"]["details"]) == 21


async def test_a_validator_that_crashes_is_an_internal_error(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(with_listeners()) as url, joined(url, "Ada") as ada:
        assert await ada.call("checked", 13) == INTERNAL
    assert "a validator's secret" in caplog.text


INTERNAL = {
    "ok": False,
    "error": {"code": "internal_error", "message": "The server failed to handle this", "details": None},
}


async def test_bytes_travel_both_ways_on_every_transport() -> None:
    people = with_listeners()
    content = bytes(range(256))
    async with serving(people) as url:
        async with joined(url, "Ada") as ada:
            assert await ada.call("bytes", content) == {"ok": True, "data": content[::-1]}
            assert await ada.call("anything", [content, {"a": b""}]) == {
                "ok": True,
                "data": [[content, {"a": b""}], None],
            }
            await people.send_to_client("Ada", undeclared("file"), {"content": content}, b"\x00")
            assert await ada.hears("file") == [{"content": content}, b"\x00"]
        async with raw_polling(url) as polling:
            await polling.post('40/people,{"token":"Grace"}')
            await polling.poll()
            await polling.post('451-/people,1["bytes",{"_placeholder":true,"num":0}]', "bAQID")
            assert await polling.poll_until(2) == [
                '461-/people,1[{"ok":true,"data":{"_placeholder":true,"num":0}}]',
                "bAwIB",
            ]


async def test_a_broadcast_of_bytes_reaches_every_transport() -> None:
    people = people_wrapper()
    async with serving(people) as url, joined(url, "Ada") as ada, raw_polling(url) as grace:
        await grace.post('40/people,{"token":"Grace"}')
        await grace.poll()
        await people.broadcast(undeclared("file"), b"\x01\x02\x03")
        assert await ada.hears("file") == b"\x01\x02\x03"
        assert await grace.poll_until(2) == ['451-/people,["file",{"_placeholder":true,"num":0}]', "bAQID"]


# What listeners answer.


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Node:
    name: str
    children: list["Node"] = field(default_factory=list)


def cyclic_list() -> Any:
    items: list[Any] = []
    items.append(items)
    return items


def cyclic_dict() -> Any:
    items: dict[str, Any] = {}
    items["self"] = items
    return items


def cyclic_node() -> Node:
    node = Node("loop")
    node.children.append(node)
    return node


def nested(levels: int) -> Any:
    value: Any = "deep"
    for _ in range(levels):
        value = [value]
    return value


def answering(make: Callable[[], Any], event: str = "ask") -> Wrapper:
    people = people_wrapper()

    @people.listener(event)
    async def on_ask(wrapper: Wrapper, client: Ada, person: Person) -> Any:
        return make()

    return people


SENDABLE: list[tuple[Any, Any]] = [
    (None, None),
    ((1, "a", True), [1, "a", True]),
    ({1}, [1]),
    ({"a": {"b": (1, 2)}}, {"a": {"b": [1, 2]}}),
    ({1: "int", UUID(int=7): "uuid"}, {"1": "int", "00000000-0000-0000-0000-000000000007": "uuid"}),
    (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05Z"),
    (date(2026, 1, 2), "2026-01-02"),
    (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (Decimal("1.10"), "1.10"),
    (Colour.RED, "red"),
    (Place(name="Rome"), {"name": "Rome", "size": 1}),
    ([Point(1, 2)], [{"x": 1.0, "y": 2.0}]),
    (Node("a", [Node("b")]), {"name": "a", "children": [{"name": "b", "children": []}]}),
    (b"\xff\x00", b"\xff\x00"),
    ({"a": [b"1", {"b": b"2"}]}, {"a": [b"1", {"b": b"2"}]}),
    (2**53 + 1, 2**53 + 1),
    (-0.5, -0.5),
    ("\U0001f600 \x1e \x00", "\U0001f600 \x1e \x00"),
    (nested(250), nested(250)),
    ({"_placeholder": False}, {"_placeholder": False}),
]


async def test_what_a_listener_returns_is_what_the_client_gets() -> None:
    values = iter([value for value, _ in SENDABLE])
    people = answering(lambda: next(values))
    async with serving(people) as url, joined(url, "Ada") as ada:
        for value, sent in SENDABLE:
            assert await ada.call("ask") == {"ok": True, "data": sent}
            await people.broadcast(undeclared("news"), value, value)
            assert await ada.hears("news") == [sent, sent]


@pytest.mark.parametrize(
    "make",
    [
        object,
        lambda: [1, {"a": object()}],
        lambda: float("nan"),
        lambda: [float("inf")],
        lambda: {"a": float("-inf")},
        lambda: Point(float("nan"), 0),
        lambda: {object(): 1},
        cyclic_list,
        cyclic_dict,
        cyclic_node,
        lambda: nested(100_000),
        lambda: 10**5000,
        lambda: [-(10**309)],
        lambda: asyncio.sleep,
        lambda: nested(300),
        lambda: {"a": {"_placeholder": True, "num": 0}},
    ],
    ids=[
        "object",
        "object inside",
        "nan",
        "inf inside",
        "-inf inside",
        "nan in a dataclass",
        "object as key",
        "cyclic list",
        "cyclic dict",
        "cyclic dataclass",
        "very deep",
        "a number of 5000 digits",
        "a number that is infinite in JavaScript",
        "function",
        "one level too deep",
        "what stands for a binary attachment",
    ],
)
async def test_what_cannot_be_sent_is_an_internal_error(
    make: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    people = answering(make)
    async with serving(people) as url, joined(url, "Ada") as ada:
        ack = await ada.call("ask")
        assert ack == INTERNAL
        assert "the listener of 'ask' failed" in caplog.text
        with pytest.raises(ValueError, match=r".+"):
            await people.broadcast(undeclared("news"), make())
        with pytest.raises(ValueError, match=r".+"):
            await people.send_to_client("Ada", undeclared("news"), make())
        assert (await ada.call("nothing"))["error"]["code"] == "unknown_event"


async def test_every_depth_of_nesting_is_answered() -> None:
    """Whatever is too deep for one of the steps on the way must not be too deep for the answer."""
    people = with_listeners()
    limits = GENEROUS.model_copy(update={"max_nesting": 500})
    async with serving(people, limits=limits) as url, raw_socket(url) as client, asyncio.timeout(30):
        await client.join("/people", {"token": "Ada"})
        for depth in [*range(1, 100), *range(100, 499, 7), 499]:
            value = "[" * depth + "]" * depth
            await client.send(f'42/people,1["anything",{value}]')
            packet = str(await client.receive())
            assert packet.startswith("43/people,1["), packet


# How listeners fail.


def failing(error: BaseException) -> Wrapper:
    people = people_wrapper()

    @people.listener("ask")
    async def on_ask(wrapper: Wrapper, client: Ada, person: Person) -> None:
        raise error

    return people


RAISED = [
    RuntimeError("a listener's secret"),
    TypeError("a listener's secret"),
    TimeoutError("a listener's secret"),
    StopAsyncIteration("a listener's secret"),
    ConnectionRefusedError("a listener's secret"),
    ExceptionGroup("a listener's secret", [ValueError("x")]),
]


async def test_what_a_listener_raises_is_logged_and_not_told(caplog: pytest.LogCaptureFixture) -> None:
    people = people_wrapper()

    @people.listener("ask")
    async def on_ask(wrapper: Wrapper, client: Ada, person: Person, number: int) -> None:
        raise RAISED[number]

    async with serving(people) as url, joined(url, "Ada") as ada:
        for number, error in enumerate(RAISED):
            caplog.clear()
            assert await ada.call("ask", number) == INTERNAL
            assert type(error).__name__ in caplog.text
            assert "a listener's secret" in caplog.text
            await ada.emit("ask", number)
            assert await ada.call("ask", number) == INTERNAL
            assert caplog.text.count("/people: the listener of 'ask' failed") == 3


async def test_a_cancelled_listener_answers() -> None:
    async with serving(failing(asyncio.CancelledError("secret"))) as url, joined(url, "Ada") as ada:
        for _ in range(2):
            ack = await ada.call("ask")
            assert ack["error"]["code"] == "cancelled"
            assert "secret" not in ack["error"]["message"]


async def test_a_socket_error_is_what_the_client_is_told() -> None:
    details = {"at": date(2026, 1, 2), "who": (1, Point(1, 2))}
    people = failing(SocketError("too_late", "The shop is closed", details=details))
    async with serving(people) as url, joined(url, "Ada") as ada:
        assert await ada.call("ask") == {
            "ok": False,
            "error": {
                "code": "too_late",
                "message": "The shop is closed",
                "details": {"at": "2026-01-02", "who": [1, {"x": 1.0, "y": 2.0}]},
            },
        }


@pytest.mark.parametrize(
    ("code", "message", "details"),
    [
        (404, "x", None),
        (object(), "x", None),
        ("x", ValueError("not a text"), None),
        ("x", b"bytes", None),
        ("x", "x", object()),
        ("x", "x", float("nan")),
        ("x", "x", cyclic_list()),
    ],
)
async def test_a_socket_error_that_cannot_be_sent_is_an_internal_error(
    code: Any, message: Any, details: Any
) -> None:
    people = people_wrapper()

    @people.listener("ask")
    async def on_ask(wrapper: Wrapper, client: Ada, person: Person) -> None:
        raise SocketError(code, message, details=details)

    async with serving(people) as url, joined(url, "Ada") as ada:
        assert await ada.call("ask") == INTERNAL


async def test_a_failure_without_an_ack_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    people = with_listeners()

    @people.listener("deny")
    async def on_deny(wrapper: Wrapper, client: Ada, person: Person) -> None:
        raise SocketError("denied", "not for you")

    async with serving(people) as url, joined(url, "Ada") as ada:
        await ada.emit("nothing" * 100)
        await ada.emit("two", "x")
        await ada.emit("deny")
        assert (await ada.call("none"))["ok"]
    assert [record.getMessage() for record in caplog.records] == [
        "/people: nobody waits to hear that 'nothingnothingnothingnothingnothingnothingnothingnothing"
        "nothingnothingnothingno failed: unknown_event",
        "/people: nobody waits to hear that 'two' failed: invalid_payload",
        "/people: nobody waits to hear that 'deny' failed: denied",
    ]


# How listeners are declared.


async def listens(wrapper: Any, client: Any, metadata: Any) -> None: ...


def not_async(wrapper: Any, client: Any, metadata: Any) -> None: ...


async def yields(wrapper: Any, client: Any, metadata: Any) -> Any:
    yield 1


async def too_few(wrapper: Any, client: Any) -> None: ...


async def keyword_only(wrapper: Any, client: Any, metadata: Any, *, text: str) -> None: ...


async def keyword_metadata(wrapper: Any, client: Any, *, metadata: Any) -> None: ...


async def keywords(wrapper: Any, client: Any, metadata: Any, **options: Any) -> None: ...


@pytest.mark.parametrize(
    ("event", "function", "message"),
    [
        ("say", not_async, "the listener of 'say' must be declared with `async def`"),
        ("say", yields, "the listener of 'say' must be declared with `async def`"),
        ("say", too_few, r"the listener of 'say' must take \(wrapper, client, metadata, ...\)"),
        ("say", keyword_metadata, r"the listener of 'say' must take \(wrapper, client, metadata, ...\)"),
        ("say", keyword_only, "the listener of 'say' cannot take text: str: clients send a list"),
        ("say", keywords, "the listener of 'say' cannot take "),
    ],
)
def test_what_cannot_be_a_listener_is_refused(
    event: str, function: Callable[..., Awaitable[object]], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        people_wrapper().listener(event)(function)
    with pytest.raises(TypeError, match=message):
        SocketWrapper(socket_namespace="x", listeners={event: function})


@pytest.mark.parametrize(
    "event",
    ["closing", "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"],
)
def test_reserved_events_have_no_listener(event: str) -> None:
    with pytest.raises(ValueError, match=rf"^'{event}' is reserved: it cannot have a listener$"):
        people_wrapper().listener(event)(listens)


def test_an_event_has_one_listener() -> None:
    public = SocketWrapper(socket_namespace="x", listeners={"say": listens})
    with pytest.raises(ValueError, match=r"^'say' has a listener already$"):
        public.listener("say")(listens)
    public.listener("sayAgain")(listens)


async def test_listeners_are_those_of_the_constructor_and_of_the_decorator() -> None:
    async def on_one(wrapper: SocketWrapper[None], client: Client[None], _: None, text: str) -> str:
        return f"one {text}"

    public = SocketWrapper(socket_namespace="public", listeners={"one": on_one})

    @public.listener("two")
    async def on_two(wrapper: SocketWrapper[None], client: Client[None], _: None, text: str) -> str:
        assert wrapper is public
        return f"two {text}"

    assert await on_two(public, None, None, "is still a function") == "two is still a function"  # type: ignore[arg-type]
    async with serving(public) as url, joined(url, "", "/public") as somebody:
        assert await somebody.call("one", "x") == {"ok": True, "data": "one x"}
        assert await somebody.call("two", "x") == {"ok": True, "data": "two x"}
