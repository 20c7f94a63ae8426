"""Clients that do not read what they are sent."""

import asyncio
from collections.abc import Callable

import pytest
from starlette.types import Message, Receive, Scope, Send

from app.engine.websocket import CLOSED, WebSocket
from tests.core.behind import until
from tests.core.tcp import LOOPS, OPEN_WEBSOCKET, serving_app, tcp


class Talker:
    """An application that sends to each WebSocket for ever."""

    def __init__(self) -> None:
        self.sockets: list[WebSocket] = []
        self.sent = 0
        self.errors: list[BaseException] = []
        self.left: list[str | bytes | None] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            return
        websocket = WebSocket(scope, receive, send)
        self.sockets.append(websocket)
        await websocket.receive()
        await websocket.accept()
        try:
            while True:
                await websocket.send(bytes(65536))
                self.sent += 1
        except CLOSED as error:
            self.errors.append(error)
        self.left.append(await websocket.receive())

    async def until_stuck(self) -> None:
        before = -1
        while before != self.sent or not self.sent:
            before = self.sent
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_websocket_whose_client_does_not_read_can_be_aborted_at_once(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    talker = Talker()

    async def scenario() -> None:
        async with serving_app(talker) as port, tcp(port) as client:
            await client.send(OPEN_WEBSOCKET)
            await talker.until_stuck()

            talker.sockets[0].abort()

            await until(lambda: talker.left, within_s=2)
            assert len(await client.until_closed()) < talker.sent * 65536

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())
    assert [type(error).__name__ for error in talker.errors] == ["ClientDisconnected"]
    assert talker.left == [None]


async def test_servers_that_cannot_abort_a_websocket_are_not_asked_to() -> None:
    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        pass

    WebSocket({"type": "websocket"}, receive, send).abort()
    WebSocket({"type": "websocket", "extensions": {}}, receive, send).abort()
