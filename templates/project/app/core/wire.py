"""What can be sent to clients: JSON, and bytes in lists and mappings as binary attachments.

Pydantic models, dataclasses, dates, UUIDs, enums and the like become what Pydantic makes of them in JSON;
bytes inside a model or a dataclass become text.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

import orjson
from pydantic_core import to_json, to_jsonable_python

from .transport import Json

# How deep lists and objects may be nested in what is sent, about as deep as orjson goes.
MOST_NESTED: Final = 250
# What orjson would write in its own way, or leave out, is left to Pydantic.
OPTIONS: Final = (
    orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def to_wire(value: object) -> Any:
    """`value` as the engine takes it: `Json` where that can be had at once, else as `to_plain` has it.

    Raises:
        ValueError: Something in it cannot be sent.
    """
    if value is None or value is True or value is False:
        return value
    try:
        text = orjson.dumps(value, option=OPTIONS)
    except TypeError:  # Bytes, for one; and whatever only Pydantic knows.
        return to_plain(value)
    # To orjson, NaN is null.
    if b'"_placeholder"' in text or (b"null" in text and not _has_no_nan(value)):
        return to_plain(value)
    return Json(text)


def _has_no_nan(value: object) -> bool:
    # It is called by its name here, or so is something in a string.
    names = to_json(value, inf_nan_mode="constants")
    return b"NaN" not in names and b"Infinity" not in names


def to_plain(value: object) -> Any:
    """`value` as lists, dictionaries, strings, numbers, bytes, True, False and None.

    Raises:
        ValueError: Something in it has no such form.
    """
    try:
        return _to_plain(value, MOST_NESTED)
    except OverflowError:
        raise ValueError("it has a number that is too large for JavaScript") from None


def _to_plain(value: object, levels: int) -> Any:
    if value is None or type(value) in (str, bool, bytes):
        return value
    if isinstance(value, float) or type(value) is int:
        if not math.isfinite(value):
            # Python would write NaN, which no JavaScript client can parse: it would drop the connection.
            raise ValueError(f"{value} is not a JSON number")
        return value if type(value) is int else float(value)
    if levels == 0:
        raise ValueError(f"it contains itself, or has more than {MOST_NESTED} levels")
    if isinstance(value, Mapping):
        items = {str(to_jsonable_python(key)): _to_plain(item, levels - 1) for key, item in value.items()}
        if items.get("_placeholder"):
            # Stands for a binary attachment: clients would look for one that is not there, and disconnect.
            raise ValueError("_placeholder is a name that Socket.IO keeps for itself")
        return items
    if isinstance(value, list | tuple | set | frozenset):
        return [_to_plain(item, levels - 1) for item in value]
    plain = to_jsonable_python(value)
    return plain if isinstance(plain, str | int) else _to_plain(plain, levels - 1)
