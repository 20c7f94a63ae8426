"""What a client may say of itself when it connects, and what the middleware makes of it."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from websockets.exceptions import InvalidStatus

from app.core import Client, Handshake, SocketOk, SocketWrapper, socket_ok
from support import serving
from tests.core.people import refusal
from tests.core.wire import raw_polling, raw_socket
from tests.undeclared import undeclared


@dataclass(frozen=True)
class Account:
    user_id: str


class Heard:
    """A namespace that accepts everybody, and what its middleware was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str | None, Mapping[str, Any]]] = []
        self.handshakes: list[Handshake] = []
        self.wrapper: SocketWrapper[str] = SocketWrapper(
            socket_namespace="people", connection_middleware=self._listen
        )

    async def _listen(
        self,
        wrapper: SocketWrapper[str],
        client: Client[str],
        comm_id: str | None,
        metadata: Mapping[str, Any],
    ) -> SocketOk[str]:
        self.told.append((comm_id, metadata))
        self.handshakes.append(client.handshake)
        return socket_ok(str(comm_id))


Told = tuple[str | None, Mapping[str, Any]]
SENSIBLE: list[tuple[str, Any, Told]] = [
    ("", None, (None, {})),
    ("", {}, (None, {})),
    ("&commId=abc", None, ("abc", {})),
    ("&commId=a%20b%2Bc%26d", None, ("a b+c&d", {})),
    ("", {"token": "abc"}, ("abc", {})),
    ("&commId=query", {"token": "auth"}, ("auth", {})),
    ("&commId=query", {"token": None}, ("query", {})),
    ("&commId=query", {"token": ""}, ("", {})),
    ("&metadata=" + quote('{"room": "ä", "n": [1]}'), None, (None, {"room": "ä", "n": [1]})),
    ("&metadata=", None, (None, {})),
    ("&metadata={}", {"metadata": {"from": "auth"}}, (None, {"from": "auth"})),
    ("&metadata=[object%20Object]", {"metadata": {"from": "auth"}}, (None, {"from": "auth"})),
    ("&commId=abc&metadata=" + quote('{"a":1}'), {"other": 1}, ("abc", {"a": 1})),
]


async def test_the_middleware_is_told_what_the_client_sent() -> None:
    heard = Heard()
    async with serving(heard.wrapper) as url:
        for query, auth, told in SENSIBLE:
            heard.told.clear()
            async with raw_socket(url, query) as websocket:
                await websocket.join("/people", auth)
            async with raw_polling(url, query) as polling:
                assert await polling.post("40/people," + ("" if auth is None else json.dumps(auth))) == 200
                assert (await polling.poll())[0].startswith('40/people,{"sid"')
            assert heard.told == [told, told]


NO_OBJECT = "metadata must be an object"
NO_JSON = "metadata in the query must be JSON text"
NO_AUTH = "auth must be an object such as {token, metadata}"
NO_TEXT = "auth.token must be a string"


SENSELESS = [
    ("&metadata=[object%20Object]", "", NO_JSON),
    ("&metadata={", "", NO_JSON),
    ("&metadata=%ff%fe", "", NO_JSON),
    ("&metadata=" + "[" * 3000, "", NO_JSON),
    ("&metadata=" + "1" * 5000, "", NO_JSON),
    ("&metadata=[]", "", NO_OBJECT),
    ("&metadata=5", "", NO_OBJECT),
    ("&metadata=null", "", NO_OBJECT),
    ('&metadata="text"', "", NO_OBJECT),
    ("", '"token"', NO_AUTH),
    ("", "[]", NO_AUTH),
    ("", "[1]", NO_AUTH),
    ("", "-5", NO_AUTH),
    ("", "true", NO_AUTH),
    ("", "false", NO_AUTH),
    ("", '{"token":5}', NO_TEXT),
    ("", '{"token":{"a":1}}', NO_TEXT),
    ("", '{"token":["abc"]}', NO_TEXT),
    ("", '{"token":false}', NO_TEXT),
    ("&commId=abc", '{"token":0}', NO_TEXT),
    ("", '{"metadata":[]}', NO_OBJECT),
    ("", '{"metadata":"{}"}', NO_OBJECT),
    ("", '{"metadata":0}', NO_OBJECT),
    ("&metadata={}", '{"metadata":false}', NO_OBJECT),
]


