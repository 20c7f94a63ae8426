"""JSON Schemas of annotations, as AsyncAPI has them: of draft 7, and each model once."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, Literal

from pydantic import PydanticUserError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic_core import PydanticSerializationError, to_jsonable_python

Schema = dict[str, Any]
Mode = Literal["validation", "serialization"]

REF: Final = "#/components/schemas/"
ANYTHING: Final[Schema] = {}


class ContractError(Exception):
    """Something that namespaces declare cannot be described."""


class Schemas:
    """Collects types, then describes all of them at once, since two models may have the same name."""

    def __init__(self) -> None:
        self.components: dict[str, Schema] = {}
        self._adapters: list[tuple[int, Mode, TypeAdapter[Any]]] = []
        self._schemas: dict[tuple[int, Mode], Schema] = {}

    def add(self, type_: Any, mode: Mode, *, of: str) -> Callable[[], Schema]:
        """What gives the schema of a type, once `resolve` was called.

        Args:
            of: What has this type, for the error.

        Raises:
            ContractError: It has none.
        """
        number = len(self._adapters)
        try:
            adapter = TypeAdapter(type_)
            adapter.json_schema(mode=mode)
        except (PydanticUserError, PydanticInvalidForJsonSchema) as error:
            raise ContractError(f"{of} has no JSON Schema: {str(error).splitlines()[0]}") from None
        self._adapters.append((number, mode, adapter))
        return lambda: self._schemas[number, mode]

    def resolve(self) -> None:
        """Make the schemas of all that was added."""
        schemas, shared = TypeAdapter.json_schemas(self._adapters, ref_template=f"{REF}{{model}}")
        self._schemas = {key: draft_7(schema) for key, schema in schemas.items()}
        definitions: dict[str, Schema] = shared.get("$defs", {})
        self.components = {name: draft_7(definitions[name]) for name in sorted(definitions)}


def draft_7(value: Any) -> Any:
    """A schema of draft 2020-12, as Pydantic makes it, for AsyncAPI 3.0."""
    if isinstance(value, list):
        return [draft_7(item) for item in value]
    if not isinstance(value, dict):
        return value
    schema = {key: draft_7(item) for key, item in value.items()}
    if "prefixItems" in schema:
        schema["additionalItems"] = schema.pop("items", False)
        schema["items"] = schema.pop("prefixItems")
    if isinstance(schema.get("discriminator"), dict) and "propertyName" in schema["discriminator"]:
        schema["discriminator"] = schema["discriminator"]["propertyName"]
    return without_odd_default(schema)


def named(schema: Schema, name: str) -> Schema:
    """The schema of an argument that is called so."""
    return {"title": name, "allOf": [schema]} if "$ref" in schema else {**schema, "title": name}


def with_default(schema: Schema, default: object) -> Schema:
    """The schema of an argument that can be left out; what its default is, where JSON can say it."""
    try:
        return without_odd_default({**schema, "default": to_jsonable_python(default)})
    except (PydanticSerializationError, ValueError):
        return schema


def without_odd_default(schema: Schema) -> Schema:
    try:
        json.dumps(schema.get("default"), allow_nan=False)
    except ValueError:  # Infinity and NaN are floats, and no JSON.
        return {key: value for key, value in schema.items() if key != "default"}
    return schema


def arguments(required: list[Schema], optional: list[Schema] = [], rest: Schema | None = None) -> Schema:  # noqa: B006
    """The schema of a list of arguments."""
    schema: Schema = {"type": "array", "minItems": len(required)}
    items = [*required, *optional]
    if rest is None:
        # A list of no schemas is not allowed.
        named_items = {"items": items, "additionalItems": False} if items else {}
        return {**schema, **named_items, "maxItems": len(items)}
    return {**schema, "items": items, "additionalItems": rest} if items else {**schema, "items": rest}


def by_key(items: Iterable[tuple[str, str, Any]]) -> dict[str, Any]:
    """(key, name, value)... as key -> value.

    Raises:
        ContractError: Two have one key.
    """
    names: dict[str, str] = {}
    found: dict[str, Any] = {}
    for key, name, value in items:
        if key in found:
            raise ContractError(f"{names[key]} and {name} are both {key} in the contract: rename one of them")
        names[key], found[key] = name, value
    return found


def key_of(name: str) -> str:
    """The name of an event or a namespace, as AsyncAPI allows it for a key."""
    return re.sub(r"[^\w.-]", lambda found: f"-{ord(found[0]):x}-", name, flags=re.ASCII) or "root"
