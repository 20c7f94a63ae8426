"""Talk in the namespace /[= namespace =]:

    python clients/[= module =].py --name Ada --say [= example =]

{% if says_text %}Without --say it sends each line that you type, until Ctrl-D.
{% else %}Without --say it sends each line that you type, until Ctrl-D: the event's arguments, as a list in JSON.
{% endif %}"""

import argparse

from account import [= authentication =]
from conversation import [= "talk" if says_text else "json_arguments, talk" =]
from typed.[= module =] import [= client =]

# What a client can send: of another event of yours, add how.
EVENTS = [
{%- for event in events %}
    "[= event.name =]",
{%- endfor %}
]


async def say(client: [= client =], event: str, text: str) -> None:
{%- if says_text %}
    match event:
{%- for event in events %}
        case "[= event.name =]":
            await client.call("[= event.name =]", text)
{%- endfor %}
{%- else %}
    await client.call_untyped(event, *json_arguments(text))
{%- endif %}


parser = argparse.ArgumentParser(description="Talk in the namespace /[= namespace =].")
parser.add_argument("--name", default="Ada", help="who you are (default: %(default)s)")
parser.add_argument("--say", metavar="TEXT", help="say this and leave, instead of reading lines")
parser.add_argument("--event", choices=EVENTS, default=EVENTS[0], help="what to send (default: %(default)s)")
parser.add_argument("--url", default="http://127.0.0.1:3000", help="the server (default: %(default)s)")

if __name__ == "__main__":
    arguments = parser.parse_args()

    async def introduced() -> [= client =]:
        auth = await [= authentication =](arguments.url, arguments.name)
        return [= client =](arguments.url, auth, reconnection=True)

    talk(
        arguments.url,
        introduced,
        lambda client, text: say(client, arguments.event, text),
        text=arguments.say,
    )
