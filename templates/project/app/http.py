"""The HTTP API: register, log in, renew a token. The rest of the conversation goes over Socket.IO."""

from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, Secret, StringConstraints
from starlette.types import Lifespan

from . import accounts, services
from .attempts import TooManyAttempts
from .body_limit import BodyLimit, BodyTooLarge
from .console import create_console
from .contract.served import contract
from .core.tokens import InvalidToken
from .engine.addresses import origin_of
from .operations import operations, server_of
from .passwords import TooBusy
from .users import EmailTaken, User

# A name, an address and a password need far less.
MAX_BODY_BYTES = 16_384

users = APIRouter(prefix="/api", tags=["users"])
_bearer = HTTPBearer(auto_error=False, description="A token of /api/users, /api/login or /api/token.")


def create_http(lifespan: Lifespan[FastAPI]) -> FastAPI:
    """The HTTP application; its documentation is at /docs.

    Args:
        lifespan: What starts before the first request and stops after the last one.
    """
    settings = services.settings()
    try_it = " Try them in the [console](console)." if settings.has_console else ""
    http = FastAPI(
        title="HTTP API",
        summary="Tokens to connect with over Socket.IO.",
        description=f"The Socket.IO events are described by [AsyncAPI](asyncapi.json).{try_it}",
        lifespan=lifespan,
    )
    http.include_router(users)
    http.include_router(operations)
    http.include_router(contract)
    if settings.has_console:
        http.include_router(create_console(settings.console_client))
    http.get("/", include_in_schema=False)(root)
    http.exception_handler(RequestValidationError)(explain_invalid_body)
    http.exception_handler(TooBusy)(explain_too_busy)
    http.exception_handler(TooManyAttempts)(explain_too_many_attempts)
    http.exception_handler(BodyTooLarge)(explain_too_large)
    http.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    if origins := settings.allowed_origins:
        http.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        )
    return http


def _printable(text: str) -> str:
    # Line breaks and invisible characters would let a name imitate other people's messages.
    if not text.isprintable():
        raise ValueError("must not contain control characters")
    return text


class _Body(BaseModel):
    """A request's body. A misspelled field is an error, instead of being ignored."""

    model_config = ConfigDict(extra="forbid")


class NewUser(_Body):
    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=80),
        AfterValidator(_printable),
    ]
    email: EmailStr
    password: Secret[Annotated[str, Field(min_length=8, max_length=128)]]


class Credentials(_Body):
    email: EmailStr
    # No minimum: whoever registered when it was lower can still log in.
    password: Secret[Annotated[str, Field(max_length=128)]]


class PublicUser(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    email: str


class TokenAnswer(BaseModel):
    """The token to connect with, and whose it is."""

    token: str
    user: PublicUser


class Problem(BaseModel):
    detail: str


@users.post(
    "/users",
    status_code=201,
    summary="Register",
    responses={409: {"model": Problem}, 429: {"model": Problem}},
)
async def register(body: NewUser, request: Request) -> TokenAnswer:
    await services.attempts().count(body.email, _address_of(request))
    try:
        user = await services.users().create(body.name, body.email, body.password.get_secret_value())
    except EmailTaken:
        raise HTTPException(409, "This e-mail address is registered already") from None
    return _answer(user)


@users.post("/login", summary="Log in", responses={401: {"model": Problem}, 429: {"model": Problem}})
async def log_in(body: Credentials, request: Request) -> TokenAnswer:
    await services.attempts().count(body.email, _address_of(request))
    user = await services.users().authenticate(body.email, body.password.get_secret_value())
    if user is None:
        # One answer for both, or it would tell who is registered.
        raise _unauthorized("The e-mail address or the password is wrong")
    return _answer(user)


@users.post("/token", summary="Renew a token", responses={401: {"model": Problem}})
async def renew(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]) -> TokenAnswer:
    return _answer(await _user_of(credentials))


@users.delete("/users/me", status_code=204, summary="Delete my account", responses={401: {"model": Problem}})
async def delete_account(
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    await accounts.delete_user((await _user_of(credentials)).id)


async def root() -> RedirectResponse:
    return RedirectResponse("/docs")


async def explain_invalid_body(_request: Request, error: RequestValidationError) -> JSONResponse:
    """FastAPI's own answer, without the refused values: a password must not come back in clear text."""
    problems = [{key: problem[key] for key in ("type", "loc", "msg")} for problem in error.errors()[:20]]
    return JSONResponse({"detail": problems}, status_code=422)


async def explain_too_busy(_request: Request, _error: TooBusy) -> JSONResponse:
    """Source: RFC 9110, sections 15.6.4 (503) and 10.2.3 (Retry-After)."""
    return JSONResponse(
        {"detail": "Too many people are logging in: try again"}, status_code=503, headers={"Retry-After": "2"}
    )


async def explain_too_many_attempts(request: Request, error: TooManyAttempts) -> JSONResponse:
    """Source: RFC 6585, section 4."""
    server_of(request).refused("rate_limited", _address_of(request), "too many attempts to log in")
    return JSONResponse(
        {"detail": "Too many attempts: try again later"},
        status_code=429,
        headers={"Retry-After": str(error.retry_after_s)},
    )


async def explain_too_large(request: Request, error: BodyTooLarge) -> Response:
    server_of(request).refused("too_large", _address_of(request), error.detail)
    return await http_exception_handler(request, error)


def _address_of(request: Request) -> str:
    return origin_of(request.client and request.client.host)


async def _user_of(credentials: HTTPAuthorizationCredentials | None) -> User:
    try:
        claims = services.token().read(credentials and credentials.credentials)
    except InvalidToken:
        raise _unauthorized("The token is not valid: log in again") from None
    user = await services.users().get(claims.user_id)
    if user is None:
        raise _unauthorized("The token is not valid: log in again")
    return user


def _answer(user: User) -> TokenAnswer:
    return TokenAnswer(token=services.token().issue(user.id), user=PublicUser.model_validate(user))


def _unauthorized(detail: str) -> HTTPException:
    """Source: RFC 9110, section 15.5.2: a 401 says how to authenticate."""
    return HTTPException(401, detail, headers={"WWW-Authenticate": "Bearer"})
