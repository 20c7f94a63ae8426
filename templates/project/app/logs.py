"""What is logged, where, and what must never be: a token in a URL."""

import logging
from typing import Any, Final


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


class OneLine(logging.Formatter):
    """Spells out control characters in messages: what a client sent must not look like another record."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the library's own name
        text = super().formatMessage(record)
        return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


LOGGING: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"without_query_strings": {"()": WithoutQueryStrings}},
    "formatters": {"line": {"()": OneLine, "fmt": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"}},
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["without_query_strings"],
        }
    },
    "root": {"level": "INFO", "handlers": ["stderr"]},
    # Alembic introduces itself at every start, watchfiles counts every change it sees.
    "loggers": {"alembic": {"level": "WARNING"}, "watchfiles": {"level": "WARNING"}},
}
