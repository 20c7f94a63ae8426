"""What app/engine relies on in python-socketio, python-engineio and uvicorn without being promised it.

When one of these fails after an upgrade of the libraries, an override no longer does what it is for.
"""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import engineio
import pytest
import socketio
import uvicorn
from engineio.async_drivers import asgi
from engineio.async_socket import AsyncSocket
from socketio.base_manager import BaseManager
from starlette.types import Message, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.engine.cluster.rooms import ClusterRooms
from app.engine.engineio_polling import PollingSocket
from app.engine.engineio_server import EngineServer
from app.engine.engineio_socket import EngineSocket
from app.engine.environ import environ_of
from app.engine.rooms import Rooms
from app.engine.socketio_server import Server
from app.engine.uvicorn_http import HttpProtocol
from app.engine.uvicorn_server import UvicornServer
from app.engine.uvicorn_websocket import WebSocketProtocol
from tests.core.behind import engine_alone

EMIT = "self, event, data, namespace, room=None, skip_sid=None, callback=None, to=None, **kwargs"
# Each with the parameters that the library passes, or that we pass to it.
OVERRIDDEN: list[tuple[type, type, str, str]] = [
    (socketio.AsyncServer, Server, "_engineio_server_class", "self"),
    (socketio.AsyncServer, Server, "_handle_eio_connect", "self, eio_sid, environ"),
    (socketio.AsyncServer, Server, "disconnect", "self, sid, namespace=None, ignore_queue=False"),
    (engineio.AsyncServer, EngineServer, "handle_request", "self, *args, **kwargs"),
    (engineio.AsyncServer, EngineServer, "generate_id", "self"),
    (engineio.AsyncServer, EngineServer, "_handle_connect", "self, environ, transport, jsonp_index=None"),
    (engineio.AsyncServer, EngineServer, "_ok", "self, packets=None, headers=None, jsonp_index=None"),
    (AsyncSocket, PollingSocket, "handle_get_request", "self, environ"),
    (AsyncSocket, EngineSocket, "handle_get_request", "self, environ"),
    (AsyncSocket, PollingSocket, "handle_post_request", "self, environ"),
    (AsyncSocket, PollingSocket, "poll", "self"),
    (AsyncSocket, EngineSocket, "close", "self, wait=True, abort=False, reason=None"),
    (AsyncSocket, EngineSocket, "schedule_ping", "self"),
    (AsyncSocket, EngineSocket, "send", "self, pkt"),
    (socketio.AsyncManager, Rooms, "emit", EMIT),
    (socketio.AsyncManager, Rooms, "basic_enter_room", "self, sid, namespace, room, eio_sid=None"),
    (socketio.AsyncManager, Rooms, "basic_leave_room", "self, sid, namespace, room"),
    (socketio.AsyncManager, Rooms, "basic_disconnect", "self, sid, namespace, **kwargs"),
    (socketio.AsyncManager, Rooms, "get_participants", "self, namespace, room"),
    (socketio.AsyncRedisManager, ClusterRooms, "initialize", "self"),
    (socketio.AsyncRedisManager, ClusterRooms, "_publish", "self, data"),
    (socketio.AsyncRedisManager, ClusterRooms, "_listen", "self"),
    (uvicorn.Server, UvicornServer, "run", "self, sockets=None"),
    (uvicorn.Server, UvicornServer, "startup", "self, sockets=None"),
    (uvicorn.Server, UvicornServer, "shutdown", "self, sockets=None"),
    (HttpToolsProtocol, HttpProtocol, "connection_made", "self, transport"),
    (HttpToolsProtocol, HttpProtocol, "connection_lost", "self, exc"),
    (HttpToolsProtocol, HttpProtocol, "data_received", "self, data"),
    (HttpToolsProtocol, HttpProtocol, "pause_writing", "self"),
    (HttpToolsProtocol, HttpProtocol, "resume_writing", "self"),
    (HttpToolsProtocol, HttpProtocol, "on_message_begin", "self"),
    (HttpToolsProtocol, HttpProtocol, "on_header", "self, name, value"),
    (HttpToolsProtocol, HttpProtocol, "on_headers_complete", "self"),
    (HttpToolsProtocol, HttpProtocol, "on_body", "self, body"),
    (HttpToolsProtocol, HttpProtocol, "on_message_complete", "self"),
    (HttpToolsProtocol, HttpProtocol, "handle_websocket_upgrade", "self"),
    (HttpToolsProtocol, HttpProtocol, "shutdown", "self"),
    (WebSocketsSansIOProtocol, WebSocketProtocol, "connection_made", "self, transport"),
    (WebSocketsSansIOProtocol, WebSocketProtocol, "connection_lost", "self, exc"),
    (WebSocketsSansIOProtocol, WebSocketProtocol, "data_received", "self, data"),
    (WebSocketsSansIOProtocol, WebSocketProtocol, "handle_events", "self"),
    (WebSocketsSansIOProtocol, WebSocketProtocol, "handle_cont", "self, event"),
    (WebSocketsSansIOProtocol, WebSocketProtocol, "send_receive_event_to_app", "self"),
    (WebSocketsSansIOProtocol, WebSocketProtocol, "handle_ping", "self"),
    (WebSocketsSansIOProtocol, WebSocketProtocol, "pause_writing", "self"),
    (WebSocketsSansIOProtocol, WebSocketProtocol, "resume_writing", "self"),
    (WebSocketsSansIOProtocol, WebSocketProtocol, "shutdown", "self"),
    (WebSocketsSansIOProtocol, WebSocketProtocol, "run_asgi", "self"),
]
CALLED: list[tuple[Callable[..., Any], str]] = [
    (socketio.AsyncServer._handle_ack, "self, eio_sid, namespace, id, data"),
    (engineio.AsyncServer._make_response, "self, response_dict, environ"),
    (engineio.AsyncServer._trigger_event, "self, event, *args, **kwargs"),
    (BaseManager.pre_connect, "self, eio_sid, namespace"),
    (socketio.AsyncManager.connect, "self, sid, namespace"),
]
# Of what the library says of a request; engineio and socketio look at nothing of it.
UNUSED = [
    *("PATH_INFO", "RAW_URI", "REMOTE_ADDR", "REMOTE_PORT", "SCRIPT_NAME", "SERVER_NAME", "SERVER_PORT"),
    *("SERVER_PROTOCOL", "SERVER_SOFTWARE", "wsgi.async", "wsgi.errors", "wsgi.multiprocess"),
    *("wsgi.multithread", "wsgi.run_once", "wsgi.version"),
]


