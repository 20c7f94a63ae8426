"""Whether everything that fits one JSON Schema fits another one: for the schemas that Pydantic makes."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .schemas import REF, Schema

# The limits that a schema can set: whether a higher one takes less.
_LIMITS: Final = {
    "minimum": True,
    "exclusiveMinimum": True,
    "minLength": True,
    "minItems": True,
    "minProperties": True,
    "maximum": False,
    "exclusiveMaximum": False,
    "maxLength": False,
    "maxItems": False,
    "maxProperties": False,
}
# Whatever else it can demand, which is the same or not.
_DEMANDS: Final = ("pattern", "format", "multipleOf", "uniqueItems", "propertyNames")
# What says something of a schema, and demands nothing.
_ABOUT: Final = {"title", "description", "default", "examples"}
_JSON_TYPES: Final = ("null", "boolean", "integer", "number", "string", "array", "object")


@dataclass(frozen=True)
class Direction:
    """What each kind of problem is called, by who is told something that it does not know."""

    missing: str
    unknown: str
    type: str
    limit: str


FROM_CLIENTS: Final = Direction(
    missing="is required now",
    unknown="is not taken any more",
    type="took {given}, and takes {taken} now",
    limit="has another {limit}: {taken}, not {given}",
)
TO_CLIENTS: Final = Direction(
    missing="is not always there any more",
    unknown="is new, where nothing else was allowed",
    type="can be {given} now, and was {taken}",
    limit="has another {limit}: {given}, not {taken}",
)


@dataclass(frozen=True)
class Differences:
    """Compares what is given with what is taken: schemas of two documents.

    Args:
        given: The components of the document that what is given comes from.
        taken: Those of the other one.
    """

    direction: Direction
    given: Mapping[str, Schema]
    taken: Mapping[str, Schema]

    def between(self, given: Schema, taken: Schema) -> list[str]:
        """What can be given and is not taken, a sentence each: where, and why."""
        return list(self._compare(given, taken, "", frozenset()))

    def _compare(self, given: Schema, taken: Schema, where: str, seen: frozenset[str]) -> Iterator[str]:
        pair = json.dumps([given, taken], sort_keys=True)
        if pair in seen:
            return  # It contains itself: the rest of it is being compared already.
        seen |= {pair}
        given, taken = resolved(given, self.given), resolved(taken, self.taken)
        options = options_of(given)
        if len(options) > 1:
            for option in options:
                yield from self._compare(option, taken, where, seen)
        elif len(takers := options_of(taken)) > 1:
            attempts = [list(self._compare(given, taker, where, seen)) for taker in takers]
            if all(attempts):
                # The one that comes closest says most.
                yield from min(attempts, key=lambda found: (is_about_type(found, where), len(found)))
        else:
            yield from self._compare_one(given, taken, where, seen)

    def _compare_one(self, given: Schema, taken: Schema, where: str, seen: frozenset[str]) -> Iterator[str]:
        if not taken.keys() - _ABOUT:
            return
        if not types_of(given) <= types_of(taken) or not values_fit(given, taken):
            words = self.direction.type.format(given=in_words(given), taken=in_words(taken))
            yield f"{where} {words}".strip()
            return
        # Where both have positions, each of them is compared below.
        have_positions = has_positions(given) and has_positions(taken)
        limits = [limit for limit in _LIMITS if not (have_positions and limit.endswith("Items"))]
        for limit in limits:
            higher_takes_less = _LIMITS[limit]
            if limit in taken and not fits(given.get(limit), taken[limit], higher_takes_less):
                yield self._limit(where, limit, given, taken)
        for demand in _DEMANDS:
            if demand in taken and given.get(demand) != taken[demand]:
                yield self._limit(where, demand, given, taken)
        if "object" in types_of(given):
            yield from self._compare_fields(given, taken, where, seen)
        if "array" in types_of(given):
            yield from self._compare_items(given, taken, where, seen)

    def _limit(self, where: str, limit: str, given: Schema, taken: Schema) -> str:
        words = self.direction.limit.format(
            limit=limit, given=given.get(limit, "none"), taken=taken.get(limit, "none")
        )
        return f"{where} {words}".strip()

    def _compare_fields(
        self, given: Schema, taken: Schema, where: str, seen: frozenset[str]
    ) -> Iterator[str]:
        fields, known = given.get("properties", {}), taken.get("properties", {})
        for name in taken.get("required", []):
            if name not in given.get("required", []):
                yield f"{inside(where, name)} {self.direction.missing}"
        others = taken.get("additionalProperties", True)
        for name, schema in fields.items():
            if name in known:
                yield from self._compare(schema, known[name], inside(where, name), seen)
            elif others is False:
                yield f"{inside(where, name)} {self.direction.unknown}"
            elif isinstance(others, dict):
                yield from self._compare(schema, others, inside(where, name), seen)
        yield from self._compare_other_fields(given, taken, where, seen)

    def _compare_other_fields(
        self, given: Schema, taken: Schema, where: str, seen: frozenset[str]
    ) -> Iterator[str]:
        """Of what has no name in `given`: any that the schema allows, or that a model passes over."""
        others = taken.get("additionalProperties", True)
        if "additionalProperties" not in given:
            # A model takes no notice of what it does not know, and clients may have sent that.
            if others is False and self.direction is FROM_CLIENTS:
                yield f"{inside(where, '*')} {self.direction.unknown}"
            return
        more = given["additionalProperties"]
        if more is False:
            return
        schema: Schema = {} if more is True else more
        if others is False:
            yield f"{inside(where, '*')} {self.direction.unknown}"
        elif isinstance(others, dict):
            yield from self._compare(schema, others, inside(where, "*"), seen)
        for name, known in taken.get("properties", {}).items():
            if name not in given.get("properties", {}):
                yield from self._compare(schema, known, inside(where, name), seen)

    def _compare_items(self, given: Schema, taken: Schema, where: str, seen: frozenset[str]) -> Iterator[str]:
        most = max(len(positions(given)), len(positions(taken)))
        for number in range(most):
            schema, known = item_at(given, number), item_at(taken, number)
            name = (known or schema or {}).get("title") or (str(number + 1) if most > 1 else "")
            at = inside(where, name)
            if schema is None:  # Never given: it must not be demanded, either; minItems says so.
                if number < taken.get("minItems", 0):
                    yield f"{at} {self.direction.missing}"
            elif known is None:
                yield f"{at} {self.direction.unknown}"
            else:
                if given.get("minItems", 0) <= number < taken.get("minItems", 0):
                    yield f"{at} {self.direction.missing}"
                yield from self._compare(schema, known, at, seen)
        if given.get("maxItems", most + 1) <= most:
            return
        schema, known = item_at(given, most), item_at(taken, most)
        if schema is not None and known is not None:
            yield from self._compare(schema, known, inside(where, "*"), seen)
        elif schema is not None:
            yield f"{inside(where, '*')} {self.direction.unknown}"


def resolved(schema: Schema, components: Mapping[str, Schema]) -> Schema:
    """The schema itself, where it is one of the document's, and where it is wrapped to have a title."""
    while True:
        if "$ref" in schema:
            schema = components[schema["$ref"].removeprefix(REF)]
        elif len(schema.get("allOf", ())) == 1:
            schema = schema["allOf"][0]
        else:
            return schema


