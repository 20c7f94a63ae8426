"""python -m benchmarks.comparison.contract PORT IDENTITIES: does this server do what all of them have to do?

Asks with python-socketio's own client, over WebSockets and long-polling. A server that does less than another
would be faster for that alone.
"""

import asyncio
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import socketio
from socketio.exceptions import ConnectionError as NotConnected

NAMESPACE = "/bench"
ANSWERS_WITHIN_S = 5


class Wrong(Exception):
    """The server did something else."""


class Person:
    """A client, and what it has heard."""

    def __init__(self, port: int, identity: str, transports: list[str]) -> None:
        self.key, self._token = identity.split()
        self._url, self._transports = f"http://127.0.0.1:{port}", transports
        self.client = socketio.AsyncClient(reconnection=False)
        self.heard: list[tuple[str, Any]] = []
        self.client.on("*", self._hear, namespace=NAMESPACE)

    async def _hear(self, event: str, data: Any) -> None:
        self.heard.append((event, data))

    async def __aenter__(self) -> "Person":
        await self.client.connect(
            self._url, auth={"token": self._token}, namespaces=[NAMESPACE], transports=self._transports
        )
        return self

    async def __aexit__(self, *exception: object) -> None:
        # python-socketio's server lets a polling client wait for its next ping before it lets it go.
        with suppress(TimeoutError):
            await asyncio.wait_for(self.client.disconnect(), 0.5)

    async def say(self, event: str, *arguments: Any) -> None:
        await self.client.emit(event, arguments, namespace=NAMESPACE)

    async def ask(self, event: str, *arguments: Any) -> Any:
        return await self.client.call(event, arguments, namespace=NAMESPACE, timeout=ANSWERS_WITHIN_S)


async def hears(people: list[Person], expected: list[list[tuple[str, Any]]]) -> None:
    for _ in range(ANSWERS_WITHIN_S * 100):
        if sum(len(person.heard) for person in people) >= sum(map(len, expected)):
            break
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)  # Nobody may hear more than that.
    must_be(expected, [person.heard for person in people])
    for person in people:
        person.heard.clear()


def must_be(expected: object, got: object) -> None:
    if got != expected:
        raise Wrong(f"expected {expected!r}, got {got!r}")


async def refuses(port: int, identity: str) -> None:
    stranger = Person(port, identity, ["websocket"])
    try:
        async with stranger:
            raise Wrong("a forged token is accepted")
    except NotConnected:
        await stranger.client.disconnect()


async def main(port: int, identities: list[str]) -> None:
    transports = (["websocket"], ["polling", "websocket"], ["polling"])
    async with AsyncExitStack() as stack:
        people = [
            await stack.enter_async_context(Person(port, identity, transport))
            for identity, transport in zip(identities[:3], transports, strict=True)
        ]
        ada, ben, cleo = people
        payload = {"x": 1, "u": "è€\N{GRINNING FACE}", "l": [1, None, True, 2.5]}
        for person in people:
            for said in (payload, "y" * 100_000, b"\x00\xff"):
                must_be({"ok": True, "data": said}, await person.ask("echo", said))
        await ada.say("bcast", payload)
        await hears(people, [[("msg", payload)]] * 3)
        await cleo.say("sendTo", ben.key, payload)
        await hears(people, [[], [("msg", payload)], []])
        await ada.say("sayStuff", "hi")
        others = [("sayingStuff", {"message": "User name 0 says: hi"})]
        await hears(people, [[("sayingStuff", {"message": "You said: hi ..."})], others, others])
    await refuses(port, f"{ada.key} {identities[3].split()[1][:-2]}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]).read_text().splitlines()))
