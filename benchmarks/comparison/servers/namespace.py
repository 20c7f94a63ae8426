"""The namespace /bench, which the comparison adds to a generated project: what all its servers do, written as
any namespace of the project is.
"""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from ..core import Client, SocketWrapper
from ..middlewares import UserMetadata, require_token

bench = SocketWrapper(
    socket_namespace="bench",
    connection_middleware=require_token,
    client_connection_key="user_id",
)

Text = Annotated[str, Field(min_length=1, max_length=2000)]
Wrapper = SocketWrapper[UserMetadata]


class Message(BaseModel):
    """What is heard of what somebody said."""

    message: str


msg = bench.event("msg", object)
saying_stuff = bench.event("sayingStuff", Message)


@bench.listener("echo")
async def echo(wrapper: Wrapper, client: Client[UserMetadata], metadata: UserMetadata, data: Any) -> Any:
    return data


@bench.listener("bcast")
async def bcast(wrapper: Wrapper, client: Client[UserMetadata], metadata: UserMetadata, data: Any) -> None:
    await wrapper.broadcast(msg, data)


@bench.listener("sendTo")
async def send_to(
    wrapper: Wrapper, client: Client[UserMetadata], metadata: UserMetadata, user_id: str, data: Any
) -> None:
    await wrapper.send_to_client(user_id, msg, data)


@bench.listener("sayStuff")
async def say_stuff(
    wrapper: Wrapper, client: Client[UserMetadata], metadata: UserMetadata, text: Text
) -> None:
    others_hear = Message(message=f"User {metadata.user_name} says: {text}")
    await wrapper.broadcast_except_client(client.key, saying_stuff, others_hear)
    await wrapper.send_to_client(client.key, saying_stuff, Message(message=f"You said: {text} ..."))