def parameters(function: Callable[..., Any]) -> str:
    found = inspect.signature(function).parameters.values()
    return ", ".join(str(each.replace(annotation=inspect.Parameter.empty)) for each in found)


@pytest.mark.parametrize(("base", "ours", "name", "expected"), OVERRIDDEN)
def test_what_is_overridden_is_called_as_before(base: type, ours: type, name: str, expected: str) -> None:
    theirs = getattr(base, name, None)
    assert theirs is not None, f"{base.__name__}.{name} is gone: nothing calls {ours.__name__}.{name} now"
    assert parameters(theirs) == expected, f"{base.__name__}.{name} has changed: see {ours.__name__}.{name}"
    assert name in vars(ours), f"{ours.__name__} no longer overrides {name}: remove it from this list"
    both = (inspect.iscoroutinefunction(theirs), inspect.iscoroutinefunction(getattr(ours, name)))
    assert len(set(both)) == 1, f"{base.__name__}.{name} is awaited now, or no more"


@pytest.mark.parametrize(("function", "expected"), CALLED)
def test_what_is_called_takes_what_it_took(function: Callable[..., Any], expected: str) -> None:
    assert parameters(function) == expected, f"{function.__qualname__} has changed"


def test_nothing_else_of_the_libraries_is_overridden_by_accident() -> None:
    listed = {(ours, name) for _, ours, name, _ in OVERRIDDEN}
    for base, ours in {(base, ours) for base, ours, _, _ in OVERRIDDEN}:
        same = {name for name in vars(ours) if name in dir(base) and callable(getattr(base, name))}
        assert {(ours, name) for name in same if not name.startswith("__")} <= listed


