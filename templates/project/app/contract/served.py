"""`GET /asyncapi.json`."""

import logging
import tomllib
from functools import cache
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request

from ..namespaces import find_namespaces
from ..service_urls import PROJECT
from . import contract_of
from .schemas import ContractError

log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1:3000"

contract = APIRouter(tags=["contract"])


@contract.get("/asyncapi.json", summary="The Socket.IO events, as AsyncAPI 3.0")
async def asyncapi(request: Request) -> dict[str, Any]:
    document = _contract()
    if isinstance(document, ContractError):
        raise HTTPException(500, "The contract cannot be described: the log says why")
    server = {**document["servers"]["default"], "variables": {"host": {"default": request.url.netloc}}}
    return {**document, "servers": {"default": server}}


@cache  # An error as well: whoever asks again must not cost more.
def _contract() -> dict[str, Any] | ContractError:
    name, version = name_and_version()
    try:
        return contract_of(find_namespaces(), title=name, version=version, host=HOST)
    except ContractError as error:
        log.error("GET /asyncapi.json: %s", error)
        return error


def name_and_version() -> tuple[str, str]:
    """Those of the project, where its pyproject.toml is at hand: an image has none."""
    path = PROJECT / "pyproject.toml"
    project = tomllib.loads(path.read_text("utf-8"))["project"] if path.exists() else {}
    return project.get("name", "app"), project.get("version", "0")
