"""Each line that is marked is an error of types, and no other."""

from client import Workshop


async def wrong(ada: Workshop) -> None:
    await ada.call("added", {"title": "saw"}, "2")  # wrong
    await ada.call("added", {"tilte": "saw"})  # wrong
    await ada.call("added")  # wrong
    await ada.call("noSuchEvent")  # wrong
    await ada.call("tick")  # wrong
    await ada.emit("find", 5)  # wrong
    await ada.expect("find")  # wrong
    ada.on("where", lambda thing: None)  # wrong
    ada.on("tick", lambda surplus: None)  # wrong
    place: str = await ada.call("find", "the saw")  # wrong
    print(place)
    Workshop("http://127.0.0.1:3000", {"nmae": "Ada"})  # wrong
    Workshop("http://127.0.0.1:3000")  # wrong
    await ada.call("added", {"title": "saw", "parts": [{"title": "blade"}]})
