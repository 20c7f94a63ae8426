"""The namespaces of a project, read where their modules are written the usual way: nothing of it is run.

What is read is what the import would say (see probe.py), or there is no answer. So what may be written, and
what may be imported, is listed here, and everything else is left to the import: docs/decisions/010.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path
from typing import Any

from macchiato_cli import redaction
from macchiato_cli.probe import type_name
from macchiato_cli.reading.meanings import Declined, Function
from macchiato_cli.reading.modules import Modules
from macchiato_cli.reading.wrappers import Wrapper

# Texts of .env in which dotenv finds nothing else than `redaction.plain_settings` does.
_PLAIN_ENV = re.compile(
    r"""(?:
        [ \t]*(?:\#.*)?
        |[A-Za-z_]\w*=(?:[^\s'"`$\\\#][^'"`$\\\#\r\n]*|"[^"\\$\r\n]+"|'[^'\\$\r\n]+')?
    )\r?\n?""",
    re.ASCII | re.VERBOSE,
)


def read_namespaces(root: Path) -> list[dict[str, Any]] | None:
    """What `import_namespaces` would find, without anything broken; None where only the import can tell."""
    # What an odd source is worth a warning about is nothing to tell here.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return _read(root)
        # Python's own limits, and files that cannot be read.
        except (Declined, OSError, ValueError, TypeError, SyntaxError, RecursionError, MemoryError, Warning):
            return None


def _read(root: Path) -> list[dict[str, Any]]:
    text = redaction.env_file_text(root)
    if not all(_PLAIN_ENV.fullmatch(line) for line in text.splitlines(keepends=True)):
        raise Declined(".env")
    hidden = redaction.of_settings((redaction.plain_settings(text), os.environ))
    modules = Modules(root)
    found = [wrapper for name in modules.namespaces() for wrapper in modules.wrappers_of(name)]
    if len({wrapper.namespace for wrapper in found}) < len(found):
        raise Declined("two wrappers of one namespace")
    return [_described(wrapper, hidden) for wrapper in found]


def _described(wrapper: Wrapper, hidden: redaction.Redaction) -> dict[str, Any]:
    file = f"{wrapper.module.replace('.', '/')}.py"
    return {
        "namespace": wrapper.namespace,
        "module": wrapper.module,
        "guard": wrapper.guard,
        "client_key": wrapper.client_key,
        "file": file,
        "line": wrapper.line,
        "events": [
            {
                "event": event,
                "parameters": _parameters(function, hidden),
                "answer": hidden.applied_to(type_name(function.answer)),
                "file": file,
                "line": function.line,
            }
            for event, function in wrapper.listeners.items()
        ],
        "heard": [
            {
                "event": heard.event,
                "types": [hidden.applied_to(type_name(each)) for each in heard.types],
                "answer": next((hidden.applied_to(type_name(each)) for each in heard.answers), None),
                "file": file,
                "line": heard.line,
            }
            for heard in wrapper.heard.values()
        ],
    }


def _parameters(function: Function, hidden: redaction.Redaction) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "type": hidden.applied_to(type_name(each.type)),
            "default": None if each.default is None else hidden.applied_to(each.default),
            "rest": each.rest,
        }
        for each in function.sent or ()
    ]
