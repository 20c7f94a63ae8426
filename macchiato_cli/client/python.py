"""Clients for python-socketio: a module for each namespace, on what projects have for all; or one file."""

from __future__ import annotations

import ast
import keyword
from typing import Any, Final

from macchiato_cli.client.contract import Contract, Reader
from macchiato_cli.client.layout import docstring, imported
from macchiato_cli.client.naming import RESERVED, Names, identifier
from macchiato_cli.client.python_clients import ClientPrinter, shown
from macchiato_cli.client.python_types import TypePrinter
from macchiato_cli.name_rules import to_snake

MARK: Final = "made by `macchiato client python`"
"""What the first line of each file says: only these are overwritten."""

WORDS: Final = frozenset(keyword.kwlist) | {"self", "event", "within_s", "args", "result", "handler"}


_LONGEST_MODULE: Final = 100


def reader(document: Any) -> Reader:
    """Raises nothing yet."""
    return Reader(document, taken=RESERVED, words=WORDS)


def module_of(document: Any, address: str) -> str:
    """The module of one namespace, in a project's clients/typed.

    Raises:
        Unreadable: It is no contract.
    """
    contract = reader(document).contract([address])
    types, body = _printed(contract)
    (namespace,) = contract.namespaces
    lines = [
        docstring(f"The namespace {shown(namespace.address)}, {MARK}: do not edit it.", indent=0),
        "",
        "from __future__ import annotations",
        "",
        *types.imports(),
        "",
        imported(".", ["SocketClient", *(["ANSWER_WITHIN_S"] if namespace.sent or namespace.heard else [])]),
    ]
    return "\n".join([*lines, *body]) + "\n"


def file_of(document: Any, runtime: str) -> str:
    """One file with all namespaces, which needs nothing but python-socketio.

    Args:
        runtime: The source of what the clients have in common.

    Raises:
        Unreadable: It is no contract.
    """
    whole = reader(document)
    types, body = _printed(whole.contract(whole.addresses()))
    standard, others, rest = _parts_of(runtime, types.used)
    lines = [
        f'"""Typed clients, {MARK}: do not edit it."""',
        *("", "from __future__ import annotations", "", *standard, "", *others, "", rest),
    ]
    return "\n".join([*lines, *body]) + "\n"


def _printed(contract: Contract) -> tuple[TypePrinter, list[str]]:
    """What clients declare, and what they need for it."""
    types = TypePrinter(contract.types)
    # The clients first: what is too long there gets a name.
    clients = [line for each in contract.namespaces for line in ClientPrinter(types).client(each)]
    return types, [*types.declared(), *clients]


def _parts_of(runtime: str, used: dict[str, set[str]]) -> tuple[list[str], list[str], str]:
    """The runtime's imports together with ours, those of the library, and what comes after them."""
    tree = ast.parse(runtime)
    standard: dict[str, set[str]] = {module: set(names) for module, names in used.items()}
    plain: list[str] = []
    others: list[str] = []
    start = 0
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            start = node.end_lineno or 0
            text = ast.get_source_segment(runtime, node) or ""
            if "socketio" in text.split()[1]:
                others.append(text)
            elif isinstance(node, ast.Import):
                plain.append(text)
            elif node.module and node.module != "__future__":
                standard.setdefault(node.module, set()).update(each.name for each in node.names)
    named = [imported(module, sorted(names)) for module, names in sorted(standard.items())]
    return [*plain, *named], others, "\n".join(runtime.splitlines()[start:]).strip("\n")


def is_made(text: str) -> bool:
    """Whether a file is one that this makes."""
    return MARK in "".join(text.splitlines()[:3])


def modules_of(document: Any) -> dict[str, str]:
    """All modules of a project's clients/typed: what they are called, and what is in them.

    Raises:
        Unreadable: It is no contract.
    """
    found: dict[str, str] = {}
    names = Names({"__init__"})
    for address in reader(document).addresses():
        name = identifier(to_snake(address), otherwise="namespace", longest=_LONGEST_MODULE).lower()
        found[names.add(f"{name}_" if keyword.iskeyword(name) else name)] = module_of(document, address)
    return found
