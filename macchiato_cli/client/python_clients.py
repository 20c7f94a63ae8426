"""The client of a namespace, as Python has it: a class whose methods know every event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from macchiato_cli.client.contract import Heard, Namespace, Parameter, Sent
from macchiato_cli.client.layout import docstring, exploded, literal, subscript
from macchiato_cli.client.naming import class_like
from macchiato_cli.client.python_types import TypePrinter
from macchiato_cli.client.schema import ANY

# What is longer has an item a line.
_LONGEST = 80


class ClientPrinter:
    """Prints the clients of namespaces."""

    def __init__(self, types: TypePrinter) -> None:
        self._types = types

    def client(self, namespace: Namespace) -> Iterator[str]:
        yield from ("", "", f"class {namespace.client}(SocketClient):")
        yield docstring(f"A client in the namespace {shown(namespace.address)}.", indent=4)
        yield from ("", f"    namespace = {literal(namespace.address)}", "")
        auth = self._types.annotation(namespace.auth, f"{namespace.client}Auth")
        if not namespace.auth_is_needed:
            auth = f"{auth} = None" if namespace.auth == ANY else f"{auth} | None = None"
        after = ["reconnection: bool = False"]
        yield from _function("def __init__", [f"auth: {auth}"], "None", before=["url: str"], after=after)
        yield "        super().__init__(url, auth, reconnection=reconnection)"
        if namespace.sent:
            yield from self._calls(namespace.sent)
            yield from self._emits(namespace.sent)
        if namespace.heard:
            yield from self._expects(namespace.heard)
            yield from self._handlers(namespace.heard)

    def _calls(self, sent: Sequence[Sent]) -> Iterator[str]:
        within = "within_s: float = ANSWER_WITHIN_S"
        variants: list[_Variant] = []
        for each in sent:
            answer = self._types.annotation(each.answer, f"{class_like(each.event)}Answer")
            for arguments, given in self._arguments(each):
                body = f"await self.call_untyped(event{given}, within_s=within_s)"
                body = _returning(answer, body)
                variants.append(_Variant(each.event, arguments, answer, each.description, body))
        rest = "return await self.call_untyped(event, *args, within_s=within_s)"
        yield from self._overloaded("async def call", variants, rest, result="Any", after=[within])

    def _emits(self, sent: Sequence[Sent]) -> Iterator[str]:
        variants = [
            _Variant(each.event, arguments, "None", "", f"await self.emit_untyped(event{given})")
            for each in sent
            for arguments, given in self._arguments(each)
        ]
        yield from self._overloaded(
            "async def emit", variants, "await self.emit_untyped(event, *args)", result="None", after=[]
        )

    def _expects(self, heard: Sequence[Heard]) -> Iterator[str]:
        within = "within_s: float = ANSWER_WITHIN_S"
        variants: list[_Variant] = []
        for each in heard:
            kinds = [self._parameter(parameter, each.event) for parameter in each.parameters.required]
            result = kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]" if kinds else "None"
            if len(result) > _LONGEST:
                result = exploded("tuple", kinds, indent=4)
            body = _returning(result, "await self.expect_untyped(event, within_s=within_s)")
            variants.append(_Variant(each.event, [], result, each.description, body))
        rest = "return await self.expect_untyped(event, within_s=within_s)"
        yield from self._overloaded(
            "async def expect", variants, rest, result="Any", after=[within], takes_more=False
        )

    def _handlers(self, heard: Sequence[Heard]) -> Iterator[str]:
        variants: list[_Variant] = []
        for each in heard:
            kinds = [self._parameter(parameter, each.event) for parameter in each.parameters.required]
            self._types.use("collections.abc", "Callable")
            if each.answer is None:
                result = "object"
            else:
                answer = self._types.annotation(each.answer, f"{class_like(each.event)}Answer")
                result = f"{answer} | {self._types.use('collections.abc', 'Awaitable')}[{answer}]"
            handler = f"handler: Callable[[{', '.join(kinds)}], {result}]"
            if len(handler) > _LONGEST:
                arguments = exploded("", kinds, indent=12) if kinds else "[]"
                handler = exploded("handler: Callable", [arguments, result], indent=8)
            body = "self.on_untyped(event, handler)"
            variants.append(_Variant(each.event, [handler], "None", "", body))
        yield from self._overloaded(
            "def on",
            variants,
            "self.on_untyped(event, handler)",
            result="None",
            after=[],
            rest=["handler: Callable[..., object]"],
        )

    def _parameter(self, parameter: Parameter, event: str) -> str:
        return self._types.annotation(parameter.type, f"{class_like(event)}{class_like(parameter.name)}")

    def _arguments(self, sent: Sent) -> Iterator[tuple[list[str], str]]:
        """The arguments of each way to send it: as declared, and as passed on."""
        parameters = sent.parameters
        ways = list(parameters.variants())
        for number, way in enumerate(ways, 1):
            declared = [f"{each.name}: {self._parameter(each, sent.event)}" for each in way]
            passed = "".join(f", {each.name}" for each in way)
            if number == len(ways) and (rest := parameters.rest):
                declared.append(f"*{rest.name}: {self._parameter(rest, sent.event)}")
                passed += f", *{rest.name}"
            yield declared, passed

    def _overloaded(
        self,
        name: str,
        variants: Sequence[_Variant],
        body: str,
        *,
        result: str,
        after: Sequence[str],
        rest: Sequence[str] = ("*args: Any",),
        takes_more: bool = True,
    ) -> Iterator[str]:
        """One function for several events; a single one needs no overloads."""
        self._types.use("typing", "Literal")
        for each in variants:
            yield ""
            if len(variants) > 1:
                yield f"    @{self._types.use('typing', 'overload')}"
            event = subscript("event: ", "Literal", [literal(each.event)], ",", indent=8).strip()
            *head, last = _function(name, each.arguments, each.result, before=[event], after=after)
            is_empty = len(variants) > 1 and not each.description
            yield from [*head, f"{last} ..." if is_empty else last]
            if each.description:
                yield docstring(each.description, indent=8)
            if len(variants) == 1:
                yield f"        {each.body}"
        if len(variants) > 1:
            arguments = rest if takes_more else ()
            if "Any" in (result, *" ".join(arguments).split()):
                self._types.use("typing", "Any")
            yield ""
            yield from _function(name, arguments, result, before=["event: str"], after=after)
            yield f"        {body}"


@dataclass(frozen=True)
class _Variant:
    event: str
    arguments: Sequence[str]
    result: str
    description: str
    body: str


def _function(
    name: str, arguments: Sequence[str], result: str, *, before: Sequence[str], after: Sequence[str]
) -> Iterator[str]:
    """Its head, an argument a line: so the formatter keeps it, however long they are."""
    positional = [each for each in arguments if not each.startswith("*")]
    more = [each for each in arguments if each.startswith("*")]
    is_method = not name.endswith("__init__")
    yield f"    {name}("
    for each in ["self", *before, *positional, *(["/"] if is_method else []), *more]:
        yield f"        {each.removesuffix(',')},"
    if after and not more:
        yield "        *,"
    for each in after:
        yield f"        {each},"
    yield f"    ) -> {result}:"


def _returning(result: str, waiting: str) -> str:
    """Return what is waited for, which has no type yet."""
    if result == "None":
        return waiting
    return f"return {waiting}" if result == "Any" else f"result: {result} = {waiting}\n        return result"


def shown(address: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in address)[:200]
