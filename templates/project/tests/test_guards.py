"""Every namespace that `require_token` guards, and those to come: who gets in, and who does not."""

import aiohttp
import pytest
from support import RunningServer
from typed import Refused, SocketClient

from app.core import Token
from app.middlewares import require_token
from app.namespaces import find_namespaces
from app.users import Users

GUARDED = [
    wrapper.namespace for wrapper in find_namespaces() if wrapper.connection_middleware is require_token
]

pytestmark = pytest.mark.parametrize("namespace", GUARDED)


def client(server: RunningServer, namespace: str, auth: dict[str, str] | None) -> SocketClient:
    return SocketClient(server.url, auth, namespace=namespace)


async def refusal(server: RunningServer, namespace: str, auth: dict[str, str]) -> str:
    """The code with which the server refuses `auth`."""
    with pytest.raises(Refused) as refused:
        await client(server, namespace, auth).connect()
    return refused.value.code


async def test_no_token_is_refused(server: RunningServer, namespace: str) -> None:
    assert await refusal(server, namespace, {}) == "token_required"


async def test_a_malformed_token_is_refused(server: RunningServer, namespace: str) -> None:
    assert await refusal(server, namespace, {"token": "not.a.token"}) == "invalid_token"


async def test_an_expired_token_is_refused(server: RunningServer, namespace: str) -> None:
    expired = Token(server.secret, lifetime_s=-1).issue("anybody")

    assert await refusal(server, namespace, {"token": expired}) == "invalid_token"


async def test_a_token_of_another_server_is_refused(server: RunningServer, namespace: str) -> None:
    foreign = Token("the secret of another server, as long as ours", lifetime_s=60).issue("anybody")

    assert await refusal(server, namespace, {"token": foreign}) == "invalid_token"


async def test_a_deleted_user_is_refused(server: RunningServer, namespace: str) -> None:
    users = Users(server.database_url)
    email = f"gone{namespace.replace('/', '.')}@example.com"
    user = await users.create(name="Gone", email=email, password="a password nobody needs")
    await users.delete(user.id)
    await users.close()
    token = Token(server.secret, lifetime_s=60).issue(user.id)

    assert await refusal(server, namespace, {"token": token}) == "user_not_found"


async def test_whoever_deletes_the_account_is_disconnected(server: RunningServer, namespace: str) -> None:
    users = Users(server.database_url)
    email = f"leaving{namespace.replace('/', '.')}@example.com"
    user = await users.create(name="Leaving", email=email, password="a password nobody needs")
    await users.close()
    token = Token(server.secret, lifetime_s=60).issue(user.id)
    async with client(server, namespace, {"token": token}) as leaving:
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(headers=headers) as http:
            (await http.delete(f"{server.url}/api/users/me")).raise_for_status()

        assert (await leaving.ended).code == "user_deleted"


async def test_a_token_in_the_query_works_as_well(
    server: RunningServer, token_of_ada: str, namespace: str
) -> None:
    async with SocketClient(f"{server.url}?commId={token_of_ada}", namespace=namespace):
        pass


async def test_an_expired_token_ends_the_connection(server: RunningServer, namespace: str) -> None:
    users = Users(server.database_url)
    email = f"late{namespace.replace('/', '.')}@example.com"
    user = await users.create(name="Late", email=email, password="a password nobody needs")
    await users.close()
    token = Token(server.secret, lifetime_s=3).issue(user.id)

    async with client(server, namespace, {"token": token}) as late:
        assert await late.expect_untyped("closing") == {"code": "token_expired", "message": "Log in again"}
        assert (await late.ended).code == "token_expired"
