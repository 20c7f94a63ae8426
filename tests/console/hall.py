"""What the console's tests talk to: a namespace for users, one for visitors with all that a form can be."""

import shutil
from pathlib import Path

SOURCE = '''
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from ..core import Client, SocketError, SocketWrapper
from ..middlewares import UserMetadata, VisitorMetadata, allow_anyone, require_token

hall = SocketWrapper(
    socket_namespace="hall", connection_middleware=require_token, client_connection_key="user_id"
)

Text = Annotated[str, Field(min_length=1, max_length=2000)]


class Message(BaseModel):
    message: str


class Task(BaseModel):
    title: str
    tags: list[str] = []


said = hall.event("said", Message)
ready = hall.question("areYouReady", answer=bool)


@hall.listener("say")
async def on_say(
    wrapper: SocketWrapper[UserMetadata], client: Client[UserMetadata], metadata: UserMetadata, text: Text
) -> int:
    """Tell all the others."""
    await wrapper.broadcast_except_client(
        client.key, said, Message(message=f"{metadata.user_name} says: {text}")
    )
    return len(text)


@hall.listener("refuse", errors=["slow_down"])
async def on_refuse(
    wrapper: SocketWrapper[UserMetadata], client: Client[UserMetadata], metadata: UserMetadata
) -> None:
    raise SocketError("slow_down", "Not so fast")


@hall.listener("ask")
async def on_ask(
    wrapper: SocketWrapper[UserMetadata], client: Client[UserMetadata], metadata: UserMetadata
) -> list[bool]:
    return [bool(answer) for answer in await wrapper.call_client(client.key, ready, timeout_s=5)]


visitors = SocketWrapper(
    socket_namespace="visitors", connection_middleware=allow_anyone, client_connection_key=None
)


@visitors.listener("everything")
async def on_everything(
    wrapper: SocketWrapper[VisitorMetadata],
    client: Client[VisitorMetadata],
    metadata: VisitorMetadata,
    text: str,
    count: int,
    is_urgent: bool,
    color: Literal["red", "green"],
    task: Task,
    note: str | None,
    ratio: float = 0.5,
    label: str = "none",
) -> list[object]:
    values = [text, count, is_urgent, color, task.model_dump(), note, ratio, label]
    return [metadata.user_name, *values]
'''


TEMPLATE = Path(__file__).resolve().parents[2] / "templates" / "project"


def write_project(project: Path) -> Path:
    """A project of the template's own `app`, with these namespaces."""
    # With what Python has compiled of it.
    shutil.copytree(TEMPLATE / "app", project / "app")
    (project / "app" / "namespaces" / "hall.py").write_text(SOURCE)
    (project / "pyproject.toml").write_text('[project]\nname = "hall"\nversion = "1.0.0"\n')
    return project