def options_of(schema: Schema) -> Sequence[Schema]:
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return list(schema[union])
    types = schema.get("type")
    return [{**schema, "type": each} for each in types] if isinstance(types, list) else [schema]


def types_of(schema: Schema) -> frozenset[str]:
    """The JSON types of what fits; an integer is a number, too."""
    if "type" in schema:
        return frozenset({"integer", "number"} if schema["type"] == "number" else {schema["type"]})
    values = values_of(schema)
    if values is None:
        return frozenset(_JSON_TYPES)
    return frozenset(type_of(value) for value in values)


def type_of(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def values_of(schema: Schema) -> list[Any] | None:
    """All that fits, where the schema lists it."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def values_fit(given: Schema, taken: Schema) -> bool:
    allowed, said = values_of(taken), values_of(given)
    return allowed is None or (said is not None and all(value in allowed for value in said))


def fits(given: float | None, taken: float, higher_takes_less: bool) -> bool:
    if given is None:
        return False
    return given >= taken if higher_takes_less else given <= taken


def in_words(schema: Schema) -> str:
    values = values_of(schema)
    if values is not None:
        return " or ".join(map(repr, values))
    return str(schema.get("type", "anything"))


def is_about_type(problems: Sequence[str], where: str) -> bool:
    """Whether it is something else altogether."""
    return any(problem.startswith((f"{where} took ", f"{where} can be ")) for problem in problems)


def inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where and name else where or name


def has_positions(schema: Schema) -> bool:
    return isinstance(schema.get("items"), list) or schema.get("maxItems") == 0


def positions(schema: Schema) -> list[Schema]:
    items = schema.get("items", [])
    return list(items) if isinstance(items, list) else []


def item_at(schema: Schema, number: int) -> Schema | None:
    """The schema of an item; None: there can be none."""
    items = schema.get("items", {})
    if isinstance(items, dict):
        return None if schema.get("maxItems") == 0 else dict(items)
    if number < len(items):
        return dict(items[number])
    more = schema.get("additionalItems", True)
    if more is False:
        return None
    return {} if more is True else dict(more)
