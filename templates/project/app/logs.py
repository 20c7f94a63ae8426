"""What is logged, where and how, and what must never be: tokens, passwords, what clients send."""

import logging
import re
from typing import Any, Final, Literal

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from .engine import log_context

FIELDS: Final = ("worker", *log_context.FIELDS)


class WithoutQueryStrings(logging.Filter):
    """Cuts the query off the paths that uvicorn logs: clients may send their token in it.

    uvicorn logs requests as `"GET /socket.io/?EIO=4&commId=TOKEN HTTP/1.1" 200` and WebSockets as
    `"WebSocket /socket.io/?EIO=4&commId=TOKEN" [accepted]`; the path is one of the message's arguments.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("uvicorn") and isinstance(record.args, tuple):
            record.args = tuple(_without_query(arg) for arg in record.args)
        return True


def _without_query(arg: object) -> object:
    return arg.partition("?")[0] if isinstance(arg, str) and arg.startswith("/") else arg


class WithContext(logging.Filter):
    """Says in each record whom it is about: `namespace`, `sid`, `client` and `event`, as far as is known.

    Args:
        worker: Which process writes it, where there are several: `worker`.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__()
        self._worker = worker

    def filter(self, record: logging.LogRecord) -> bool:
        if self._worker is not None:
            record.__dict__.setdefault("worker", self._worker)
        for field, value in log_context.current().items():
            # What `extra={"event": ...}` says is meant.
            record.__dict__.setdefault(field, value)
        return True


class WithoutInput(logging.Formatter):
    """Cuts what a client sent out of Pydantic's errors, which quote it."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's own name
        return re.sub(r", input_value=.*, input_type=", ", input_type=", super().formatException(ei))


class OneLine(WithoutInput):
    """For people: `... app.core.lifecycle: /devUser: 42 connected [namespace=/devUser sid=Zk3b client=42]`.

    Control characters are spelled out, tracebacks indented: nothing that a client sent looks like a record.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's own name
        text = super().formatMessage(record)
        known = record.__dict__
        if about := [f"{field}={known[field]}" for field in FIELDS if field in known]:
            text += f" [{' '.join(about)}]"
        return _printable(text)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the library's own name
        return "\n".join(f"  {_printable(line)}" for line in super().formatException(ei).splitlines())


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


class JsonLines(WithoutInput, JsonFormatter):
    """For machines: an object per line; what a listener logs with `extra={...}` is in it, too."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            timestamp=True,
            rename_fields={
                "levelname": "level",
                "name": "logger",
                "exc_info": "exception",
                "stack_info": "stack",
            },
            # uvicorn's messages once more, with the colours of a terminal.
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],
        )


def log_config(
    log_format: Literal["text", "json"], *, access_log: bool = True, worker: int | None = None
) -> dict[str, Any]:
    """For `logging.config.dictConfig`, and for uvicorn, which calls it.

    Args:
        worker: See `WithContext`.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {
            "without_query_strings": {"()": WithoutQueryStrings},
            "with_context": {"()": WithContext, "worker": worker},
        },
        "formatters": {
            "text": {"()": OneLine, "fmt": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"},
            "json": {"()": JsonLines},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": log_format,
                "filters": ["without_query_strings", "with_context"],
            }
        },
        "root": {"level": "INFO", "handlers": ["stderr"]},
        "loggers": {
            **{logger: {"level": level} for logger, level in _LEVELS.items()},
            "app.access": {"level": "INFO" if access_log else "WARNING"},
        },
    }


_LEVELS: Final = {
    # Alembic introduces itself at every start, watchfiles counts every change it sees.
    "alembic": "WARNING",
    "watchfiles": "WARNING",
    # With DEBUG at the root they would write every message and every row: tokens and password hashes.
    "uvicorn": "INFO",
    "aiosqlite": "INFO",
}
