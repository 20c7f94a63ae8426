"""The namespace /[= namespace =]: who may join, what is said, what is heard."""

{% if shorthand %}from typing import Annotated

from pydantic import BaseModel, Field
{% else %}from pydantic import BaseModel
{% endif %}
from ..core import Client, SocketWrapper
from ..middlewares import [= metadata =], [= middleware =]

[= object =] = SocketWrapper(
    socket_namespace="[= namespace =]",
    connection_middleware=[= middleware =],
    client_connection_key=[= client_connection_key =],
)
{% if shorthand %}
Text = Annotated[str, Field(min_length=1, max_length=2000)]


class Message(BaseModel):
    """What the others hear."""

    message: str
{% endif %}
{%- for event in typed %}

class [= event.model =](BaseModel):
    """What everybody hears when a client sends [= event.name =]."""

    user_name: str
{%- for parameter in event.parameters %}
    [= parameter.field =]
{%- endfor %}
{% endfor %}
{% for event in events %}
[= event.declaration =]
{%- endfor %}
{% for event in events %}

@[= object =].listener("[= event.name =]")
async def [= event.function =](
    wrapper: SocketWrapper[[= metadata =]],
    client: Client[[= metadata =]],
    metadata: [= metadata =],
{%- if event.model %}
{%- for parameter in event.parameters %}
    [= parameter.source =],
{%- endfor %}
) -> None:
    """Pass on what a client says. What this returns is the client's ack; `raise SocketError` to refuse."""
    await wrapper.broadcast(
        [= event.declared =],
        [= event.model =](
            user_name=metadata.user_name,
{%- for parameter in event.parameters %}
            [= parameter.given =],
{%- endfor %}
        ),
    )
{%- else %}
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
{%- endif %}
{% endfor -%}
