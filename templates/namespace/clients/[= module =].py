"""Talk in the namespace /[= namespace =]:

    python clients/[= module =].py --name Ada --say [= example =]

{% if says_text %}Without --say it sends each line that you type, until Ctrl-D.
{% else %}Without --say it sends each line that you type, until Ctrl-D: the event's arguments, as a list in JSON.
{% endif %}"""

import argparse

from account import [= authentication =]
from conversation import [= "talk" if says_text else "json_arguments, talk" =]

NAMESPACE = "/[= namespace =]"
EVENT = "[= events[0].name =]"

parser = argparse.ArgumentParser(description=f"Talk in the namespace {NAMESPACE}.")
parser.add_argument("--name", default="Ada", help="who you are (default: %(default)s)")
parser.add_argument("--say", metavar="TEXT", help="say this and leave, instead of reading lines")
parser.add_argument("--event", default=EVENT, help="the event to send (default: %(default)s)")
parser.add_argument("--url", default="http://127.0.0.1:3000", help="the server (default: %(default)s)")

if __name__ == "__main__":
    arguments = parser.parse_args()
    talk(
        arguments.url,
        NAMESPACE,
        arguments.event,
        say=arguments.say,
{% if not says_text %}        read=json_arguments,
{% endif %}        authenticate=lambda: [= authentication =](arguments.url, arguments.name),
    )
