"""Namespaces to make contracts of."""

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any

from app.contract import contract_of
from app.core import SocketWrapper
from app.middlewares import UserMetadata, require_token


@dataclass
class Task:
    title: str


def tasks_socket() -> SocketWrapper[UserMetadata]:
    return SocketWrapper(
        socket_namespace="tasks", connection_middleware=require_token, client_connection_key="user_id"
    )


def contract(*wrappers: SocketWrapper[Any]) -> dict[str, Any]:
    return contract_of(wrappers, title="test", version="1", host="127.0.0.1:3000")


def payload_of(document: dict[str, Any], message: str) -> dict[str, Any]:
    found: dict[str, Any] = document["channels"]["tasks"]["messages"][message]["payload"]
    return found


def taking(*annotations: Any, answer: Any = None, **defaults: Any) -> SocketWrapper[UserMetadata]:
    """A namespace that takes `add` with arguments of these types, called a, b and so on."""
    tasks = tasks_socket()
    names = "abc"[: len(annotations)]

    async def on_add(*args: Any) -> Any: ...

    types = dict(zip(names, annotations, strict=True))
    parameters = [
        Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=defaults.get(name, Parameter.empty))
        for name in ["wrapper", "client", "metadata", *names]
    ]
    on_add.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    on_add.__annotations__ = {**types, "return": answer}
    tasks.listener("add")(on_add)
    return tasks


def hearing(*types: Any) -> SocketWrapper[UserMetadata]:
    tasks = tasks_socket()
    declare: Callable[..., object] = tasks.event
    declare("added", *types)
    return tasks
