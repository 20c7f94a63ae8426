"""The types of a contract, as Python has them: TypedDicts for objects, aliases for what is long."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from macchiato_cli.client.layout import WIDTH, docstring, imported, literal, subscript
from macchiato_cli.client.naming import class_like
from macchiato_cli.client.schema import (
    ANY,
    Alias,
    Constants,
    ListOf,
    MapOf,
    Named,
    Object,
    OneOf,
    Plain,
    TupleOf,
    Type,
    Types,
    one_of,
)

_PLAIN: Final = {
    "any": "Any",
    "null": "None",
    "boolean": "bool",
    "integer": "int",
    "number": "float",
    "string": "str",
    "binary": "bytes",
}
# A type that is longer gets a name of its own.
_LONGEST: Final = 50


@dataclass
class TypePrinter:
    """Prints types, and remembers what of other modules they need."""

    declarations: Types
    used: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    def imports(self) -> list[str]:
        return [imported(module, sorted(names)) for module, names in sorted(self.used.items())]

    def declared(self) -> list[str]:
        """All that is declared until now, and what that needs."""
        lines: list[str] = []
        printed: set[str] = set()
        while left := [name for name in self.declarations.declared if name not in printed]:
            for name in left:
                printed.add(name)
                found = self.declarations.declared[name]
                if isinstance(found, Object):
                    lines += ["", "", *self._object(name, found)]
        return [*lines, *self._aliases()]

    def use(self, module: str, name: str) -> str:
        self.used.setdefault(module, set()).add(name)
        return name

    def _object(self, name: str, found: Object) -> Iterator[str]:
        self.use("typing", "TypedDict")
        about = [docstring(found.description, indent=4)] if found.description else []
        if all(_is_plain_name(each.name) for each in found.fields):
            yield f"class {name}(TypedDict):"
            yield from [*about, ""] if about else []
            for each in found.fields:
                kind = self.annotation(each.type, f"{name}{class_like(each.name)}")
                if each.required:
                    yield f"    {each.name}: {kind}"
                else:
                    self.use("typing", "NotRequired")
                    yield f"    {each.name}: NotRequired[{kind}]"
            return
        yield f"{name} = TypedDict("
        yield f'    "{name}",'
        yield "    {"
        for each in found.fields:
            kind = self.annotation(each.type, f"{name}{class_like(each.name)}")
            if not each.required:
                self.use("typing", "NotRequired")
                kind = f"NotRequired[{kind}]"
            yield f"        {literal(each.name)}: {literal(kind)},"
        yield "    },"
        yield ")"

    def _aliases(self) -> list[str]:
        """Each after those that it is made of; what contains itself, in quotes."""
        declared = self.declarations.declared
        self._shorten()
        done: dict[str, list[str]] = {}

        def visit(name: str, above: tuple[str, ...]) -> bool:
            """Whether it leads back to what is above it."""
            found = declared.get(name)
            if name in above:
                return True
            if name in done or not isinstance(found, Alias):
                return False
            loops = [visit(each, (*above, name)) for each in _names_in(found.type)]
            if name not in done:
                done[name] = self._alias(name, found, is_quoted=any(loops))
            return False

        for name in list(declared):
            visit(name, ())
        lines = [line for alias in done.values() for line in ("", *alias)]
        return ["", *lines] if lines else []

    def _shorten(self) -> None:
        """Break what is too long for a line into types of their own."""
        declared = self.declarations.declared
        printed: set[str] = set()
        while left := [name for name in declared if name not in printed]:
            for name in left:
                printed.add(name)
                found = declared[name]
                if isinstance(found, Alias) and len(f"{name}: TypeAlias = {self._text(found.type)}") > WIDTH:
                    declared[name] = Alias(self._of_words(found.type, name), found.description)

    def _alias(self, name: str, found: Alias, *, is_quoted: bool) -> list[str]:
        self.use("typing", "TypeAlias")
        before = f"{name}: TypeAlias = "
        text = self._text(found.type)
        line = f"{before}{literal(text)}" if is_quoted else before + text
        if len(line) > WIDTH and not is_quoted:
            match found.type:
                case Constants(values):
                    line = subscript(before, "Literal", [literal(value) for value in values])
                case OneOf(options):
                    operands = "\n    | ".join(self._text(each) for each in options)
                    line = f"{before}(\n    {operands}\n)"
                case ListOf(item):
                    line = subscript(before, "list", [self._text(item)])
                case MapOf(value):
                    line = subscript(before, "dict", ["str", self._text(value)])
                case _:
                    pass
        return [line, *([docstring(found.description, indent=0)] if found.description else [])]

    def annotation(self, kind: Type, called: str) -> str:
        """The type where there is not much room: under a name of its own if it is long."""
        text = self._text(kind)
        if len(text) <= _LONGEST or isinstance(kind, Named | Plain):
            return text
        return self._named(kind, called)

    def _named(self, kind: Type, called: str) -> str:
        """The type under a name of its own."""
        types = self.declarations
        name = class_like(called)
        found = Alias(kind, "")
        if types.declared.get(name) != found:
            name = types.names.add(name)
            types.declared[name] = found
        return name

    def _of_words(self, kind: Type, called: str) -> Type:
        """The same, made of types that are a word each."""
        match kind:
            case ListOf(item):
                return ListOf(self._short(item, f"{called}Item"))
            case MapOf(value):
                return MapOf(self._short(value, f"{called}Value"))
            case OneOf(options):
                return OneOf(tuple(self._short(each, f"{called}Part") for each in options))
            case TupleOf():
                return ListOf(self._short(one_of(_items_of(kind)), f"{called}Item"))
            case _:
                return kind

    def _short(self, kind: Type, called: str) -> Type:
        """The same as one word."""
        if isinstance(kind, Named | Plain):
            return kind
        return Named(self._named(kind, called))

    def _text(self, kind: Type) -> str:
        match kind:
            case Plain(name):
                return self.use("typing", "Any") if name == "any" else _PLAIN[name]
            case Named(name):
                return name
            case Constants((None,)):
                return "None"
            case Constants(values):
                return f"{self.use('typing', 'Literal')}[{', '.join(map(literal, values))}]"
            case ListOf(item):
                return f"list[{self._text(item)}]"
            case MapOf(value):
                return f"dict[str, {self._text(value)}]"
            case TupleOf():
                # A tuple is a list when it has been JSON.
                each = dict.fromkeys(map(self._text, _items_of(kind)))
                return f"list[{'Any' if 'Any' in each else ' | '.join(each) or self._text(ANY)}]"
            case OneOf(options):
                return " | ".join(dict.fromkeys(map(self._text, options)))


def _items_of(kind: TupleOf) -> list[Type]:
    return [*kind.items, *([kind.rest] if kind.rest else [])]


def _names_in(kind: Type) -> Iterator[str]:
    match kind:
        case Named(name):
            yield name
        case ListOf(inner) | MapOf(inner):
            yield from _names_in(inner)
        case TupleOf():
            for each in _items_of(kind):
                yield from _names_in(each)
        case OneOf(options):
            for each in options:
                yield from _names_in(each)
        case _:
            return


def _is_plain_name(name: str) -> bool:
    """Whether it can be written as a field of a class."""
    is_word = name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
    return is_word and not name.startswith("__")
