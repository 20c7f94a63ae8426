"""Whoever is not let in hears so at once, and why, but nothing of what went wrong inside."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from app.core import Client, ClientMetadata, SocketError, SocketOk, SocketWrapper, socket_nok, socket_ok
from support import serving
from tests.core.behind import until_forgotten
from tests.core.people import joined, people_wrapper, refusal
from tests.core.wire import raw_polling, raw_socket
from tests.undeclared import undeclared

SECRET = "a detail that is nobody's business"
FAILED = ("internal_error", "The server failed to decide")


@dataclass(frozen=True)
class Account:
    user_id: Any


def raising(make: Callable[[], BaseException]) -> Callable[..., Awaitable[Any]]:
    async def middleware(*_: Any) -> Any:
        raise make()

    return middleware


def returning(make: Callable[[], Any]) -> Callable[..., Awaitable[Any]]:
    async def middleware(*_: Any) -> Any:
        return make()

    return middleware


def guarded(middleware: Callable[..., Awaitable[Any]], **options: Any) -> SocketWrapper[Any]:
    return SocketWrapper(socket_namespace="people", connection_middleware=middleware, **options)


RAISED = [
    RuntimeError(SECRET),
    TypeError(SECRET),
    ValueError(SECRET),
    KeyError(SECRET),
    ConnectionRefusedError(SECRET),
    TimeoutError(SECRET),
    StopAsyncIteration(SECRET),
    RecursionError(SECRET),
    asyncio.CancelledError(SECRET),
    ExceptionGroup(SECRET, [ValueError(SECRET)]),
]


async def test_whatever_a_middleware_raises_refuses_at_once_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors = iter(RAISED)
    people = guarded(raising(lambda: next(errors)))
    async with serving(people) as url, asyncio.timeout(10):
        for error in RAISED:
            caplog.clear()
            async with asyncio.timeout(2), raw_socket(url) as client:
                await client.send("40/people,")
                await client.receives(
                    '44/people,{"message":"The server failed to decide","data":{"code":"internal_error"}}'
                )
            assert type(error).__name__ in caplog.text
            assert SECRET in caplog.text
        await until_forgotten(people)


@pytest.mark.parametrize(
    ("middleware", "key"),
    [
        (returning(lambda: None), None),
        (returning(lambda: True), None),
        (returning(lambda: socket_nok(404)), None),  # type: ignore[arg-type]
        (returning(lambda: socket_nok("No", code=object())), None),  # type: ignore[arg-type]
        (raising(lambda: SocketError("no", ValueError("x"))), None),  # type: ignore[arg-type]
        (returning(lambda: socket_ok()), "user_id"),
        (returning(lambda: socket_ok(Account(None))), "user_id"),
        (returning(lambda: socket_ok(Account(""))), "user_id"),
        (returning(lambda: socket_ok(Account(1))), "no_such_field"),
        (returning(lambda: socket_ok(Account(1), expires_at="soon")), None),  # type: ignore[call-overload]
    ],
    ids=[
        "no answer",
        "not an answer",
        "message not a text",
        "code not a text",
        "error's message not a text",
        "no metadata to find the key in",
        "key is None",
        "key is empty",
        "key is missing",
        "expiry is not a time",
    ],
)
async def test_an_answer_that_makes_no_sense_refuses_and_leaves_nothing(
    middleware: Callable[..., Awaitable[Any]], key: str | None
) -> None:
    people = guarded(middleware, client_connection_key=key)
    async with serving(people) as url, asyncio.timeout(10):
        assert await refusal(url, None) == FAILED
        await until_forgotten(people)


async def test_a_refusal_has_the_code_and_the_message_of_the_middleware() -> None:
    async with serving(people_wrapper()) as url, raw_socket(url) as client:
        await client.send("40/people,")
        await client.receives('44/people,{"message":"Who are you?","data":{"code":"no_name"}}')


async def test_a_refusal_without_a_code_says_refused() -> None:
    async with serving(guarded(returning(lambda: socket_nok("Not today")))) as url:
        assert await refusal(url, {"token": "Ada"}) == ("refused", "Not today")


async def test_a_refusal_can_have_any_text() -> None:
    message = "Zutritt verweigert \N{NO ENTRY}\x1e\x00\ud800 \"'</script>"
    async with serving(guarded(returning(lambda: socket_nok(message)))) as url, raw_polling(url) as client:
        assert await client.post("40/people,") == 200
        (packet,) = await client.poll()
        assert packet.startswith('44/people,{"message":"Zutritt verweigert \\u26d4\\u001e\\u0000\\ud800')


async def test_a_socket_error_in_a_middleware_is_a_refusal() -> None:
    async with serving(guarded(raising(lambda: SocketError("banned", "Not you")))) as url:
        assert await refusal(url, {"token": "Ada"}) == ("banned", "Not you")


async def test_a_middleware_that_takes_too_long_refuses(caplog: pytest.LogCaptureFixture) -> None:
    async def think_for_ever(*_: Any) -> Any:
        await asyncio.Event().wait()

    people = guarded(think_for_ever, middleware_timeout_s=0.1)
    async with serving(people) as url, asyncio.timeout(5):
        assert await refusal(url, None) == ("timeout", "The server took too long to decide")
        await until_forgotten(people)
    assert "/people: the middleware took over 0.1 s" in caplog.text


async def test_nobody_else_notices_a_refusal() -> None:
    people = people_wrapper()
    async with serving(people) as url, joined(url, "Ada") as ada:
        for _ in range(5):
            assert await refusal(url, {"token": ""}) == ("no_name", "Who are you?")
        await people.broadcast(undeclared("news"), 1)
        assert await ada.hears("news") == 1
        assert list(people.connected_clients) == ["Ada"]


async def test_who_was_refused_may_try_again_on_the_same_connection() -> None:
    async with serving(people_wrapper()) as url, raw_socket(url) as client:
        for _ in range(3):
            await client.send("40/people,")
            await client.receives('44/people,{"message":"Who are you?","data":{"code":"no_name"}}')
        await client.join("/people", {"token": "Ada"})


async def test_the_token_is_not_logged_when_the_middleware_fails(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="app")
    async with serving(guarded(raising(lambda: RuntimeError("oops")))) as url:
        assert await refusal(url, {"token": "my-secret-token"}) == FAILED
    assert "my-secret-token" not in "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("app")
    )


async def test_a_middleware_that_swallows_its_time_out_refuses_all_the_same() -> None:
    async def stubborn(
        wrapper: SocketWrapper[Any], client: Client[Any], comm_id: str | None, metadata: ClientMetadata
    ) -> SocketOk[None]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return socket_ok()

    people = guarded(stubborn, middleware_timeout_s=0.1)
    async with serving(people) as url, asyncio.timeout(5):
        assert await refusal(url, None) == ("timeout", "The server took too long to decide")
        await until_forgotten(people)
