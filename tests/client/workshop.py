"""A namespace that says all kinds of things, for clients that know its contract."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from app.contract import contract_of
from app.core import (
    Client,
    ClientMetadata,
    SocketError,
    SocketNok,
    SocketOk,
    SocketWrapper,
    middleware,
    socket_nok,
    socket_ok,
)

Who = SocketWrapper[str]


@dataclass
class Badge:
    name: str


class Task(BaseModel):
    """Something to do."""

    title: Annotated[str, Field(min_length=1)]
    urgent: bool = False
    parts: list["Task"] = []


class Place(BaseModel):
    where: Literal["bench", "yard"]
    at: tuple[int, float] | None


@middleware(auth=Badge, errors=["no_badge"])
async def show_badge(
    wrapper: SocketWrapper[Any], client: Client[Any], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[str] | SocketNok:
    auth = client.handshake.auth
    name = auth.get("name") if isinstance(auth, dict) else None
    return socket_ok(str(name)) if name else socket_nok("Show your badge", code="no_badge")


def workshop() -> SocketWrapper[str]:
    wrapper = SocketWrapper(socket_namespace="workshop", connection_middleware=show_badge)
    added = wrapper.event("added", Task, int)
    tick = wrapper.event("tick")
    where = wrapper.question("where", str, answer=Place)

    @wrapper.listener("added", errors=["too_much"])
    async def on_added(
        wrapper: Who, client: Client[str], name: str, task: Task, count: int = 1
    ) -> list[Task]:
        """Add a task; clients hear the same name."""
        if count > 9:
            raise SocketError("too_much", "No more than nine", details={"most": 9})
        await wrapper.send_to_client(client.key, added, task, count)
        return [task] * count

    @wrapper.listener("sum-up")
    async def on_sum_up(wrapper: Who, client: Client[str], name: str, *numbers: float) -> float:
        await wrapper.send_to_client(client.key, tick)
        return sum(numbers)

    @wrapper.listener("find")
    async def on_find(wrapper: Who, client: Client[str], name: str, thing: str) -> Place | None:
        return next(iter(await wrapper.call_client(client.key, where, thing)), None)

    @wrapper.listener("leave")
    async def on_leave(wrapper: Who, client: Client[str], name: str) -> None:
        await client.disconnect(code="closing_time", message="Until tomorrow")

    return wrapper


def contract() -> dict[str, Any]:
    return contract_of([workshop()], title="workshop", version="1", host="127.0.0.1")
