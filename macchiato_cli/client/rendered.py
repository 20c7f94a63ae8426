"""The contract of a namespace that was just made, as its own code will have it: for its typed client."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Any, Final

from macchiato_cli.client.python import module_of
from macchiato_cli.client.schema import REF
from macchiato_cli.parameters import Parameter
from macchiato_cli.project import NamespaceRecord

_SCALARS: Final = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_TEXT: Final = Parameter("text", "str")
_PASSED_ON: Final = (
    "Pass on what a client says. What this returns is the client's ack; `raise SocketError` to refuse."
)
_RENEWAL: Final = "Stay connected with a fresh token. The ack says until when: Unix time, in seconds."
_TEXT_SCHEMA: Final = {"type": "string"}


def typed_client(record: NamespaceRecord, events: Sequence[Mapping[str, Any]]) -> str:
    """What `macchiato client python` makes of the namespace, as long as nobody edits it.

    Args:
        events: Those of the record, as the templates have them.
    """
    return module_of(contract_of(record, events), f"/{record.name.wire}")


def contract_of(record: NamespaceRecord, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """As AsyncAPI: of what app/contract says, all that a client in Python is made of."""
    schemas = _shared_schemas(record)
    auth = "VisitorAuth" if record.public else "TokenAuth"
    operations = _Operations()
    operations.add("receive", "connect", _reference(auth), replies=[{}, {}])
    for event in record.events:
        parameters = (_TEXT,) if event.parameters is None else event.parameters
        operations.add("receive", event.wire, _arguments(parameters), _PASSED_ON, [_ack({"type": "null"})])
    if not record.public:
        token = _arguments((Parameter("token", "str"),))
        until = _object({"expires_at": {"type": ["number", "null"]}})
        operations.add("receive", "renewToken", token, _RENEWAL, [_ack(until)])
    operations.add("send", "closing", _list([_reference("Closing")]))
    for event, described in zip(record.events, events, strict=True):
        if event.parameters is None:
            model = "Message"
            schemas[model] = _object({"message": _TEXT_SCHEMA}, model, "What the others hear.")
        else:
            model = described["model"]
            schemas[model] = _model(model, event.wire, event.parameters)
        operations.add("send", event.heard, _list([_reference(model)]))
    return {
        "channels": {"it": {"address": f"/{record.name.wire}", "messages": operations.messages}},
        "operations": operations.found,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def _shared_schemas(record: NamespaceRecord) -> dict[str, dict[str, Any]]:
    """What the templates' own modules declare: why connections end, and what one connects with."""
    why = "Why the server is about to end a connection."
    schemas = {"Closing": _object({"code": _TEXT_SCHEMA, "message": _TEXT_SCHEMA}, "Closing", why)}
    if not record.public:
        about = "What clients of a guarded namespace send as `auth`."
        return schemas | {"TokenAuth": _object({"token": _TEXT_SCHEMA}, "TokenAuth", about)}
    about = "What clients of a public namespace send as `auth`."
    return schemas | {
        "VisitorAuth": _object({"metadata": _reference("Introduction")}, "VisitorAuth", about, needed=()),
        "Introduction": _object({"user_name": _TEXT_SCHEMA}, "Introduction", needed=()),
    }


class _Operations:
    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.messages: dict[str, Any] = {}

    def add(
        self,
        action: str,
        event: str,
        payload: dict[str, Any],
        description: str = "",
        replies: list[dict[str, Any]] | None = None,
    ) -> None:
        key = f"{action}.{event}"
        operation: dict[str, Any] = {
            "action": action,
            "channel": {"$ref": "#/channels/it"},
            "messages": [self._message(key, event, payload, description)],
        }
        if replies:
            operation["reply"] = {
                "messages": [
                    self._message(f"{key}.{number}", event, each, "") for number, each in enumerate(replies)
                ]
            }
        self.found[key] = operation

    def _message(self, key: str, name: str, payload: dict[str, Any], description: str) -> dict[str, str]:
        self.messages[key] = {"name": name, "payload": payload, "description": description}
        return {"$ref": f"#/channels/it/messages/{key}"}


def _arguments(parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    items = [{**schema_of(each.type), "title": each.name} for each in parameters if not each.rest]
    needed = [each for each in parameters if each.default is None and not each.rest]
    rest = [{**schema_of(each.type), "title": each.name} for each in parameters if each.rest]
    return _list(items, needed=len(needed), rest=rest[0] if rest else None)


def _list(
    items: list[dict[str, Any]], *, needed: int | None = None, rest: dict[str, Any] | None = None
) -> dict[str, Any]:
    """As app/contract/schemas.py has it."""
    schema: dict[str, Any] = {"type": "array", "minItems": len(items) if needed is None else needed}
    if rest is None:
        return {
            **schema,
            **({"items": items, "additionalItems": False} if items else {}),
            "maxItems": len(items),
        }
    return {**schema, "items": items, "additionalItems": rest} if items else {**schema, "items": rest}


def _ack(data: dict[str, Any]) -> dict[str, Any]:
    accepted = {
        "type": "object",
        "properties": {"ok": {"const": True}, "data": data},
        "required": ["ok", "data"],
    }
    return _list([{"oneOf": [accepted, {"type": "object", "properties": {"ok": {"const": False}}}]}])


def _model(name: str, event: str, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    fields = {
        each.name: {"type": "array", "items": schema_of(each.type)} if each.rest else schema_of(each.type)
        for each in parameters
    }
    about = f"What everybody hears when a client sends {event}."
    return _object({"user_name": _TEXT_SCHEMA, **fields}, name, about)


def _object(
    fields: dict[str, Any], title: str = "", description: str = "", *, needed: Sequence[str] | None = None
) -> dict[str, Any]:
    """An object with these fields; all of them are needed, unless it says which."""
    said = {"title": title, "description": description}
    return {
        **{name: text for name, text in said.items() if text},
        "type": "object",
        "properties": fields,
        "required": list(fields if needed is None else needed),
    }


def _reference(name: str) -> dict[str, str]:
    return {"$ref": f"{REF}{name}"}


def schema_of(source: str) -> dict[str, Any]:
    """The JSON Schema of a parameter's type, which is Python source."""
    return _schema(ast.parse(source, mode="eval").body)


def _schema(node: ast.expr) -> dict[str, Any]:
    match node:
        case ast.Name(id=name):
            return {"type": _SCALARS[name]}
        case ast.BinOp(left=left):  # T | None
            return {"anyOf": [_schema(left), {"type": "null"}]}
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return {"type": "array", "items": _schema(item)}
        case ast.Subscript(slice=ast.Tuple(elts=[_, item])):  # dict[str, T]
            return {"type": "object", "additionalProperties": _schema(item)}
        case _:
            raise ValueError(f"{ast.unparse(node)} is no type of a parameter")
