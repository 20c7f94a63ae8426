"""Whom a log record is about: known wherever it is written, such as in a listener's own `log.info(...)`."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Final

FIELDS: Final = ("namespace", "sid", "client", "event")

# In the order of FIELDS.
_values: ContextVar[tuple[str | None, ...]] = ContextVar("log_context", default=())


def current() -> Mapping[str, str]:
    """What is known here, of FIELDS."""
    known = zip(FIELDS, _values.get(), strict=False)
    return {field: value for field, value in known if value is not None}


# From now on, in this task and those that it starts, records are about these values of FIELDS; None: unknown.
begin: Final[Callable[[tuple[str | None, ...]], object]] = _values.set
