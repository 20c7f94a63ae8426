"""Who the client scripts say they are."""

from typing import NotRequired, TypedDict

import aiohttp

# For trying things out on your own machine; ask a person for theirs.
PASSWORD = "correct horse battery staple"  # noqa: S105


class Token(TypedDict):
    token: str


class Names(TypedDict):
    user_name: NotRequired[str]


class Introduction(TypedDict):
    metadata: NotRequired[Names]


class LogInFailed(Exception):
    """The server did not give a token; the text says why."""


async def log_in(url: str, name: str) -> Token:
    """The `auth` of a guarded namespace: a token of the user `name`, who is registered when new.

    Raises:
        LogInFailed: The server refused.
        aiohttp.ClientConnectionError: There is no server at `url`.
    """
    account = {"email": f"{'.'.join(name.lower().split())}@example.com", "password": PASSWORD}
    async with aiohttp.ClientSession(url) as http:
        async with http.post("/api/users", json={"name": name, **account}) as answer:
            if answer.status == 201:
                return {"token": (await answer.json())["token"]}
            if answer.status != 409:  # 409: registered before.
                raise LogInFailed(f"cannot register {name!r}: {answer.status} {await answer.text()}")
        async with http.post("/api/login", json=account) as answer:
            if answer.status != 200:
                raise LogInFailed(f"cannot log in as {name!r}: {answer.status} {await answer.text()}")
            return {"token": (await answer.json())["token"]}


async def introduce(url: str, name: str) -> Introduction:
    """The `auth` of a public namespace: only a name."""
    return {"metadata": {"user_name": name}}
