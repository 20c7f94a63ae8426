"""What those who run the server ask of it: is it alive, is it ready, what has it counted."""

import asyncio
import logging
import secrets
from typing import Literal

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from . import services
from .engine import STATE_KEY, SocketServer, session_ids

log = logging.getLogger(__name__)

DATABASE_TIMEOUT_S = 1.0

operations = APIRouter(tags=["operations"])


class Readiness(BaseModel):
    status: Literal[
        "ready", "ready without redis", "server stopping", "database unavailable", "redis unavailable"
    ]


@operations.get("/healthz", summary="Is the server alive?")
async def health() -> dict[str, str]:
    # Does not ask the database: restarting this server would not mend it, but would disconnect everybody.
    return {"status": "ok"}


@operations.get(
    "/readyz", summary="Should clients be sent to this server?", responses={503: {"model": Readiness}}
)
async def readiness(request: Request, response: Response) -> Readiness:
    server = server_of(request)
    if server.stopping:
        problem = Readiness(status="server stopping")
    elif not await database_answers():
        problem = Readiness(status="database unavailable")
    elif server.redis_answers is not False:
        return Readiness(status="ready")
    elif not services.settings().redis_required:
        return Readiness(status="ready without redis")
    else:
        problem = Readiness(status="redis unavailable")
    response.status_code = 503
    return problem


@operations.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """What Prometheus reads, once METRICS_TOKEN says who may."""
    token = services.settings().metrics_token.get_secret_value()
    if not token:
        raise HTTPException(404)
    shown = request.headers.get("Authorization", "")
    if not secrets.compare_digest(shown.encode(), f"Bearer {token}".encode()):
        raise HTTPException(401, "METRICS_TOKEN is required", headers={"WWW-Authenticate": "Bearer"})
    refuse_other_workers(request)
    text, media_type = server_of(request).metrics.text()
    return Response(text, media_type=media_type)


def refuse_other_workers(request: Request) -> None:
    """What is asked of one worker, no other one is to answer."""
    asked = request.query_params.get("worker", str(session_ids.number))
    if asked not in map(str, range(1, session_ids.count + 1)):
        there = f"there are 1 to {session_ids.count}" if session_ids.count > 1 else "there is only 1"
        raise HTTPException(404, f"There is no such worker: {there}")
    if asked != str(session_ids.number):
        detail = f"Worker {asked} is not there, and is about to be started again"
        raise HTTPException(503, detail, headers={"Retry-After": "2"})


def server_of(request: Request) -> SocketServer:
    server: SocketServer = getattr(request.state, STATE_KEY)
    return server


async def database_answers() -> bool:
    try:
        async with asyncio.timeout(DATABASE_TIMEOUT_S):
            await services.users().check()
    except (SQLAlchemyError, OSError) as error:  # A TimeoutError is an OSError.
        # Only of what kind: the text could have more of DATABASE_URL than is good for a log.
        log.warning("the database does not answer: %s", type(error).__name__)
        return False
    return True
