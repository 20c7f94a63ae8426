"""python-socketio on uvicorn, both with their defaults.

PORT, TOKEN_SECRET and DATABASE are in the environment. Its clients show the project's tokens, and are looked
up in the project's database.
"""

import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiosqlite
import socketio
import uvicorn
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from socketio.exceptions import ConnectionRefusedError

NAMESPACE = "/bench"
USER_WITH_ID = "SELECT id, name FROM users WHERE id = ? AND is_disabled = 0"

hkdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"app.core.tokens dir A256GCM")
key = OctKey.import_key(hkdf.derive(os.environ["TOKEN_SECRET"].encode()))
sio = socketio.AsyncServer(async_mode="asgi")
database: aiosqlite.Connection
sid_of_user: dict[str, str] = {}
user_of_sid: dict[str, tuple[str, str]] = {}


def claims_of(token: str) -> dict[str, Any]:
    opened = jwe.decrypt_compact(token, key, algorithms=["dir", "A256GCM"])
    claims: dict[str, Any] = json.loads(opened.plaintext or b"")
    if claims["exp"] <= time.time():
        raise ValueError("expired")
    return claims


async def connect(sid: str, environ: dict[str, Any], auth: dict[str, str]) -> None:
    try:
        user_id = claims_of(auth["token"])["sub"]
    except (JoseError, ValueError, KeyError, TypeError):
        raise ConnectionRefusedError("Unauthorized") from None
    async with database.execute(USER_WITH_ID, (user_id,)) as found:
        user = await found.fetchone()
    if user is None:
        raise ConnectionRefusedError("Unauthorized")
    user_of_sid[sid] = (user[0], user[1])
    sid_of_user[user[0]] = sid


async def disconnect(sid: str, reason: str) -> None:
    user_id, _ = user_of_sid.pop(sid)
    del sid_of_user[user_id]


async def echo(sid: str, data: Any) -> dict[str, Any]:
    return {"ok": True, "data": data}


async def bcast(sid: str, data: Any) -> None:
    await sio.emit("msg", data, namespace=NAMESPACE)


async def send_to(sid: str, user_id: str, data: Any) -> None:
    await sio.emit("msg", data, to=sid_of_user[user_id], namespace=NAMESPACE)


async def say_stuff(sid: str, text: str) -> None:
    _, name = user_of_sid[sid]
    others_hear = {"message": f"User {name} says: {text}"}
    await sio.emit("sayingStuff", others_hear, skip_sid=sid, namespace=NAMESPACE)
    await sio.emit("sayingStuff", {"message": f"You said: {text} ..."}, to=sid, namespace=NAMESPACE)


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    global database
    async with aiosqlite.connect(os.environ["DATABASE"]) as database:
        yield


def main() -> None:
    handlers = {
        "connect": connect,
        "disconnect": disconnect,
        "echo": echo,
        "bcast": bcast,
        "sendTo": send_to,
        "sayStuff": say_stuff,
    }
    for event, handler in handlers.items():
        sio.on(event, handler, namespace=NAMESPACE)
    running = lifespan()
    app = socketio.ASGIApp(
        sio, on_startup=running.__aenter__, on_shutdown=lambda: running.__aexit__(None, None, None)
    )
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]))


if __name__ == "__main__":
    main()
