"""JSON Schemas of annotations, as AsyncAPI has them: of draft 7, and each model once."""

import re
from collections.abc import Callable
from typing import Any, Final, Literal

from pydantic import PydanticUserError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic_core import to_jsonable_python

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
    return schema


def named(schema: Schema, name: str) -> Schema:
    """The schema of an argument that is called so."""
    return {"title": name, "allOf": [schema]} if "$ref" in schema else {**schema, "title": name}


def with_default(schema: Schema, default: object) -> Schema:
    return {**schema, "default": to_jsonable_python(default, fallback=str)}


def arguments(required: list[Schema], optional: list[Schema] = [], rest: Schema | None = None) -> Schema:  # noqa: B006
    """The schema of a list of arguments."""
    schema: Schema = {"type": "array", "items": [*required, *optional], "minItems": len(required)}
    if rest is None:
        return {**schema, "maxItems": len(schema["items"]), "additionalItems": False}
    return {**schema, "additionalItems": rest}


def key_of(name: str) -> str:
    """The name of an event or a namespace, as AsyncAPI allows it for a key."""
    return re.sub(r"[^\w.-]", lambda found: f"-{ord(found[0]):x}-", name, flags=re.ASCII) or "root"
