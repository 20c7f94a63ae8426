"""A namespace for the project that is tested: what a server knows of a client, and which server it is."""

import asyncio
import os

from app.core import Client, ClientMetadata, SocketOk, SocketWrapper, socket_ok


async def let_in(
    wrapper: SocketWrapper[None], client: Client[None], comm_id: str | None, metadata: ClientMetadata
) -> SocketOk[None]:
    return socket_ok(None)


probe_socket = SocketWrapper(socket_namespace="probe", connection_middleware=let_in)


@probe_socket.listener("look")
async def on_look(
    wrapper: SocketWrapper[None], client: Client[None], metadata: None
) -> dict[str, str | None]:
    return {"node": os.environ["NODE"], "address": client.handshake.address}


@probe_socket.listener("echo")
async def on_echo(wrapper: SocketWrapper[None], client: Client[None], metadata: None, text: str) -> str:
    return text


@probe_socket.listener("later")
async def on_later(
    wrapper: SocketWrapper[None], client: Client[None], metadata: None, seconds: float
) -> None:
    await asyncio.sleep(seconds)
