"""Annotations, as far as they are usual: the very objects that Python would make of them.

A listener's are checked by pydantic while its module is imported. So what pydantic cannot take is declined,
and with it all that it might not.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final, Literal, Optional, Union

from macchiato_cli.reading.meanings import (
    Declined,
    Function,
    Meaning,
    Module,
    Opaque,
    Scope,
    Sent,
    Special,
    Type,
)

BUILTIN_TYPES: Final = {
    **{each.__name__: Type(each) for each in (str, int, float, bool, bytes, object)},
    **{each.__name__: Type(each, takes=1) for each in (list, set, frozenset)},
    "dict": Type(dict, takes=2),
    "tuple": Type(tuple, takes=-1),
}
_SPECIAL = {f"typing.{name}" for name in ("Annotated", "Literal", "Optional", "Union")} | {
    *("dataclasses.dataclass", "dataclasses.field")
}
_SENDABLE = {
    *(f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta")),
    *("decimal.Decimal", "typing.Any", "uuid.UUID"),
}
_TAKING = {"collections.abc.Sequence": 1, "collections.abc.Mapping": 2}
_LENGTHS = {"min_length", "max_length"}
_BOUNDS = {"gt", "ge", "lt", "le"}
_ABOUT = {"title", "description"}
_LARGEST = 2**31


def of_standard_library(module: str, name: str) -> Meaning:
    """What a name in a module of the standard library means."""
    found = getattr(import_module(module), name, None)
    if found is None:
        raise Declined(f"{module}.{name}")
    full = f"{module}.{name}"
    if full in _SPECIAL:
        return Special(full)
    if full in _SENDABLE:
        return Type(found)
    if full in _TAKING:
        return Type(found, takes=_TAKING[full])
    return Opaque()


class Annotations:
    """Reads annotations with the names that are known so far."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def read(self, node: ast.expr, *, sendable: bool = False) -> Any:
        """The type; None stands for its own.

        Raises:
            Declined: It is not of the usual kind, or pydantic might not take it where that has to.
        """
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node = ast.parse(node.value, mode="eval").body
        found = self._type(node)
        if sendable and not found.sendable:
            raise Declined(ast.unparse(node))
        return type(None) if found.value is None else found.value

    def read_value(self, node: ast.expr) -> Any:
        """The type that stands for itself in a call, and that pydantic has to take.

        Raises:
            Declined: It is not of the usual kind.
        """
        if isinstance(node, ast.Constant) and node.value is not None:
            raise Declined(ast.unparse(node))
        return self.read(node, sendable=True)

    def _type(self, node: ast.expr) -> Type:
        if isinstance(node, ast.Constant) and node.value is None:
            return Type(None)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            left, right = self._type(node.left), self._type(node.right)
            return Type(left.value | right.value, left.sendable and right.sendable)
        if isinstance(node, ast.Subscript):
            return self._subscripted(node)
        found = self.meaning(node)
        if not isinstance(found, Type) or found.value in (Sequence, Mapping):
            raise Declined(ast.unparse(node))
        return Type(found.value, found.sendable)

    def meaning(self, node: ast.expr) -> object:
        """What a name means, or one in a module of the standard library."""
        if isinstance(node, ast.Name):
            if node.id in self._scope:
                return self._scope[node.id]
            if node.id in BUILTIN_TYPES:
                return BUILTIN_TYPES[node.id]
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = self._scope.get(node.value.id)
            if isinstance(module, Module):
                return of_standard_library(module.name, node.attr)
        raise Declined(ast.unparse(node))

    def _subscripted(self, node: ast.Subscript) -> Type:
        head = self.meaning(node.value)
        inside = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if isinstance(head, Type) and head.takes:
            return self._taking(head, inside)
        if head == Special("typing.Literal") and inside:
            values = [each.value for each in inside if isinstance(each, ast.Constant)]
            if len(values) == len(inside) and {type(value) for value in values} <= {
                str,
                int,
                bool,
                type(None),
            }:
                return Type(Literal[tuple(values)])
        elif head == Special("typing.Annotated") and len(inside) > 1:
            of = self._type(inside[0])
            for note in inside[1:]:
                self.field(note, of.value)
            return of
        elif head == Special("typing.Optional") and len(inside) == 1:
            of = self._type(inside[0])
            return Type(Optional[of.value], of.sendable)  # noqa: UP045
        elif head == Special("typing.Union") and inside:
            many = [self._type(each) for each in inside]
            return Type(Union[tuple(each.value for each in many)], all(each.sendable for each in many))  # noqa: UP007
        raise Declined(ast.unparse(node))

    def _taking(self, head: Type, inside: Sequence[ast.expr]) -> Type:
        is_open = head.value is tuple and len(inside) == 2 and _is_ellipsis(inside[1])
        read = [self._type(each) for each in (inside[:1] if is_open else inside)]
        if not read or head.takes not in (-1, len(inside)):
            raise Declined("the number of types in brackets")
        values = [each.value for each in read] + ([...] if is_open else [])
        sendable = head.sendable and all(each.sendable for each in read)
        return Type(head.value[tuple(values) if len(values) > 1 else values[0]], sendable)

    def field(self, node: ast.expr, of: Any) -> None:
        """Check that this is a `Field(...)` which pydantic takes for that type."""
        if (
            not isinstance(node, ast.Call)
            or node.args
            or self.meaning(node.func) != Special("pydantic.Field")
        ):
            raise Declined(ast.unparse(node))
        base = getattr(of, "__origin__", of)
        for keyword in node.keywords:
            value, name = literal(keyword.value), keyword.arg
            is_length = (
                name in _LENGTHS and base in (str, list) and type(value) is int and 0 <= value < _LARGEST
            )
            is_bound = (
                name in _BOUNDS
                and base in (int, float)
                and type(value) in (int, base)
                and abs(value) < _LARGEST
            )
            if not is_length and not is_bound and not (name in _ABOUT and type(value) is str):
                raise Declined(ast.unparse(node))

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Function:
        """A function whose definition cannot fail."""
        given = node.args
        if getattr(node, "type_params", None):
            raise Declined(node.name)
        defaults = [None if each is None else _shown(each) for each in (*given.defaults, *given.kw_defaults)]
        positional = [*given.posonlyargs, *given.args]
        every = [*positional, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
        for each in every:
            if each.annotation is not None:
                self.read(each.annotation)
        answer = Any if node.returns is None else self.read(node.returns)
        line = min([node.lineno, *(each.lineno for each in node.decorator_list)])
        is_listener = isinstance(node, ast.AsyncFunctionDef) and len(positional) >= 3
        # With a `yield`, it is a generator.
        is_listener = is_listener and not any(isinstance(each, ast.Yield) for each in ast.walk(node))
        if not is_listener or given.kwonlyargs or given.kwarg:
            return Function(node.name, line, None)
        padded = [*[None] * (len(positional) - len(given.defaults)), *defaults[: len(given.defaults)]]
        pairs = list(zip(positional, padded, strict=True))[3:]
        rest = [(given.vararg, None)] if given.vararg else []
        try:
            sent = [self._sent(each, default, rest=False) for each, default in pairs]
            sent += [self._sent(each, default, rest=True) for each, default in rest]
        except Declined:
            return Function(node.name, line, None)
        return Function(node.name, line, tuple(sent), answer)

    def _sent(self, node: ast.arg, default: str | None, *, rest: bool) -> Sent:
        found = Any if node.annotation is None else self.read(node.annotation, sendable=True)
        return Sent(node.arg, found, default, rest)


def literal(node: ast.expr) -> Any:
    """The value of a literal, which is made without running anything.

    Raises:
        Declined: It is none.
    """
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError) as error:
        raise Declined(ast.unparse(node)) from error


def _shown(node: ast.expr) -> str:
    """A default, as `repr` shows it: of one value, since that of a set is in no order."""
    of = node.operand if isinstance(node, ast.UnaryOp) else node
    if not isinstance(of, ast.Constant) or of.value is ...:
        raise Declined(ast.unparse(node))
    return repr(literal(node))


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...
