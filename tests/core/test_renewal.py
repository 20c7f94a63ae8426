"""`renewToken`: a client whose time is running out stays, if it shows that it is still who it was."""

import asyncio
import time
from typing import Any

import pytest

from app.core import Client, ClientMetadata, SocketNok, SocketOk, SocketWrapper, socket_nok, socket_ok
from support import serving
from tests.core.behind import until, until_forgotten
from tests.core.people import Person, by_name, people_wrapper
from tests.core.wire import raw_socket

WRONG_ARGUMENTS = {
    "ok": False,
    "error": {
        "code": "invalid_payload",
        "message": "renewToken has one argument: the token",
        "details": None,
    },
}
LIFETIME_S = 0.4


async def for_a_while(
    wrapper: SocketWrapper[Person], client: Client[Person], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[Person] | SocketNok:
    """A token is a name, and how many seconds it lasts: `Ada 60`."""
    name, _, lifetime = str(comm_id).partition(" ")
    if name == "hang":
        await asyncio.sleep(60)
    if name == "crash":
        raise RuntimeError("the database is on fire")
    if name == "nobody":
        return socket_nok("Log in again", code="invalid_token")
    return socket_ok(Person(name), expires_at=time.time() + float(lifetime or LIFETIME_S))


def expiring() -> SocketWrapper[Person]:
    people = people_wrapper()
    people.connection_middleware = for_a_while
    people.middleware_timeout_s = 0.2
    return people


def refused(code: str, message: str) -> dict[str, Any]:
    return {"ok": False, "error": {"code": code, "message": message, "details": None}}


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("Eve 60", refused("wrong_client", "This token is somebody else's")),
        ("nobody", refused("invalid_token", "Log in again")),
        ("crash", refused("internal_error", "The server failed to decide")),
        ("hang", refused("timeout", "The server took too long to decide")),
        *((token, WRONG_ARGUMENTS) for token in (None, 7, ["Ada 60"], {"token": "Ada 60"})),
    ],
)
async def test_a_renewal_that_is_refused_changes_nothing(token: object, expected: object) -> None:
    people = expiring()
    async with serving(people) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        (ada,) = people.get_connected_sockets()
        ends_at = ada.expires_at

        assert await client.ask("/people", 1, "renewToken", token) == expected

        assert (ada.key, ada.metadata, ada.expires_at) == ("Ada", Person("Ada"), ends_at)
        await client.receives('42/people,["closing",{"code":"token_expired","message":"Log in again"}]')
        await client.receives("41/people,")


@pytest.mark.parametrize("arguments", [[], ["Ada 60", "Ada 60"]])
async def test_a_renewal_has_one_argument(arguments: list[str]) -> None:
    async with serving(expiring()) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})

        assert await client.ask("/people", 1, "renewToken", *arguments) == WRONG_ARGUMENTS


async def test_who_shows_a_fresh_token_stays_until_that_one_expires() -> None:
    people = expiring()
    async with serving(people) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})
        (ada,) = people.get_connected_sockets()

        for _ in range(3):
            await asyncio.sleep(LIFETIME_S / 2)
            ack = await client.ask("/people", 1, "renewToken", "Ada")
            assert ack == {"ok": True, "data": {"expires_at": ada.expires_at}}

        assert people.get_client_by_id("Ada") is ada
        renewed = time.monotonic()
        await client.receives('42/people,["closing",{"code":"token_expired","message":"Log in again"}]')
        assert LIFETIME_S * 0.8 < time.monotonic() - renewed < LIFETIME_S + 1


async def test_what_the_middleware_says_now_is_what_listeners_know_from_now_on() -> None:
    people = expiring()

    async def promoted(
        wrapper: SocketWrapper[Person], client: Client[Person], comm_id: str | None, metadata: ClientMetadata
    ) -> SocketOk[Person]:
        assert metadata == {"tab": 1}
        return socket_ok(Person("Ada"))

    async with serving(people) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada", "metadata": {"tab": 1}})
        people.connection_middleware = promoted

        ack = await client.ask("/people", 1, "renewToken", "Ada")

        assert ack == {"ok": True, "data": {"expires_at": None}}
        await asyncio.sleep(LIFETIME_S * 1.5)
        assert people.get_client_by_id("Ada") is not None


async def test_who_leaves_during_a_renewal_leaves_no_timer() -> None:
    people = expiring()
    people.middleware_timeout_s = 5
    decide = asyncio.Event()

    async def slowly(
        wrapper: SocketWrapper[Person], client: Client[Person], comm_id: str | None, metadata: ClientMetadata
    ) -> SocketOk[Person]:
        await decide.wait()
        return socket_ok(Person("Ada"), expires_at=time.time() + 60)

    async with serving(people) as url:
        async with raw_socket(url) as client:
            await client.join("/people", {"token": "Ada"})
            people.connection_middleware = slowly
            await client.send('42/people,1["renewToken","Ada"]')
            await asyncio.sleep(0.05)
        await until(lambda: not people.get_connected_sockets())
        decide.set()
        await until_forgotten(people)


@pytest.mark.parametrize("key", [None, "name"])
async def test_only_where_a_field_says_who_a_client_is_can_it_renew(key: str | None) -> None:
    people: SocketWrapper[Person] = SocketWrapper(
        socket_namespace="people", connection_middleware=by_name, client_connection_key=key
    )
    async with serving(people) as url, raw_socket(url) as client:
        await client.join("/people", {"token": "Ada"})

        ack = await client.ask("/people", 1, "renewToken", "Ada")

    assert ack["ok"] is (key is not None)


def test_no_listener_takes_it() -> None:
    with pytest.raises(ValueError, match="'renewToken' is reserved"):
        people_wrapper().listener("renewToken")(None)  # type: ignore[arg-type]
