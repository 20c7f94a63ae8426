"""A node that passes on what its clients say, and prints when it is told that somebody came or went."""

import time
from typing import Any

from app.core import Client, Presence, SocketWrapper
from tests.cluster.apart import serve
from tests.core.people import Person, people_wrapper
from tests.undeclared import undeclared

people = people_wrapper()


async def came(wrapper: SocketWrapper[Person], presence: Presence) -> None:
    print(f"came {presence.key} {time.monotonic()}", flush=True)


async def went(wrapper: SocketWrapper[Person], presence: Presence) -> None:
    print(f"went {presence.key} {time.monotonic()}", flush=True)


people.on_client_online, people.on_client_offline = came, went


@people.listener("join")
async def on_join(wrapper: SocketWrapper[Person], client: Client[Person], person: Person, room: str) -> None:
    await client.join(room)


@people.listener("say")
async def on_say(
    wrapper: SocketWrapper[Person], client: Client[Person], person: Person, said: dict[str, Any]
) -> int | None:
    to = said["to"]
    match said["kind"]:
        case "all":
            await wrapper.broadcast(undeclared("said"), said)
        case "all but":
            await wrapper.broadcast_except_client(to, undeclared("said"), said)
        case "room":
            await wrapper.send_to_room(to, undeclared("said"), said)
        case "client":
            return await wrapper.send_to_client(to, undeclared("said"), said)
    return None


@people.listener("who")
async def on_who(wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> dict[str, Any]:
    count = await wrapper.count_online()
    online = {key: presence.connections for key, presence in (await wrapper.online()).items()}
    return {"online": online, "clients": count.clients, "connections": count.connections}


if __name__ == "__main__":
    serve(people)
