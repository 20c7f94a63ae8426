"""The namespace /[= namespace =], on the real server, with real clients."""

{% if shorthand %}import pytest
{% endif %}from support import Connect

NAMESPACE = "/[= namespace =]"
{% if shorthand %}
# What a client sends, and what the others hear.
EVENTS = [
{%- for event in shorthand %}
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
{% endif %}
{%- for event in typed %}

async def test_[= event.test =]_is_heard(connect: Connect) -> None:
    ada = await connect(NAMESPACE, "Ada")
    grace = await connect(NAMESPACE, "Grace")

    ack = await ada.call(
        "[= event.name =]",
{%- for parameter in event.parameters %}
        [= parameter.sample =],
{%- endfor %}
    )

    assert ack == {"ok": True, "data": None}
    heard = {
        "user_name": "Ada",
{%- for parameter in event.parameters %}
        "[= parameter.name =]": [= parameter.heard =],
{%- endfor %}
    }
    assert await grace.hears("[= event.heard =]") == heard
    assert await ada.hears("[= event.heard =]") == heard
    assert grace.unheard == []
    assert ada.unheard == []


async def test_[= event.test =]_is_checked(connect: Connect) -> None:
    ada = await connect(NAMESPACE, "Ada")

    ack = await ada.call(
        "[= event.name =]",
{%- for argument in event.wrong %}
        [= argument =],
{%- endfor %}
    )

    assert ack == {
        "ok": False,
        "error": {
            "code": "invalid_payload",
            "message": "[= event.name =] got wrong arguments",
            "details": [
                [= event.details =],
            ],
        },
    }
    assert ada.unheard == []
{% endfor %}

async def test_an_unknown_event_is_refused(connect: Connect) -> None:
    ada = await connect(NAMESPACE, "Ada")

    ack = await ada.call("noSuchEvent")

    assert ack["error"]["code"] == "unknown_event"


async def test_the_others_still_hear_each_other_when_one_leaves(connect: Connect) -> None:
{% if shorthand %}    event, heard = EVENTS[0]
{% endif %}    ada = await connect(NAMESPACE, "Ada")
    grace = await connect(NAMESPACE, "Grace")
    alan = await connect(NAMESPACE, "Alan")

    await grace.disconnect()
{% if shorthand %}    await ada.call(event, "is anyone here?")

    assert await alan.hears(heard) == {"message": "User Ada says: is anyone here?"}
{% else %}    await ada.call(
        "[= events[0].name =]",
{%- for parameter in events[0].parameters %}
        [= parameter.sample =],
{%- endfor %}
    )

    await alan.hears("[= events[0].heard =]")
{% endif %}    assert grace.unheard == []
