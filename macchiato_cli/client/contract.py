"""What a contract says, as clients need it: for each namespace what they send, and what they hear."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from macchiato_cli.client.naming import TAKEN, Names, class_like, class_of, identifier
from macchiato_cli.client.schema import ANY, REF, Named, Object, Type, Types, as_list, as_object, plain_text


class Unreadable(Exception):
    """It is no contract; the text says why."""


@dataclass(frozen=True)
class Parameter:
    name: str
    type: Type


@dataclass(frozen=True)
class Parameters:
    """The arguments of an event: those which must be there, those which may be, and what may follow."""

    required: tuple[Parameter, ...] = ()
    optional: tuple[Parameter, ...] = ()
    rest: Parameter | None = None

    def variants(self) -> Iterator[tuple[Parameter, ...]]:
        """With how many of the optional ones it can be sent."""
        for number in range(len(self.optional) + 1):
            yield (*self.required, *self.optional[:number])


@dataclass(frozen=True)
class Sent:
    """An event that clients send, and how it is answered."""

    event: str
    description: str
    parameters: Parameters
    answer: Type
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Heard:
    """An event that clients hear; a question is answered."""

    event: str
    description: str
    parameters: Parameters
    answer: Type | None


@dataclass(frozen=True)
class Namespace:
    address: str
    client: str
    auth: Type
    auth_is_needed: bool
    refusals: tuple[str, ...]
    sent: tuple[Sent, ...]
    heard: tuple[Heard, ...]


@dataclass(frozen=True)
class Contract:
    """Namespaces, and the types that they share."""

    namespaces: tuple[Namespace, ...]
    types: Types


class Reader:
    """Reads a document, all of it or one namespace.

    Args:
        taken: The names that nothing may be called by in the code to be made.
        words: Those that arguments may not have.
    """

    def __init__(self, document: Any, *, taken: frozenset[str], words: frozenset[str]) -> None:
        self._document = document
        self._taken = taken
        self._words = words

    def addresses(self) -> list[str]:
        """The namespaces, sorted.

        Raises:
            Unreadable: It is no contract.
        """
        return sorted({_text(channel, "address") for channel in self._part("channels").values()})

    def contract(self, addresses: list[str]) -> Contract:
        """Raises:
        Unreadable: It is no contract.
        """
        names = Names(set(self._taken))
        clients = {address: names.add(class_of(address, TAKEN)) for address in addresses}
        self._types = Types(self._schemas_of(addresses), names)
        found = tuple(self._namespace(address, clients[address]) for address in addresses)
        return Contract(found, self._types)

    def _namespace(self, address: str, client: str) -> Namespace:
        auth: Type = ANY
        refusals: tuple[str, ...] = ()
        sent: list[Sent] = []
        heard: list[Heard] = []
        for operation in self._part("operations").values():
            if _text(self._resolved(_mapping(operation).get("channel")), "address") != address:
                continue
            message, *_ = self._messages(operation)
            replies = self._messages(_mapping(operation.get("reply", {})), at_least=0)
            event, about = _text(message, "name"), plain_text(message.get("description"))
            payload = message.get("payload")
            called = class_like(event)
            if event == "connect":
                auth = self._types.of(payload, called=f"{client}Auth")
                refusals = next((_codes(_at(reply["payload"], "data")) for reply in replies[1:]), ())
            elif operation.get("action") == "receive":
                answer, codes = self._ack(replies, called)
                sent.append(Sent(event, about, self._parameters(payload, called), answer, codes))
            else:
                answers = [self._first(reply["payload"], f"{called}Answer") for reply in replies]
                answer_type = answers[0] if answers else None
                heard.append(Heard(event, about, self._parameters(payload, called), answer_type))
        return Namespace(address, client, auth, self._is_needed(auth), refusals, tuple(sent), tuple(heard))

    def _parameters(self, payload: Any, called: str) -> Parameters:
        schema = _mapping(payload)
        items, more = as_list(schema.get("items")), schema.get("additionalItems")
        if items is None:
            # Of draft 7, `items` with no schema in it is not allowed; one schema is that of all.
            if schema.get("type") != "array":
                raise Unreadable(f"the arguments of an event ({called}) are no list")
            items, more = [], False if schema.get("maxItems") == 0 else schema.get("items")
        names = Names(set(self._words))
        least = schema.get("minItems")
        needed = least if type(least) is int else len(items)
        found = [self._parameter(item, names, f"{called}{class_like(_title(item))}") for item in items]
        rest = None if more is False else self._parameter(more, names, f"{called}Rest")
        return Parameters(tuple(found[:needed]), tuple(found[needed:]), rest)

    def _parameter(self, schema: Any, names: Names, called: str) -> Parameter:
        found = self._types.of(schema, called=called)
        title = _title(schema)
        if not title and isinstance(found, Named):
            title = found.name[0].lower() + found.name[1:]
        return Parameter(names.add(identifier(title, otherwise="argument")), found)

    def _ack(self, replies: list[Mapping[str, Any]], called: str) -> tuple[Type, tuple[str, ...]]:
        """What an ack's `data` is, and the codes of its errors."""
        for reply in replies:
            items = as_list(_mapping(reply["payload"]).get("items"))
            options = as_list(_mapping(items[0]).get("oneOf")) if items else None
            if options and len(options) == 2:
                data = _at(options[0], "data")
                return self._types.of(data, called=f"{called}Answer"), _codes(_at(options[1], "error"))
        return ANY, ()

    def _first(self, payload: Any, called: str) -> Type:
        items = as_list(_mapping(payload).get("items"))
        return self._types.of(items[0] if items else None, called=called)

    def _is_needed(self, auth: Type) -> bool:
        """Whether nobody gets in without `auth`."""
        if isinstance(auth, Named) and isinstance(found := self._types.declared[auth.name], Object):
            return any(each.required for each in found.fields)
        return auth != ANY

    def _messages(self, operation: Mapping[str, Any], at_least: int = 1) -> list[Mapping[str, Any]]:
        listed = as_list(operation.get("messages", []))
        if listed is None or len(listed) < at_least:
            raise Unreadable("an operation has no messages")
        return [{"payload": {}, **self._resolved(each)} for each in listed]

    def _resolved(self, reference: Any) -> Mapping[str, Any]:
        """What a `$ref` into the document refers to."""
        found: Any = self._document
        for part in _text(_mapping(reference), "$ref").removeprefix("#/").split("/"):
            found = _mapping(found).get(part)
        return _mapping(found)

    def _schemas_of(self, addresses: list[str]) -> dict[str, Any]:
        """Those that these namespaces need: what others have must not change what theirs are called."""
        schemas = _mapping(self._part("components").get("schemas", {}))
        channels = [_mapping(channel) for channel in self._part("channels").values()]
        left: list[Any] = [each for each in channels if each.get("address") in addresses]
        needed: set[str] = set()
        while left:
            value = left.pop()
            if isinstance(value, list):
                left.extend(value)
            elif isinstance(value, dict):
                left.extend(value.values())
                key = str(value.get("$ref")).removeprefix(REF)
                if key in schemas and key not in needed:
                    needed.add(key)
                    left.append(schemas[key])
        return {key: schema for key, schema in schemas.items() if key in needed}

    def _part(self, name: str) -> Mapping[str, Any]:
        return _mapping(_mapping(self._document).get(name))


def _mapping(value: Any) -> Mapping[str, Any]:
    found = as_object(value)
    if found is None:
        kind: type = type(value)  # pyright: ignore[reportUnknownVariableType]
        raise Unreadable(f"it has {kind.__name__} where an object should be")
    return found


def _text(value: Mapping[str, Any], key: str) -> str:
    found = _mapping(value).get(key)
    if not isinstance(found, str):
        raise Unreadable(f"it has no text {key!r} where one should be")
    return found


def _title(schema: Any) -> str:
    title = (as_object(schema) or {}).get("title")
    return title if isinstance(title, str) else ""


def _at(schema: Any, name: str) -> Any:
    """The schema of a field."""
    fields = as_object((as_object(schema) or {}).get("properties"))
    return (fields or {}).get(name)


def _codes(schema: Any) -> tuple[str, ...]:
    code = as_object(_at(schema, "code")) or {}
    known = as_list(code.get("enum")) or []
    return tuple(value for value in known if isinstance(value, str))
