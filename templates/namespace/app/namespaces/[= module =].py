"""The namespace /[= namespace =]: who may join, what is said, what is heard."""

from typing import Annotated

from pydantic import BaseModel, Field

from ..core import Client, SocketWrapper
from ..middlewares import [= metadata =], [= middleware =]

[= object =] = SocketWrapper(
    socket_namespace="[= namespace =]",
    connection_middleware=[= middleware =],
    client_connection_key=[= client_connection_key =],
)

Text = Annotated[str, Field(min_length=1, max_length=2000)]


class Message(BaseModel):
    """What the others hear."""

    message: str

{% for event in events %}
[= event.declared =] = [= object =].event("[= event.heard =]", Message)
{%- endfor %}
{% for event in events %}

@[= object =].listener("[= event.name =]")
async def [= event.function =](
    wrapper: SocketWrapper[[= metadata =]],
    client: Client[[= metadata =]],
    metadata: [= metadata =],
    text: Text,
) -> None:
    """Pass on what a client says. What this returns is the client's ack; `raise SocketError` to refuse."""
    others_hear = Message(message=f"User {metadata.user_name} says: {text}")
    await wrapper.broadcast_except_client(
        client.key,
        [= event.declared =],
        others_hear,
    )
    await wrapper.send_to_client(
        client.key,
        [= event.declared =],
        Message(message=f"You said: {text} ..."),
    )
{% endfor -%}
