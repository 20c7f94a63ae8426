"""What a typed client in Python says and hears; checked by mypy, then run with the URL of the server."""

import asyncio
import json
import sys

from client import Disconnected, Place, Refused, Task, Workshop


async def main(url: str) -> None:
    try:
        await Workshop(url, {"name": ""}).connect()
    except Refused as refused:
        print(json.dumps([refused.code, refused.message]))
    try:
        await Workshop("http://127.0.0.1:9", {"name": "Ada"}).connect()
    except ConnectionError as error:
        print(json.dumps(str(error).partition(":")[0]))
    async with Workshop(url, {"name": "Ada"}) as ada:
        tasks: list[Task] = await ada.call("added", {"title": "saw"}, 2)
        print(json.dumps(tasks))
        heard: tuple[Task, int] = await ada.expect("added", within_s=5)
        print(json.dumps(heard))
        total: float = await ada.call("sum-up", 1, 2.5)
        await ada.expect("tick", within_s=5)
        print(json.dumps([total, ada.unheard]))
        try:
            await ada.call("added", {"title": "saw"}, 10)
        except Refused as refused:
            print(json.dumps([refused.code, refused.message, refused.details]))

        async def answer(thing: str) -> Place:
            return {"where": "bench", "at": [1, 2.5]}

        ada.on("where", answer)
        print(json.dumps(await ada.call("find", "the saw")))
        try:
            await ada.expect("tick", within_s=0.05)
        except TimeoutError as error:
            print(json.dumps(str(error)))
        await ada.emit("leave")
        try:
            await ada.expect("tick", within_s=20)
        except Disconnected as why:
            print(json.dumps([why.code, why.message]))
        print(json.dumps((await ada.ended).code))
        try:
            await ada.emit("leave")
        except ConnectionError as error:
            print(json.dumps(str(error)))


asyncio.run(main(sys.argv[1]))
