"""Logs: who asked for what, but never the token that a client may have put into the URL."""

import aiohttp
from support import RunningServer

SOCKET_IO = "/socket.io/?EIO=4&transport={transport}&commId=TOKEN-IN-THE-URL"


async def test_a_token_in_a_url_is_not_logged(server: RunningServer) -> None:
    polling = server.url + SOCKET_IO.format(transport="polling")
    websocket = server.url + SOCKET_IO.format(transport="websocket")
    async with aiohttp.ClientSession() as http:
        async with http.get(polling) as answer:
            assert answer.status == 200
        async with http.ws_connect(websocket) as socket:
            await socket.receive()

    log = server.log_path.read_text()
    assert '"GET /socket.io/ HTTP/1.1" 200' in log
    assert '"WebSocket /socket.io/" [accepted]' in log
    assert "TOKEN-IN-THE-URL" not in log
