"""Clients for npm's socket.io-client: one file of types as Socket.IO has them, and what connects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from macchiato_cli.client.contract import Contract, Heard, Namespace, Parameter, Reader, Sent
from macchiato_cli.client.schema import (
    ANY,
    Constants,
    ListOf,
    MapOf,
    Named,
    Object,
    OneOf,
    Plain,
    TupleOf,
    Type,
)

MARK: Final = "made by `macchiato client typescript`"
"""What the first line of each file says: only these are overwritten."""

# https://262.ecma-international.org/#sec-keywords-and-reserved-words, and the types of TypeScript.
_WORDS: Final = frozenset(
    """
    any arguments as async await bigint boolean break case catch class const continue debugger declare default
    delete do else enum eval export extends false finally for from function get if implements import in infer
    instanceof interface is keyof let module namespace never new null number object of package private
    protected public readonly return set static string super switch symbol this throw true try type typeof
    undefined unique unknown var void while with yield
    """.split()
)
_OURS: Final = frozenset(
    """
    Ack Array ArrayBuffer Auth ConnectError Error Event EventError ManagerOptions Partial Promise Record
    Socket SocketOptions Uint8Array io
    """.split()
)
_PLAIN: Final = {
    "any": "unknown",
    "null": "null",
    "boolean": "boolean",
    "integer": "number",
    "number": "number",
    "string": "string",
    "binary": "ArrayBuffer | Uint8Array",
}
_IDENTIFIER: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")

_HEAD: Final = f"""\
// Typed clients, {MARK}: do not edit it.

import {{ io, type ManagerOptions, type Socket, type SocketOptions }} from "socket.io-client";

/** How the server answers an event: `await socket.emitWithAck(event, ...)`. */
export type Ack<Data, Code extends string> =
  | {{ ok: true; data: Data }}
  | {{ ok: false; error: {{ code: Code; message: string; details: unknown }} }};

/** What `connect_error` tells: without `data`, no server answers; else why it refused. */
export interface ConnectError<Code extends string> extends Error {{
  data?: {{ code: Code }};
}}

