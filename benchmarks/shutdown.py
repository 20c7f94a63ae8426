"""`python benchmarks/shutdown.py`: how long a server with many clients takes to stop, and whom it loses.

900 clients on WebSockets, of which 20 are in a listener that takes 0.5 s; 100 in a long poll; and 20 of
python-socketio's own, half of them polling, which have to find the next server by themselves. `--stuck` adds
ten of each kind of clients that do not read what they are sent, or send half a request.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp

CHECKOUT = Path(__file__).resolve().parents[1]
TEMPLATE = CHECKOUT / "templates" / "project"
sys.path[:0] = [str(CHECKOUT), str(TEMPLATE), str(TEMPLATE / "clients"), str(TEMPLATE / "tests")]

from tests.core.behind import until  # noqa: E402
from tests.core.crowd import Crowd  # noqa: E402
from tests.core.test_shutdown import Server, reconnecting, running  # noqa: E402

IN_LISTENERS, LIBRARY_CLIENTS, STUCK = 20, 20, 10


async def library_clients(server: Server, stack: AsyncExitStack) -> list[Any]:
    transports = ["websocket", "polling"] * (LIBRARY_CLIENTS // 2)
    return [
        await stack.enter_async_context(reconnecting(server.url, transport, f"library {number}"))
        for number, transport in enumerate(transports)
    ]


async def connecting(url: str) -> str:
    try:
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            return f"answered with {answer.status}"
    except aiohttp.ClientConnectorError:
        return "refused"


async def measure(websockets: int, polling: int, *, stuck: int) -> None:
    # Both ends of the connections; the server's process inherits it.
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        async with AsyncExitStack() as stack:
            crowd = Crowd(server.url, stack)
            await crowd.add_stuck(stuck)
            await crowd.add(websockets=websockets, polling=polling)
            clients = await library_clients(server, stack)
            crowd.names += [f"library {number}" for number in range(len(clients))]
            for client in crowd.websockets[:IN_LISTENERS]:
                await client.send('42/people,1["work"]')
            await until(lambda: server.notes.count("work began") == IN_LISTENERS)

            stopping = asyncio.create_task(asyncio.to_thread(server.stop))
            await asyncio.sleep(0.2)
            print("a new connection meanwhile:", await connecting(f"{server.url}/readyz"))
            print(f"stopped after {await stopping:.2f} s")
            farewells = Counter(note for note in server.notes if note.startswith("farewell"))
            print(f"one farewell for each of {len(crowd.names)}:", farewells == crowd.farewells)
            print(f"listeners that came to their end: {server.notes.count('work done')} of {IN_LISTENERS}")
            print(f"polls that were answered: {sum(poll.done() for poll in crowd.polls)} of {polling}")

            began_s = time.monotonic()
            with running(Path(folder), int(server.url.rpartition(":")[2])):
                await until(lambda: all("/people" in client.namespaces for client in clients), within_s=20)
                print(f"{len(clients)} clients were back {time.monotonic() - began_s:.2f} s later")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--websockets", type=int, default=900)
    parser.add_argument("--polling", type=int, default=100)
    parser.add_argument("--stuck", action="store_true")
    given = parser.parse_args()
    asyncio.run(measure(given.websockets, given.polling, stuck=STUCK if given.stuck else 0))
