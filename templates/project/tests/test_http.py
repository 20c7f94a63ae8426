"""The HTTP API, as a client sees it: real requests to the real server."""

import secrets
from typing import Any

import aiohttp
import pytest
from support import RunningServer

from app.core.tokens import Token
from app.users import Users

PASSWORD = "correct horse battery staple"


async def post(url: str, body: Any = None, *, token: str | None = None) -> tuple[int, Any]:
    """The status of the answer, and its JSON."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with aiohttp.ClientSession() as http, http.post(url, json=body, headers=headers) as answer:
        return answer.status, await answer.json()


def an_address() -> str:
    return f"ada.{secrets.token_hex(8)}@example.com"


async def test_register_log_in_and_renew_answer_with_a_token_of_the_user(server: RunningServer) -> None:
    email = an_address()
    registered, first = await post(
        f"{server.url}/api/users", {"name": " Ada ", "email": email.upper(), "password": PASSWORD}
    )
    logged_in, second = await post(f"{server.url}/api/login", {"email": email, "password": PASSWORD})
    renewed, third = await post(f"{server.url}/api/token", token=second["token"])

    assert (registered, logged_in, renewed) == (201, 200, 200)
    user_id = first["user"]["id"]
    assert first["user"] == second["user"] == third["user"] == {"id": user_id, "name": "Ada", "email": email}
    reader = Token(server.secret, lifetime_s=6000)
    assert [reader.read(answer["token"]).user_id for answer in (first, second, third)] == [user_id] * 3


async def test_an_address_can_be_registered_once(server: RunningServer) -> None:
    account = {"name": "Ada", "email": an_address(), "password": PASSWORD}
    await post(f"{server.url}/api/users", account)
    account["email"] = account["email"].upper()
    assert await post(f"{server.url}/api/users", account) == (
        409,
        {"detail": "This e-mail address is registered already"},
    )


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(server: RunningServer) -> None:
    email = an_address()
    await post(f"{server.url}/api/users", {"name": "Ada", "email": email, "password": PASSWORD})
    wrong = await post(f"{server.url}/api/login", {"email": email, "password": "wrong password"})
    unknown = await post(f"{server.url}/api/login", {"email": an_address(), "password": "wrong password"})
    assert wrong == unknown == (401, {"detail": "The e-mail address or the password is wrong"})


async def test_a_token_that_is_no_longer_good_cannot_be_renewed(server: RunningServer) -> None:
    account = {"name": "Ada", "email": an_address(), "password": PASSWORD}
    _, answer = await post(f"{server.url}/api/users", account)
    users = Users(server.database_url)
    await users.delete(answer["user"]["id"])
    await users.close()
    expired = Token(server.secret, lifetime_s=0).issue(answer["user"]["id"])

    for token in (answer["token"], expired, "nonsense", None):
        assert await post(f"{server.url}/api/token", token=token) == (
            401,
            {"detail": "The token is not valid: log in again"},
        )


async def test_a_deleted_account_is_gone(server: RunningServer) -> None:
    account = {"name": "Ada", "email": an_address(), "password": PASSWORD}
    _, answer = await post(f"{server.url}/api/users", account)
    headers = {"Authorization": f"Bearer {answer['token']}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        async with http.delete(f"{server.url}/api/users/me") as first:
            assert (first.status, await first.read()) == (204, b"")
        async with http.delete(f"{server.url}/api/users/me") as second:
            assert second.status == 401

    assert await post(f"{server.url}/api/login", {key: account[key] for key in ("email", "password")}) == (
        401,
        {"detail": "The e-mail address or the password is wrong"},
    )


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"name": "   "}, ["body", "name"]),
        ({"name": "A" * 81}, ["body", "name"]),
        ({"name": "Ada\nGrace: hello"}, ["body", "name"]),
        ({"email": "not an address"}, ["body", "email"]),
        ({"password": "7 bytes"}, ["body", "password"]),
        ({"password": "x" * 129}, ["body", "password"]),
        ({"is_admin": True}, ["body", "is_admin"]),
    ],
)
async def test_a_refused_body_is_explained_and_not_repeated(
    server: RunningServer, change: dict[str, Any], loc: list[str]
) -> None:
    account = {"name": "Ada", "email": an_address(), "password": PASSWORD, **change}
    status, answer = await post(f"{server.url}/api/users", account)
    assert (status, [problem["loc"] for problem in answer["detail"]]) == (422, [loc])
    assert [sorted(problem) for problem in answer["detail"]] == [["loc", "msg", "type"]]
    assert account["password"] not in str(answer)


async def test_health_and_documentation_are_public(server: RunningServer) -> None:
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{server.url}/healthz") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})
        async with http.get(f"{server.url}/openapi.json") as answer:
            assert set((await answer.json())["paths"]) == {
                "/api/users",
                "/api/users/me",
                "/api/login",
                "/api/token",
                "/asyncapi.json",
                "/healthz",
                "/readyz",
            }


async def test_a_body_that_is_too_large_is_refused(server: RunningServer) -> None:
    body = {"email": an_address(), "password": PASSWORD, "more": "x" * 100_000}
    assert await post(f"{server.url}/api/login", body) == (413, {"detail": "A body has at most 16384 bytes"})
    assert "127.0.0.1 is over a limit, too_large: A body has at most" in server.log_path.read_text()


async def test_a_body_of_mistakes_gets_a_short_answer(server: RunningServer) -> None:
    status, answer = await post(f"{server.url}/api/login", {str(n): n for n in range(1000)})
    assert status == 422
    assert len(answer["detail"]) == 20
