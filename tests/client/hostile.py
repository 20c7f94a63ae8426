"""A contract that somebody made to break what is generated from it."""

from typing import Any

NASTY = (
    "x\"\"\"y''' */ // \\ # ${z}\n\r\u2028\t\x00\u202e\ud800 <!-- {{ }} # type: ignore # noqa # fmt: off \\"
)
REF = "#/components/schemas/"


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


SCHEMAS: dict[str, Any] = {
    # Those that are called as what the clients use themselves.
    **{
        name: {"type": "object", "properties": {"of": {"type": "string"}}, "required": ["of"]}
        for name in (
            *(
                "str",
                "Any",
                "Literal",
                "SocketClient",
                "Refused",
                "None",
                "class",
                "asyncio",
                "Callable",
                "TypeAlias",
            ),
            *(
                "Ack",
                "Promise",
                "string",
                "io",
                "Partial",
                "Error",
                "Record",
                "await",
                "Hostile",
                "EventError",
            ),
        )
    },
    "a__Twin": {"type": "object", "properties": {"a": {"type": "integer"}}},
    "b__Twin": {"type": "object", "properties": {"b": {"$ref": f"{REF}a__Twin"}}},
    "Ring": {
        "type": "object",
        "properties": {"next": {"$ref": f"{REF}Ring"}, "all": {"$ref": f"{REF}Rings"}},
    },
    "Rings": {"type": "array", "items": {"$ref": f"{REF}Ring"}},
    "Tree": {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": f"{REF}Tree"}}]},
    "Loop": {"$ref": f"{REF}Loop"},
    "Ping": {"anyOf": [{"$ref": f"{REF}Pong"}, {"type": "null"}]},
    "Pong": {"anyOf": [{"$ref": f"{REF}Ping"}, {"type": "string"}]},
    NASTY: {
        "type": "object",
        "description": NASTY,
        "properties": {NASTY: {"type": "string", "description": NASTY}},
    },
    "Fields": {
        "type": "object",
        "description": NASTY * 20,
        "properties": {
            name: {"type": "integer"} for name in ("class", "a-b", "__mangled", "ünïcode", "", "ok", "2")
        },
        "required": ["class", "nobody"],
    },
    "Choice": {"enum": [NASTY, 1, True, None, "\U0001f600", "é"]},
    "Mixed": {"enum": [1.5, {}, []]},
    "Wide": {"enum": [f"value number {number} of many" for number in range(12)]},
    "Empty": {"enum": []},
    "Wrong": 5,
    "WrongFields": {"type": "object", "properties": {"a": 5, "b": {"type": 5}, "c": {"type": ["string", 5]}}},
    "Union": {
        "anyOf": [
            {
                "type": "array",
                "items": {"anyOf": [{"$ref": f"{REF}Wide"}, {"type": "string", "format": "binary"}]},
            },
            {
                "type": "array",
                "items": [{"type": "string"}, {"$ref": f"{REF}Fields"}],
                "additionalItems": False,
            },
            {"type": "object", "additionalProperties": {"$ref": f"{REF}Ring"}},
            {
                "type": "object",
                "properties": {"inline": {"type": "object", "properties": {"more": {"type": "number"}}}},
            },
            {"const": NASTY},
        ]
    },
}


def arguments(*items: Any, least: int | None = None, more: Any = False) -> dict[str, Any]:
    needed = len(items) if least is None else least
    return {"type": "array", "items": list(items), "minItems": needed, "additionalItems": more}


def document() -> dict[str, Any]:
    """Two namespaces that say everything above."""
    everything = [{"$ref": f"{REF}{name}"} for name in SCHEMAS]
    named = [
        {"title": title, "type": "string"}
        for title in ("class", "self", "event", "ack", NASTY, NASTY, "2", "")
    ]
    said = {
        NASTY: arguments(*everything, deep(300), {"$ref": "#/nowhere"}, {"$ref": 5}),
        "connect_": arguments(*named, least=2),
        "more": arguments(
            {"title": "args", "type": "integer"}, more={"title": "args", "$ref": f"{REF}Choice"}
        ),
        "x" * 200: arguments(),
        "optional": arguments({"title": "within_s", "type": "number", "default": 1}, least=0, more={}),
    }
    channels, operations = {}, {}
    for number, address in enumerate([f"/{NASTY}", "/hostile"]):
        messages: dict[str, Any] = {"connect": {"name": "connect", "payload": {"$ref": f"{REF}{NASTY}"}}}
        key = f"channel{number}"
        operations[f"{key}.connect"] = operation(key, "connect")
        for at, (event, payload) in enumerate(said.items()):
            answer = {"properties": {"ok": {"const": True}, "data": {"$ref": f"{REF}Union"}}}
            failed = {"properties": {"error": {"properties": {"code": {"enum": [NASTY, "b"]}}}}}
            messages[f"said{at}"] = {"name": event, "description": NASTY, "payload": payload}
            messages[f"ack{at}"] = {"name": event, "payload": arguments({"oneOf": [answer, failed]})}
            messages[f"heard{at}"] = {"name": event, "payload": {**payload, "additionalItems": False}}
            messages[f"asked{at}"] = {
                "name": f"ask {event}",
                "description": NASTY,
                "payload": arguments(named[0]),
            }
            operations[f"{key}.said{at}"] = operation(key, f"said{at}", f"ack{at}")
            operations[f"{key}.heard{at}"] = operation(key, f"heard{at}", action="send")
            operations[f"{key}.asked{at}"] = operation(key, f"asked{at}", f"heard{at}", action="send")
        channels[key] = {"address": address, "messages": messages}
    return {"channels": channels, "operations": operations, "components": {"schemas": SCHEMAS}}


def operation(key: str, message: str, reply: str = "", *, action: str = "receive") -> dict[str, Any]:
    at = f"#/channels/{key}"
    found: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": at},
        "messages": [{"$ref": f"{at}/messages/{message}"}],
    }
    if reply:
        found["reply"] = {"messages": [{"$ref": f"{at}/messages/{reply}"}]}
    return found