async def answered(server: EngineServer, query: str, method: str, body: bytes = b"") -> tuple[int, bytes]:
    """How the library, with no gate before it, answers a request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "method": method,
        "path": "/",
        "headers": [],
        "query_string": query.encode(),
    }
    await engineio.AsyncServer.handle_request(server, scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


@pytest.mark.parametrize("method", ["GET", "POST", "websocket"])
async def test_a_request_is_to_engineio_what_the_library_would_make_of_it(method: str) -> None:
    headers = [(b"host", b"localhost"), (b"x-twice", b"1"), (b"X-Twice", b"2"), (b"x-latin", b"\xe9")]
    headers += [(b"content-type", b"text/plain"), (b"content-length", b"4"), (b"x-forwarded-proto", b"https")]
    scope: Scope = {"type": "http", "method": method, "path": "/", "headers": headers}
    scope["query_string"] = b"EIO=4&x=%C3%A9"
    message: Message = {"type": "http.request", "body": b"4abc"}
    if method == "websocket":
        scope["type"], message = "websocket", {"type": "websocket.connect"}
        del scope["method"]

    async def receive() -> Message:
        return message

    async def send(message: Message) -> None: ...

    theirs = await asgi.translate_request(scope, receive, send)
    ours = await environ_of(scope, receive, send)

    body = ours.pop("wsgi.input")
    if method == "POST":
        assert await body.read(4) == await theirs["wsgi.input"].read(4) == b"4abc"
    unused = {name: theirs[name] for name in UNUSED}
    assert {**ours, **unused, "wsgi.input": theirs["wsgi.input"]} == theirs
    server = engine_alone()
    assert server.eio._async["translate_request"] is environ_of
    library: Any = engineio.AsyncServer(async_mode="asgi")
    assert library._async["translate_request"] is asgi.translate_request


async def test_sockets_are_ours_and_are_where_the_library_looks_for_them() -> None:
    server = engine_alone()
    assert set(server.eio.handlers) == {"connect", "message", "disconnect"}
    assert await answered(server.eio, "EIO=4&transport=polling", "GET")
    (socket,) = server.eio.sockets.values()
    assert type(socket) is EngineSocket
    assert server.eio.transport(socket.sid) == "polling"
    assert list(server.connections) == [socket.sid]
    await socket.close()
    assert (server.eio.sockets, server.connections, server.environ) == ({}, {}, {})
    assert type(server.eio) is EngineServer


async def test_the_library_makes_no_task_that_looks_for_dead_clients() -> None:
    """Its sockets' pings would be counted twice. `_handle_connect` is what would start it."""
    server = engine_alone()
    await answered(server.eio, "EIO=4&transport=polling", "GET")
    assert server.eio.service_task_handle is None
    assert len(asyncio.all_tasks()) == 1


async def test_the_library_answers_400_to_a_post_that_raises_and_closes_its_session() -> None:
    server = engine_alone()
    await answered(server.eio, "EIO=4&transport=polling", "GET")
    (sid,) = server.eio.sockets
    assert await answered(server.eio, f"transport=polling&sid={sid}", "POST", b"4abc") == (
        400,
        b'"Bad Request"',
    )
    assert server.eio.sockets == {}


def test_a_socket_begins_as_if_it_had_answered_a_ping() -> None:
    """`schedule_ping` sends none while one is to be answered, which `last_ping` says."""
    socket: Any = AsyncSocket(engineio.AsyncServer(async_mode="asgi"), "sid")
    assert socket.last_ping
    assert (socket.connected, socket.upgrading, socket.upgraded, socket.closing) == (False,) * 4


async def test_a_room_that_the_library_refuses_hides_no_client() -> None:
    server = engine_alone()
    ada, eve = server.manager.add("ada", "/"), server.manager.add("eve", "/")
    with pytest.raises(ValueError, match="cannot enter a sid room"):
        await server.enter_room(eve, ada)
    assert list(server.manager.receivers("/", ada)) == ["ada"]