/** What a namespace wants to know, or what gives it whenever a connection is made: tokens expire. */
export type Auth<Data> = Data | ((give: (auth: Data) => void) => void);
"""


def file_of(document: Any) -> str:
    """The file.

    Raises:
        Unreadable: It is no contract.
    """
    reader = Reader(document, taken=_WORDS | _OURS, words=_WORDS | {"ack", "answer"})
    contract = reader.contract(reader.addresses())
    names = contract.types.names
    every = [sent.codes for each in contract.namespaces for sent in each.sent]
    common = tuple(code for code in (every or [()])[0] if all(code in codes for codes in every))
    namespaces = [line for each in contract.namespaces for line in _namespace(each, names.add, common)]
    shared = [
        "/** Why the server can refuse any event. */",
        f"export type EventError = {_codes(common)};",
        "",
    ]
    return "\n".join([_HEAD, *(shared if common else []), *_declarations(contract), *namespaces])


def is_made(text: str) -> bool:
    """Whether a file is one that this makes."""
    return MARK in text.partition("\n")[0]


def _declarations(contract: Contract) -> Iterator[str]:
    for name, found in contract.types.declared.items():
        yield from _about(found.description, "")
        if isinstance(found, Object):
            yield f"export interface {name} {{"
            for each in found.fields:
                yield from _about(each.description, "  ")
                yield f"  {_key(each.name)}{'' if each.required else '?'}: {_text(each.type)};"
            yield "}"
        else:
            yield f"export type {name} = {_text(found.type)};"
        yield ""


def _namespace(namespace: Namespace, named: Callable[[str], str], common: Sequence[str]) -> Iterator[str]:
    address = json.dumps(namespace.address)
    hears = named(f"{namespace.client}ServerToClientEvents")
    says = named(f"{namespace.client}ClientToServerEvents")
    refusal = named(f"{namespace.client}Refusal")
    socket = named(f"{namespace.client}Socket")
    connect = named(f"connect{namespace.client}")
    shown = _comment(f"the namespace {namespace.address}")
    yield f"/** What clients hear in {shown}. */"
    yield f"export interface {hears} {{"
    for heard in namespace.heard:
        yield from _about(heard.description, "  ")
        yield f"  {_key(heard.event)}: {_heard(heard)};"
    yield "}"
    yield ""
    yield f"/** What clients say in {shown}. */"
    yield f"export interface {says} {{"
    for sent in namespace.sent:
        yield from _about(sent.description, "  ")
        yield f"  {_key(sent.event)}: {_sent(sent, common)};"
    yield "}"
    yield ""
    yield f"/** Why {shown} refuses a connection: the `data.code` of a `connect_error`. */"
    yield f"export type {refusal} = {_codes(namespace.refusals)};"
    yield ""
    yield f"export type {socket} = Socket<{hears}, {says}>;"
    yield ""
    yield f"/** A socket of {shown}: `url` is where the server is. */"
    yield f"export function {connect}("
    yield "  url: string,"
    if namespace.auth == ANY:
        yield "  auth: Auth<object> = {},"
    elif namespace.auth_is_needed:
        yield f"  auth: Auth<{_text(namespace.auth)}>,"
    else:
        yield f"  auth: Auth<{_text(namespace.auth)}> = {{}},"
    yield "  options: Partial<ManagerOptions & SocketOptions> = {},"
    yield f"): {socket} {{"
    yield f'  return io(url.replace(/\\/+$/, "") + {address}, {{ ...options, auth }});'
    yield "}"
    yield ""


def _heard(heard: Heard) -> str:
    arguments = [_parameter(each) for each in heard.parameters.required]
    if heard.answer is not None:
        arguments.append(f"answer: (answer: {_text(heard.answer)}) => void")
    return f"({', '.join(arguments)}) => void"


def _sent(sent: Sent, common: Sequence[str]) -> str:
    """A function of its arguments and the ack. What may be left out stands before that: a choice of lists."""
    own = [code for code in sent.codes if code not in common]
    codes = " | ".join([*(["EventError"] if common else []), *([_codes(own)] if own or not common else [])])
    ack = f"ack: (ack: Ack<{_text(sent.answer)}, {codes}>) => void"
    ways = [[_parameter(each) for each in way] for way in sent.parameters.variants()]
    if rest := sent.parameters.rest:
        ways[-1].append(f"...{rest.name}: {_item(rest.type)}[]")
    if len(ways) == 1 and not rest:
        return f"({', '.join([*ways[0], ack])}) => void"
    lists = [f"[{', '.join([*way, ack])}]" for way in ways]
    return f"(...args: {' | '.join(lists)}) => void"


def _parameter(parameter: Parameter) -> str:
    return f"{parameter.name}: {_text(parameter.type)}"


def _codes(codes: Sequence[str]) -> str:
    return " | ".join(map(_constant, codes)) or "string"


def _text(kind: Type) -> str:
    match kind:
        case Plain(name):
            return _PLAIN[name]
        case Named(name):
            return name
        case Constants(values):
            return " | ".join(map(_constant, values))
        case ListOf(item):
            return f"{_item(item)}[]"
        case MapOf(value):
            return f"{{ [key: string]: {_text(value)} }}"
        case TupleOf(items, rest):
            return f"[{', '.join([*map(_text, items), *([f'...{_item(rest)}[]'] if rest else [])])}]"
        case OneOf(options):
            return " | ".join(dict.fromkeys(map(_text, options)))


def _item(kind: Type) -> str:
    is_union = isinstance(kind, OneOf | Constants) or kind == Plain("binary")
    return f"({_text(kind)})" if is_union else _text(kind)


def _constant(value: str | int | None) -> str:
    return json.dumps(value)


def _key(name: str) -> str:
    return name if _IDENTIFIER.fullmatch(name) else json.dumps(name)


def _about(description: str, indent: str) -> Iterator[str]:
    if description:
        yield f"{indent}/** {_comment(description)} */"


def _comment(text: str) -> str:
    """The text as it can stand in a comment: nothing in it ends that."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown.replace("*/", "*\\/")
