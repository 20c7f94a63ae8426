"""What a server remembers of its clients, behind what it tells them."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from app.core import SocketWrapper
from app.engine.limits import DEFAULT_LIMITS
from app.engine.metrics import Metrics
from app.engine.rooms import Rooms
from app.engine.roster import Roster
from app.engine.socketio_server import Server


def engine_alone() -> Any:
    """A python-socketio server without wrappers, on its own."""
    return Server(None, DEFAULT_LIMITS, Metrics(), Rooms(), Roster(DEFAULT_LIMITS.connections_per_client), {})


def engine_of(wrapper: SocketWrapper[Any]) -> Any:
    """The python-socketio server under a wrapper that is being served."""
    return cast(Any, wrapper.transport)._server


def ping_every(wrapper: SocketWrapper[Any], interval_s: float, *, timeout_s: float) -> None:
    """Find dead clients sooner; clients that connect from now on are told so."""
    engine_of(wrapper).eio.ping_interval = interval_s
    engine_of(wrapper).eio.ping_timeout = timeout_s


def remembered(wrapper: SocketWrapper[Any]) -> dict[str, Any]:
    """Everything that a client leaves behind while it is connected: empty when nobody is."""
    engine = engine_of(wrapper)
    lifecycle = engine.handlers[wrapper.namespace]
    everything = {
        "registry": wrapper.connected_clients,
        "rooms": engine.manager.rooms,
        "callbacks": engine.manager.callbacks,
        "pending": (engine.manager.pending_connect, engine.manager.pending_disconnect),
        "sessions": engine.sessions,
        "busy": engine.busy,
        "half a binary packet": [half for each in engine.connections.values() if (half := each.half)],
        "connections": engine.connections,
        "sockets": engine.eio.sockets,
        "environ": engine.environ,
        "tallies": dict(engine.admission._connections._counts),
        "roster": engine.roster.entries,
        "asked": engine.manager._asked,
        "lifecycle": lifecycle._clients,
        "timers": lifecycle._expiries,
        "disconnecting": lifecycle._tasks,
    }
    return {name: found for name, found in everything.items() if found and found != ({}, {})}


def tasks() -> Counter[str]:
    """The names of the coroutines that run, but for the caller's."""
    running = asyncio.all_tasks() - {asyncio.current_task()}
    return Counter(getattr(task.get_coro(), "__qualname__", "?") for task in running)


async def until(condition: Callable[[], object], *, within_s: float = 5) -> None:
    deadline = asyncio.get_running_loop().time() + within_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)


async def until_forgotten(wrapper: SocketWrapper[Any], *, within_s: float = 8) -> None:
    """Wait until the server remembers nobody."""
    try:
        await until(lambda: not remembered(wrapper), within_s=within_s)
    except AssertionError:
        raise AssertionError(f"still remembered: {remembered(wrapper)}") from None
