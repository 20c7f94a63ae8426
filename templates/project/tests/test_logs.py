"""Logs: who asked for what, but never the token that a client may have put into the URL."""

import json
from pathlib import Path

import aiohttp
from support import RunningServer, register, start_server, stop_server

SOCKET_IO = "/socket.io/?EIO=4&transport={transport}&commId=TOKEN-IN-THE-URL"


async def connect_both_ways(server: RunningServer) -> None:
    polling = server.url + SOCKET_IO.format(transport="polling")
    websocket = server.url + SOCKET_IO.format(transport="websocket")
    async with aiohttp.ClientSession() as http:
        async with http.get(polling) as answer:
            assert answer.status == 200
        async with http.ws_connect(websocket) as socket:
            await socket.receive()


async def test_requests_are_not_logged(server: RunningServer) -> None:
    before = server.log_path.read_text()
    await connect_both_ways(server)
    assert server.log_path.read_text() == before


async def test_a_token_in_a_url_is_not_logged(tmp_path: Path) -> None:
    server = start_server(tmp_path, ACCESS_LOG="true")
    try:
        await connect_both_ways(server)
    finally:
        stop_server(server)

    log = server.log_path.read_text()
    assert '"GET /socket.io/ HTTP/1.1" 200' in log
    assert '"WebSocket /socket.io/" [accepted]' in log
    assert "TOKEN-IN-THE-URL" not in log


async def test_machines_get_a_json_object_per_line(tmp_path: Path) -> None:
    server = start_server(tmp_path, LOG_FORMAT="json", ACCESS_LOG="true")
    try:
        await register(server.url, "Ada")
    finally:
        stop_server(server)

    records = [json.loads(line) for line in server.log_path.read_text().splitlines()]
    (registration,) = (record for record in records if "/api/users" in record["message"])
    assert registration.pop("timestamp").endswith("+00:00")
    assert registration.pop("message").endswith('"POST /api/users HTTP/1.1" 201')
    assert registration == {"level": "INFO", "logger": "uvicorn.access"}
