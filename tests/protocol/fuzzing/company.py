"""The application of the fuzzed server: middlewares, hooks and listeners of every temper."""

import asyncio
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from app.core import (
    Client,
    ClientMetadata,
    DisconnectReason,
    SocketError,
    SocketNok,
    SocketOk,
    SocketWrapper,
    socket_nok,
    socket_ok,
)
from app.core.wire import to_plain
from tests.protocol.fuzzing.steps import Act
from tests.undeclared import undeclared


class Planned(Exception):
    """An application that fails: what is logged of it is no trouble."""


class PlannedCancel(asyncio.CancelledError):
    pass


class PlannedExit(SystemExit):
    pass


@dataclass(frozen=True)
class Person:
    name: str


class Node(BaseModel):
    children: list["Node"]


Wrapper = SocketWrapper[Person]


async def decide(
    wrapper: Wrapper, client: Client[Person], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[Person] | SocketNok:
    """The token says what becomes of its bearer."""
    match comm_id:
        case None | "refuse":
            return socket_nok("No")
        case "crash":
            raise Planned
        case "cancel":
            raise PlannedCancel
        case "exit":
            raise PlannedExit
        case "hang":
            await asyncio.sleep(60)
        case "stubborn":
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        case "slow":
            await asyncio.sleep(0.004)
        case "brief":
            return socket_ok(Person("brief"), expires_at=time.time() + 0.005)
    return socket_ok(Person(comm_id[:40] or "nobody"))


class Company:
    """Namespaces, and who is owed a farewell in them."""

    def __init__(self) -> None:
        self.metrics: Any = None
        self.welcomed: Counter[str] = Counter()
        self.left: Counter[str] = Counter()
        guarded: dict[str, Any] = {
            "connection_middleware": decide,
            "client_connection_key": "name",
            "middleware_timeout_s": 0.05,
        }
        self.people: Wrapper = SocketWrapper(socket_namespace="people", **guarded)
        self.root: Wrapper = SocketWrapper(socket_namespace="", **guarded)
        # Listeners do not mind that nobody there has metadata.
        self.open: Wrapper = SocketWrapper(socket_namespace="open")  # type: ignore[assignment]
        self.wrappers = [self.people, self.root, self.open]
        for wrapper in self.wrappers:
            wrapper.after_client_connect = self._welcome
            wrapper.on_client_disconnect = self._farewell
            add_listeners(wrapper)

    async def _welcome(self, wrapper: Wrapper, client: Client[Person], person: Person) -> None:
        self.welcomed[client.sid] += 1
        if client.key != "Witness":
            await client.emit(undeclared("welcome"), client.key)
        if client.key == "hook":
            raise Planned

    async def _farewell(self, wrapper: Wrapper, client: Client[Person], reason: DisconnectReason) -> None:
        self.left[client.sid] += 1
        if client.key == "slow":
            await asyncio.sleep(0.002)
        if client.key == "hook":
            raise PlannedCancel

    @property
    def without_farewell(self) -> set[str]:
        return set(self.welcomed) - set(self.left)

    def wrong(self) -> str | None:
        """What does not add up, now that everybody has gone."""
        twice = {sid for sid, times in self.left.items() if times > 1 or self.welcomed[sid] > 1}
        unknown = set(self.left) - set(self.welcomed)
        self.welcomed.clear()
        self.left.clear()
        if twice or unknown:
            return f"farewells: twice {twice}, without a welcome {unknown}"
        counted = self.metrics._connections
        return f"connections are counted as {counted}" if any(counted.values()) else None

    async def act(self, step: Act) -> None:
        for wrapper in self.wrappers:
            match step.what:
                case "broadcast":
                    await wrapper.broadcast(undeclared("news"), {"text": "\ud800"})
                case "broadcast bytes":
                    await wrapper.broadcast(undeclared("news"), b"\x00\x01", "and text")
                case "room":
                    await wrapper.send_to_room("hall", undeclared("news"), [b"1", b"2"])
                case "kick":
                    for client in wrapper.get_connected_sockets()[:1]:
                        await client.disconnect()
                case "dismiss":
                    await wrapper.disconnect_client("Ada")


def add_listeners(wrapper: Wrapper) -> None:
    async def echo(wrapper: Wrapper, client: Client[Person], person: Person, *values: Any) -> Any:
        try:
            return to_plain(values)
        except ValueError as error:
            raise SocketError("unsendable", "No") from error

    async def count(wrapper: Wrapper, client: Client[Person], person: Person, number: int = 0) -> int:
        return min(number, 2**40) + 1

    async def tree(wrapper: Wrapper, client: Client[Person], person: Person, node: Node) -> int:
        return len(node.children)

    async def shout(wrapper: Wrapper, client: Client[Person], person: Person, text: str) -> None:
        await wrapper.broadcast_except_client(client.key, undeclared("shouted"), text[:1000])

    async def blob(
        wrapper: Wrapper, client: Client[Person], person: Person, content: bytes = b"\x00\x01"
    ) -> bytes:
        await wrapper.broadcast(undeclared("blob"), content)
        return content

    async def join(wrapper: Wrapper, client: Client[Person], person: Person, room: str = "hall") -> None:
        await client.join(room)

    async def leave(wrapper: Wrapper, client: Client[Person], person: Person, room: str = "hall") -> None:
        await client.leave(room)

    async def quit(wrapper: Wrapper, client: Client[Person], person: Person) -> None:
        await client.disconnect()
        await client.join("hall")

    async def kick(wrapper: Wrapper, client: Client[Person], person: Person) -> None:
        for other in wrapper.get_connected_sockets():
            await other.disconnect()

    async def dismiss(wrapper: Wrapper, client: Client[Person], person: Person, name: str = "Ada") -> int:
        return await wrapper.disconnect_client(name)

    async def slow(wrapper: Wrapper, client: Client[Person], person: Person) -> None:
        await asyncio.sleep(0.003)

    async def fail(wrapper: Wrapper, client: Client[Person], person: Person) -> None:
        raise Planned

    async def cancel(wrapper: Wrapper, client: Client[Person], person: Person) -> None:
        raise PlannedCancel

    async def exit(wrapper: Wrapper, client: Client[Person], person: Person) -> None:
        raise PlannedExit

    for listener in (
        echo, count, tree, shout, blob, join, leave, quit, kick, dismiss, slow, fail, cancel, exit
    ):  # fmt: skip
        wrapper.listener(listener.__name__)(listener)
