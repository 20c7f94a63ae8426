"""The types that a contract speaks of: JSON Schema, as Pydantic makes it, becomes one small tree.

The printers know nothing but this tree. A contract is somebody's JSON: what is no type that we know
is `any`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from macchiato_cli.client.naming import Names, class_like, short_names

REF: Final = "#/components/schemas/"
# Nobody writes types that are nested deeper, and printers go down by recursion.
_DEEPEST: Final = 40


@dataclass(frozen=True)
class Plain:
    """any, null, boolean, integer, number, string or binary."""

    kind: str


@dataclass(frozen=True)
class Constants:
    """One of these strings, whole numbers, booleans or None."""

    values: tuple[str | int | None, ...]


@dataclass(frozen=True)
class ListOf:
    item: Type


@dataclass(frozen=True)
class TupleOf:
    """Some first items, and perhaps more of one type."""

    items: tuple[Type, ...]
    rest: Type | None


@dataclass(frozen=True)
class MapOf:
    value: Type


@dataclass(frozen=True)
class Named:
    """Something that is declared."""

    name: str


@dataclass(frozen=True)
class OneOf:
    options: tuple[Type, ...]


Type: TypeAlias = Plain | Constants | ListOf | TupleOf | MapOf | Named | OneOf

ANY: Final = Plain("any")
NULL: Final = Plain("null")


@dataclass(frozen=True)
class Field:
    name: str
    type: Type
    required: bool
    description: str


@dataclass(frozen=True)
class Object:
    fields: tuple[Field, ...]
    description: str


@dataclass(frozen=True)
class Alias:
    type: Type
    description: str


@dataclass
class Types:
    """Declares what a document's schemas need, each type once, in the order in which they are met.

    Args:
        components: The schemas of the document that others refer to.
        names: The names that declarations may not have, and will have.
    """

    components: Mapping[str, Any]
    names: Names
    declared: dict[str, Object | Alias] = field(default_factory=dict[str, Object | Alias])

    def __post_init__(self) -> None:
        self._short = short_names(self.components)
        self._name_of: dict[str, str] = {}

    def of(self, schema: Any, *, called: str, depth: int = 0) -> Type:
        """The type of what fits a schema.

        Args:
            called: A name for it, in case that it has to be declared.
        """
        given = as_object(schema)
        if given is None or depth > _DEEPEST:
            return ANY
        if isinstance(reference := given.get("$ref"), str):
            return self._component(reference)
        if (all_of := as_list(given.get("allOf"))) is not None:
            return self.of(all_of[0], called=called, depth=depth + 1) if len(all_of) == 1 else ANY
        for union in ("anyOf", "oneOf"):
            if (options := as_list(given.get(union))) is not None:
                return one_of([self.of(each, called=called, depth=depth + 1) for each in options])
        if "const" in given:
            return constants([given["const"]])
        if (values := as_list(given.get("enum"))) is not None:
            return constants(values)
        if (kinds := as_list(given.get("type"))) is not None:
            each_kind = [{**given, "type": kind} for kind in kinds if isinstance(kind, str)]
            return one_of([self.of(each, called=called, depth=depth + 1) for each in each_kind])
        return self._of_kind(given, called, depth + 1)

    def _of_kind(self, schema: Mapping[str, Any], called: str, depth: int) -> Type:
        kind = schema.get("type")
        if kind == "object":
            if _fields_of(schema):
                return self._declare(called, self._object(schema, called, depth))
            return MapOf(self.of(schema.get("additionalProperties"), called=called, depth=depth))
        if kind == "array":
            items = as_list(schema.get("items"))
            if items is None:
                return ListOf(self.of(schema.get("items"), called=f"{called}Item", depth=depth))
            more = schema.get("additionalItems")
            return TupleOf(
                tuple(self.of(item, called=f"{called}Item", depth=depth) for item in items),
                None if more is False else self.of(more, called=f"{called}Item", depth=depth),
            )
        if kind == "string" and schema.get("format") == "binary":
            return Plain("binary")
        return Plain(kind) if kind in ("null", "boolean", "integer", "number", "string") else ANY

    def _component(self, reference: str) -> Type:
        key = reference.removeprefix(REF)
        if key not in self.components or not reference.startswith(REF):
            return ANY
        if key not in self._name_of:
            # Before what is in it: it may contain itself.
            name = self._name_of[key] = self.names.add(self._short[key])
            self.declared[name] = Alias(ANY, "")
            self.declared[name] = self._declaration(self.components[key], name)
        return Named(self._name_of[key])

    def _declaration(self, schema: Any, name: str) -> Object | Alias:
        about = text_of(schema)
        given = as_object(schema)
        if given and given.get("type") == "object" and _fields_of(given):
            return self._object(given, name, 0)
        found = self.of(schema, called=name)
        return Alias(ANY if _is_only(name, found, self.declared) else found, about)

    def _object(self, schema: Mapping[str, Any], called: str, depth: int) -> Object:
        needed = as_list(schema.get("required")) or []
        return Object(
            tuple(
                Field(
                    name,
                    self.of(each, called=f"{called}{class_like(name)}", depth=depth),
                    name in needed,
                    text_of(each),
                )
                for name, each in _fields_of(schema).items()
            ),
            text_of(schema),
        )

    def _declare(self, called: str, found: Object | Alias) -> Named:
        """The same under the same name is declared once."""
        name = class_like(called)
        if self.declared.get(name) != found:
            name = self.names.add(name)
            self.declared[name] = found
        return Named(name)


def one_of(options: Sequence[Type]) -> Type:
    """What is one of several types, each of them once; what may be anything, is anything."""
    flat: dict[Type, None] = {}
    values: list[str | int | None] = []
    for option in options:
        for each in option.options if isinstance(option, OneOf) else (option,):
            if isinstance(each, Constants):
                values += each.values
            elif each == ANY:
                return ANY
            else:
                flat[each] = None
    if values:
        flat = {constants(values): None, **flat}
    found = tuple(flat)
    return found[0] if len(found) == 1 else OneOf(found) if found else ANY


def constants(values: Sequence[Any]) -> Type:
    """One of these values; where some are no texts, whole numbers, booleans or nothing, anything."""
    if not values or not all(value is None or type(value) in (str, int, bool) for value in values):
        return ANY
    # 1 and True are equal, and not the same.
    different: dict[tuple[Any, Any], Any] = {(type(value), value): value for value in values}
    return Constants(tuple(different.values()))


def text_of(schema: Any) -> str:
    """What a schema says about itself, in one printable line."""
    return plain_text((as_object(schema) or {}).get("description"))


def plain_text(text: object) -> str:
    """The beginning of the text, in one line, and with nothing in it that would not be seen."""
    if not isinstance(text, str):
        return ""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))[:1000]


def _fields_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    return as_object(schema.get("properties")) or {}


def as_object(value: Any) -> dict[str, Any] | None:
    """The value where it is an object of JSON."""
    return value if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType]


def as_list(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None  # pyright: ignore[reportUnknownVariableType]


def _is_only(name: str, found: Type, declared: Mapping[str, Object | Alias]) -> bool:
    """Whether this is nothing but itself, by whatever detour: that would be no type."""
    seen: set[str] = set()
    waiting = [found]
    while waiting:
        each = waiting.pop()
        if isinstance(each, OneOf):
            waiting += each.options
        elif isinstance(each, Named):
            if each.name == name:
                return True
            if each.name not in seen and isinstance(other := declared.get(each.name), Alias):
                seen.add(each.name)
                waiting.append(other.type)
    return False
