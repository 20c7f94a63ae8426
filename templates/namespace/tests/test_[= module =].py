"""The namespace /[= namespace =], on the real server, with real clients."""

import pytest
from support import Connect

NAMESPACE = "/[= namespace =]"

# What a client sends, and what the others hear.
EVENTS = [
{%- for event in events %}
    ("[= event.name =]", "[= event.heard =]"),
{%- endfor %}
]


@pytest.mark.parametrize(("event", "heard"), EVENTS)
async def test_the_others_hear_what_a_client_says(connect: Connect, event: str, heard: str) -> None:
    ada = await connect(NAMESPACE, "Ada")
    grace = await connect(NAMESPACE, "Grace")

    assert await ada.call(event, "hi") == {"ok": True, "data": None}

    assert await grace.hears(heard) == {"message": "User Ada says: hi"}
    assert await ada.hears(heard) == {"message": "You said: hi ..."}
    assert grace.unheard == []
    assert ada.unheard == []


@pytest.mark.parametrize(("event", "heard"), EVENTS)
async def test_a_wrong_argument_is_refused_by_name(connect: Connect, event: str, heard: str) -> None:
    ada = await connect(NAMESPACE, "Ada")

    ack = await ada.call(event, 42)

    assert ack == {
        "ok": False,
        "error": {
            "code": "invalid_payload",
            "message": f"{event} got wrong arguments",
            "details": [{"field": "text", "message": "Input should be a valid string"}],
        },
    }


async def test_an_unknown_event_is_refused(connect: Connect) -> None:
    ada = await connect(NAMESPACE, "Ada")

    ack = await ada.call("noSuchEvent")

    assert ack["error"]["code"] == "unknown_event"


async def test_the_others_still_hear_each_other_when_one_leaves(connect: Connect) -> None:
    event, heard = EVENTS[0]
    ada = await connect(NAMESPACE, "Ada")
    grace = await connect(NAMESPACE, "Grace")
    alan = await connect(NAMESPACE, "Alan")

    await grace.disconnect()
    await ada.call(event, "is anyone here?")

    assert await alan.hears(heard) == {"message": "User Ada says: is anyone here?"}
    assert grace.unheard == []
