"""Who may connect: a middleware accepts a client with metadata that you can rely on, or refuses it."""

from dataclasses import dataclass, field
from typing import Any

from . import services
from .core import (
    Client,
    ClientMetadata,
    InvalidToken,
    SocketNok,
    SocketOk,
    SocketWrapper,
    middleware,
    socket_nok,
    socket_ok,
)


@dataclass(frozen=True)
class TokenAuth:
    """What clients of a guarded namespace send as `auth`."""

    token: str


@dataclass(frozen=True, slots=True)
class UserMetadata:
    """What the listeners of a guarded namespace know about a client."""

    user_id: str
    user_name: str
    user_email: str


@middleware(auth=TokenAuth, errors=["token_required", "invalid_token", "user_not_found"])
async def require_token(
    wrapper: SocketWrapper[Any], client: Client[Any], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[UserMetadata] | SocketNok:
    """Accept a client that shows a token of a user who exists now, until the token expires."""
    if not comm_id:
        return socket_nok("Log in first: a token is required", code="token_required")
    try:
        claims = services.token().read(comm_id)
    except InvalidToken:
        return socket_nok("The token is not valid: log in again", code="invalid_token")
    user = await services.users().get(claims.user_id)
    if user is None:
        return socket_nok("This user does not exist any more", code="user_not_found")
    return socket_ok(UserMetadata(user.id, user.name, user.email), expires_at=claims.expires_at)


@dataclass(frozen=True)
class Introduction:
    user_name: str = "somebody"


@dataclass(frozen=True)
class VisitorAuth:
    """What clients of a public namespace send as `auth`."""

    metadata: Introduction = field(default_factory=Introduction)


@dataclass(frozen=True, slots=True)
class VisitorMetadata:
    """What the listeners of a public namespace know about a client: only what it said of itself."""

    user_name: str


@middleware(auth=VisitorAuth, errors=["invalid_name"])
async def allow_anyone(
    wrapper: SocketWrapper[Any], client: Client[Any], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[VisitorMetadata] | SocketNok:
    """Accept everybody, under the name that they give themselves."""
    name = metadata.get("user_name", "somebody")
    if not isinstance(name, str) or not 1 <= len(name) <= 80 or not name.isprintable():
        return socket_nok("metadata.user_name must be 1 to 80 printable characters", code="invalid_name")
    return socket_ok(VisitorMetadata(name))
