"""The namespace /[= namespace =], on the real server, with real clients."""

import pytest
from support import Connect
from typed import Refused
from typed.[= module =] import [= client =]
{% if shorthand %}
# What a client sends, and what the others hear.
EVENTS = [
{%- for event in shorthand %}
    ("[= event.name =]", "[= event.heard =]"),
{%- endfor %}
]


@pytest.mark.parametrize(("event", "heard"), EVENTS)
async def test_the_others_hear_what_a_client_says(connect: Connect, event: str, heard: str) -> None:
    async with (
        connect([= client =], user="Ada") as ada,
        connect([= client =], user="Grace") as grace,
    ):
        assert await ada.call_untyped(event, "hi") is None

        assert await grace.expect_untyped(heard) == {"message": "User Ada says: hi"}
        assert await ada.expect_untyped(heard) == {"message": "You said: hi ..."}
        assert (ada.unheard, grace.unheard) == ([], [])


@pytest.mark.parametrize(("event", "heard"), EVENTS)
async def test_a_wrong_argument_is_refused_by_name(connect: Connect, event: str, heard: str) -> None:
    async with connect([= client =], user="Ada") as ada:
        with pytest.raises(Refused, match=r"^invalid_payload: ") as refused:
            await ada.call_untyped(event, 42)

    assert refused.value.details == [{"field": "text", "message": "Input should be a valid string"}]
{% endif %}
{%- for event in typed %}

async def test_[= event.test =]_is_heard(connect: Connect) -> None:
    async with (
        connect([= client =], user="Ada") as ada,
        connect([= client =], user="Grace") as grace,
    ):
        await ada.call(
            "[= event.name =]",
{%- for parameter in event.parameters %}
            [= parameter.sample =],
{%- endfor %}
        )

        heard = {
            "user_name": "Ada",
{%- for parameter in event.parameters %}
            "[= parameter.name =]": [= parameter.heard =],
{%- endfor %}
        }
        assert await grace.expect_untyped("[= event.heard =]") == heard
        assert await ada.expect_untyped("[= event.heard =]") == heard
        assert (ada.unheard, grace.unheard) == ([], [])


async def test_[= event.test =]_is_checked(connect: Connect) -> None:
    async with connect([= client =], user="Ada") as ada:
        with pytest.raises(Refused, match=r"^invalid_payload: ") as refused:
            await ada.call_untyped(
                "[= event.name =]",
{%- for argument in event.wrong %}
                [= argument =],
{%- endfor %}
            )

    assert refused.value.details == [
        [= event.details =],
    ]
{% endfor %}

async def test_an_unknown_event_is_refused(connect: Connect) -> None:
    async with connect([= client =], user="Ada") as ada:
        with pytest.raises(Refused, match=r"^unknown_event: "):
            await ada.call_untyped("noSuchEvent")


async def test_the_others_still_hear_each_other_when_one_leaves(connect: Connect) -> None:
    async with (
        connect([= client =], user="Ada") as ada,
        connect([= client =], user="Alan") as alan,
    ):
        async with connect([= client =], user="Grace") as grace:
            pass
{%- if events[0].model %}
        await ada.call(
            "[= events[0].name =]",
{%- for parameter in events[0].parameters %}
            [= parameter.sample =],
{%- endfor %}
        )

        heard = await alan.expect("[= events[0].heard =]", within_s=1)
        assert heard["user_name"] == "Ada"
{%- else %}
        await ada.call("[= events[0].name =]", "is anyone here?")

        heard = await alan.expect("[= events[0].heard =]", within_s=1)
        assert heard["message"] == "User Ada says: is anyone here?"
{%- endif %}
        assert grace.unheard == []
