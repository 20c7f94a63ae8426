"""A namespace that notes everything that is called in it, and whose middleware waits when it is told to."""

import asyncio

from app.core import Client, ClientMetadata, DisconnectReason, SocketNok, SocketOk, SocketWrapper
from tests.core.people import Person, by_name


class Watched:
    def __init__(self) -> None:
        self.calls: list[str] = []
        self.may_decide = asyncio.Event()
        self.may_decide.set()
        self.wrapper: SocketWrapper[Person] = SocketWrapper(
            socket_namespace="people",
            connection_middleware=self._middleware,
            client_connection_key="name",
            after_client_connect=self._welcome,
            on_client_disconnect=self._farewell,
            listeners={"shout": self._shout},
        )

    async def _middleware(
        self,
        wrapper: SocketWrapper[Person],
        client: Client[Person],
        comm_id: str | None,
        metadata: ClientMetadata,
    ) -> SocketOk[Person] | SocketNok:
        self.calls.append("middleware")
        await self.may_decide.wait()
        return await by_name(wrapper, client, comm_id, metadata)

    async def _welcome(self, wrapper: SocketWrapper[Person], client: Client[Person], person: Person) -> None:
        self.calls.append(f"welcome {person.name}")

    async def _farewell(
        self, wrapper: SocketWrapper[Person], client: Client[Person], reason: DisconnectReason
    ) -> None:
        self.calls.append(f"farewell {client.key}: {reason}")

    async def _shout(
        self, wrapper: SocketWrapper[Person], client: Client[Person], person: Person, text: str = ""
    ) -> str:
        self.calls.append(f"shout {person.name} {text}")
        return text.upper()
