"""`GET /asyncapi.json`."""

import tomllib
from functools import cache
from typing import Any, Final

from fastapi import APIRouter, Request

from ..namespaces import find_namespaces
from ..service_urls import PROJECT
from . import contract_of

HOST: Final = "127.0.0.1:3000"

contract = APIRouter(tags=["contract"])


@contract.get("/asyncapi.json", summary="The Socket.IO events, as AsyncAPI 3.0")
async def asyncapi(request: Request) -> dict[str, Any]:
    document = _contract()
    server = {**document["servers"]["default"], "variables": {"host": {"default": request.url.netloc}}}
    return {**document, "servers": {"default": server}}


@cache
def _contract() -> dict[str, Any]:
    name, version = name_and_version()
    return contract_of(find_namespaces(), title=name, version=version, host=HOST)


def name_and_version() -> tuple[str, str]:
    """Those of the project, where its pyproject.toml is at hand: an image has none."""
    path = PROJECT / "pyproject.toml"
    project = tomllib.loads(path.read_text("utf-8"))["project"] if path.exists() else {}
    return project.get("name", "app"), project.get("version", "0")