async def test_a_handshake_that_makes_no_sense_is_refused_before_the_middleware() -> None:
    heard = Heard()
    async with serving(heard.wrapper) as url:
        for query, auth, message in SENSELESS:
            async with raw_socket(url, query) as client:
                await client.send(f"40/people,{auth}")
                error = f'{{"message":"{message}","data":{{"code":"invalid_handshake"}}}}'
                await client.receives(f"44/people,{error}")
    assert heard.told == []


async def test_an_unknown_namespace_is_refused_with_a_message() -> None:
    heard = Heard()
    unknown = ("unknown_namespace", "There is no such namespace")
    async with serving(heard.wrapper) as url:
        assert await refusal(url, None, "/peopl") == unknown
        assert await refusal(url, None, "/") == unknown
        async with raw_socket(url) as client:
            await client.send("40")
            await client.receives(
                '44{"message":"There is no such namespace","data":{"code":"unknown_namespace"}}'
            )
            await client.send("40/people?commId=1,")
            assert str(await client.receive()).startswith('40/people,{"sid"')


async def test_the_address_is_that_of_the_connection() -> None:
    heard = Heard()
    headers = {"X-Forwarded-For": "6.6.6.6", "X-Custom": "yes"}
    async with (
        serving(heard.wrapper) as url,
        raw_socket(url, "&a=1", headers=headers, address="127.0.0.9") as client,
    ):
        await client.join("/people")
    (handshake,) = heard.handshakes
    assert handshake.address == "127.0.0.9"
    assert handshake.headers["x-custom"] == "yes"
    assert handshake.query == {"EIO": "4", "transport": "websocket", "a": "1"}


async def test_pages_of_other_sites_may_not_connect() -> None:
    heard = Heard()
    elsewhere = {"Origin": "https://elsewhere.example"}
    async with serving(heard.wrapper) as url:
        with pytest.raises(InvalidStatus):
            async with raw_socket(url, headers=elsewhere):
                pass
        async with (
            aiohttp.ClientSession(headers=elsewhere) as http,
            http.get(f"{url}/socket.io/?EIO=4&transport=polling") as answer,
        ):
            assert answer.status == 400
        async with raw_socket(url, headers={"Origin": url}) as client:
            await client.join("/people")


async def test_what_a_client_says_of_itself_is_not_what_it_is() -> None:
    """The key is a field of the middleware's metadata: no client can choose to be somebody else."""

    async def trust_nobody(
        wrapper: SocketWrapper[Any], client: Client[Any], comm_id: str | None, metadata: Mapping[str, Any]
    ) -> SocketOk[Any]:
        return socket_ok(Account(f"user of {comm_id}"))

    people: SocketWrapper[Any] = SocketWrapper(
        socket_namespace="people", connection_middleware=trust_nobody, client_connection_key="user_id"
    )
    forged = {"token": "mallory", "metadata": {"user_id": "ada"}, "user_id": "ada"}
    async with (
        serving(people) as url,
        raw_socket(url, "&user_id=ada&metadata=" + quote('{"user_id":"ada"}')) as client,
    ):
        await client.join("/people", forged)
        assert list(people.connected_clients) == ["user of mallory"]
        assert await people.send_to_client("ada", undeclared("news")) == 0


async def test_a_long_query_is_read_in_no_time_by_who_goes_through_it() -> None:
    heard = Heard()
    query = "".join(f"&{number:x}=" for number in range(1_600))
    async with serving(heard.wrapper) as url, raw_socket(url, query) as client:
        await client.join("/people")
    (handshake,) = heard.handshakes
    began_s = time.process_time()

    read = dict(handshake.query)

    assert time.process_time() - began_s < 1  # Reading all of it for each name would take four.
    assert len(read) == 1_602
