"""The end of a server: nobody is accepted, all are disconnected, and every farewell is said."""

import asyncio

from .socketio_server import Server

# For farewells, when what came before them has been cancelled.
FAREWELLS_S = 1.0


async def stop(server: Server, grace_s: float) -> None:
    """Calls that take longer than `grace_s` are cancelled."""
    if server.stopping:
        return
    server.stopping = True
    for socket in list(server.eio.sockets.values()):
        # Without a packet that says goodbye: clients see a lost connection, and reconnect by themselves.
        await socket.close(wait=False, abort=True, reason="server shutting down")
    await _wait_until_idle(server, grace_s)
    for session in list(server.busy):
        session.hurry()
    await _wait_until_idle(server, FAREWELLS_S)
    await server.roster.finish(FAREWELLS_S)
    await server.shutdown()


async def _wait_until_idle(server: Server, limit_s: float) -> None:
    if workers := [session.worker for session in server.busy if session.worker]:
        await asyncio.wait(workers, timeout=limit_s)
