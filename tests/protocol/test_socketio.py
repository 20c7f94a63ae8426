"""The 16 cases of the Socket.IO protocol's own test suite that are not in test_engineio.py.

Source: docs/socket.io-protocol/v5-test-suite in github.com/socketio/socket.io; the order is the same.
"""

import json

import pytest

from app.engine import Limits
from tests.protocol.clients import Wire, receive, receive_but_pings, send, until_closed
from tests.protocol.suite_server import SUITE


@pytest.fixture
def limits() -> Limits:
    return SUITE


PLACEHOLDERS = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
ATTACHMENTS = [b"\x01\x02\x03", b"\x04\x05\x06"]


async def joins(wire: Wire, connect: str, accepted: str, auth: str) -> None:
    async with wire.greeted() as websocket:
        await websocket.send(connect)
        answer = await receive(websocket)
        assert answer.startswith(accepted)
        (sid,) = json.loads(answer.removeprefix(accepted)).values()
        assert answer == f'{accepted}{{"sid":"{sid}"}}'
        assert await receive(websocket) == auth


async def test_a_client_joins_the_main_namespace(wire: Wire) -> None:
    await joins(wire, "40", "40", '42["auth",{}]')


async def test_a_client_joins_the_main_namespace_with_a_payload(wire: Wire) -> None:
    await joins(wire, '40{"token":"123"}', "40", '42["auth",{"token":"123"}]')


async def test_a_client_joins_a_namespace_of_ours(wire: Wire) -> None:
    await joins(wire, "40/custom,", "40/custom,", '42/custom,["auth",{}]')


async def test_a_client_joins_a_namespace_of_ours_with_a_payload(wire: Wire) -> None:
    await joins(wire, '40/custom,{"token":"abc"}', "40/custom,", '42/custom,["auth",{"token":"abc"}]')


async def test_nobody_joins_an_unknown_namespace(wire: Wire) -> None:
    async with wire.greeted() as websocket:
        await websocket.send("40/random")
        assert await receive(websocket) == '44/random,{"message":"Invalid namespace"}'


async def test_a_connection_is_closed_that_begins_with_no_packet(wire: Wire) -> None:
    async with wire.greeted() as websocket:
        await websocket.send("4abc")
        await until_closed(websocket, within_s=0.25)


async def test_a_connection_is_closed_that_joins_nothing(wire: Wire) -> None:
    async with wire.websocket() as websocket:
        await until_closed(websocket, within_s=2)


async def test_a_client_leaves_the_main_namespace_and_stays_connected(wire: Wire) -> None:
    async with wire.joined() as websocket:
        await websocket.send("41")
        assert await receive(websocket) == "2"


async def test_a_client_leaves_one_namespace_and_stays_in_another(wire: Wire) -> None:
    async with wire.joined() as websocket:
        assert await receive(websocket) == "2"
        await websocket.send("40/custom")
        assert (await receive(websocket)).startswith("40/custom,")
        assert await receive(websocket) == '42/custom,["auth",{}]'
        await websocket.send("41/custom")
        await websocket.send('42["message","message to main namespace"]')
        assert await receive(websocket) == '42["message-back","message to main namespace"]'


async def test_an_event_is_sent_back(wire: Wire) -> None:
    async with wire.joined() as websocket:
        await websocket.send('42["message",1,"2",{"3":[true]}]')
        assert await receive(websocket) == '42["message-back",1,"2",{"3":[true]}]'


async def test_an_event_with_attachments_is_sent_back(wire: Wire) -> None:
    async with wire.joined() as websocket:
        await send(websocket, f'452-["message",{PLACEHOLDERS}]', *ATTACHMENTS)
        expected = [f'452-["message-back",{PLACEHOLDERS}]', *ATTACHMENTS]
        assert await receive_but_pings(websocket, 3) == expected


async def test_an_event_is_acknowledged(wire: Wire) -> None:
    async with wire.joined() as websocket:
        await websocket.send('42456["message-with-ack",1,"2",{"3":[false]}]')
        assert await receive(websocket) == '43456[1,"2",{"3":[false]}]'


async def test_an_event_with_attachments_is_acknowledged(wire: Wire) -> None:
    async with wire.joined() as websocket:
        await send(websocket, f'452-789["message-with-ack",{PLACEHOLDERS}]', *ATTACHMENTS)
        assert await receive_but_pings(websocket, 3) == [f"462-789[{PLACEHOLDERS}]", *ATTACHMENTS]


async def closes_after(wire: Wire, packet: str) -> None:
    async with wire.joined() as websocket:
        await websocket.send(packet)
        assert (await until_closed(websocket, within_s=0.25))[-1] == "1"


async def test_a_connection_is_closed_after_an_unknown_type(wire: Wire) -> None:
    await closes_after(wire, "4abc")


async def test_a_connection_is_closed_after_a_payload_that_is_no_event(wire: Wire) -> None:
    await closes_after(wire, "42{}")


async def test_a_connection_is_closed_after_an_id_that_is_no_number(wire: Wire) -> None:
    await closes_after(wire, '42abc["message-with-ack",1,"2",{"3":[false]}]')
