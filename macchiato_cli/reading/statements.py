"""The statements of a module, of those kinds that cannot fail and hide nothing.

They are gone through in their order, as Python does. Each name is given once: so a listener that is read is
the one that is there, and what a function does when it is called is of no concern.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable

from macchiato_cli.reading.annotations import Annotations, literal
from macchiato_cli.reading.classes import Classes, is_docstring
from macchiato_cli.reading.meanings import Declined, Function, Heard, Module, Opaque, Type
from macchiato_cli.reading.wrappers import MIDDLEWARE, SOCKET_WRAPPER, Wrapper

_HOOKS = set(
    """
    connection_middleware after_client_connect on_client_disconnect on_client_online on_client_offline
    published_metadata
    """.split()
)
# How a wrapper declares what clients hear, and the options that each way has.
_OPTIONS: dict[str, list[str | None]] = {"event": [], "question": ["answer"]}


class Statements:
    """Goes through the statements of a module.

    Args:
        imported: What an import binds: names and their meanings.
    """

    def __init__(
        self, module: str, imported: Callable[[ast.Import | ast.ImportFrom], dict[str, object]]
    ) -> None:
        self._module = module
        self._imported = imported
        self.scope: dict[str, object] = {}
        self._own: set[str] = set()
        self._annotations = Annotations(self.scope)
        self._classes = Classes(self._annotations)

    @property
    def wrappers(self) -> list[Wrapper]:
        """In the order of their names' first appearance."""
        return [item for item in self.scope.values() if isinstance(item, Wrapper)]

    def read(self, node: ast.stmt) -> None:
        """Go on by one.

        Raises:
            Declined: It is of no kind that is listed here.
        """
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, meaning in self._imported(node).items():
                self._bind(name, meaning)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self._function(node)
        elif isinstance(node, ast.ClassDef):
            self._bind(node.name, self._classes.read(node))
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            self._assign(node.targets[0], node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._annotations.read(node.annotation)
            self._assign(node.target, node.value)
        elif not isinstance(node, ast.Pass) and not is_docstring(node):
            raise Declined(ast.unparse(node))

    def _bind(self, name: str, meaning: object) -> None:
        if name in self.scope or hasattr(builtins, name) or name.startswith("__"):
            raise Declined(f"the name {name}")
        self.scope[name] = meaning

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if not isinstance(target, ast.Name):
            raise Declined(ast.unparse(target))
        self._bind(target.id, self._value(value))

    def _value(self, node: ast.expr) -> object:
        if isinstance(node, ast.Call):
            if self._is_logger(node):
                return Opaque()
            return self._declaration(node) or self._wrapper(node)
        if isinstance(node, ast.Subscript | ast.BinOp) and not _is_calculation(node):
            # pydantic may have to take it later, under this name.
            return Type(self._annotations.read(node, sendable=True))
        if not _is_calculation(node):
            literal(node)
        return Opaque()

    def _is_logger(self, node: ast.Call) -> bool:
        """`logging.getLogger(__name__)`"""
        called = node.func
        return (
            isinstance(called, ast.Attribute)
            and isinstance(called.value, ast.Name)
            and (self.scope.get(called.value.id), called.attr) == (Module("logging"), "getLogger")
            and not node.keywords
            and [each.id for each in node.args if isinstance(each, ast.Name)] == ["__name__"]
            and len(node.args) == 1
        )

    def _declaration(self, node: ast.Call) -> Opaque | None:
        """`wrapper.event("name", Type)`, or a question; None for any other call."""
        called = node.func
        if (
            not isinstance(called, ast.Attribute)
            or not isinstance(called.value, ast.Name)
            or not isinstance(wrapper := self.scope.get(called.value.id), Wrapper)
        ):
            return None
        options = [keyword.arg for keyword in node.keywords]
        # Were its name on another line, the import would tell that one.
        if options != _OPTIONS.get(called.attr) or not node.args or called.end_lineno != node.lineno:
            raise Declined(ast.unparse(node))
        event = literal(node.args[0])
        if not isinstance(event, str):
            raise Declined(f"the event {event!r}")
        types = tuple(self._annotations.read_value(each) for each in node.args[1:])
        answers = tuple(self._annotations.read_value(each.value) for each in node.keywords)
        wrapper.declare(Heard(event, types, answers, node.lineno))
        return Opaque()

    def _wrapper(self, node: ast.Call) -> Wrapper:
        called = node.func
        if isinstance(called, ast.Subscript):
            self._annotations.read(called)
            called = called.value
        options = {keyword.arg: keyword.value for keyword in node.keywords}
        if node.args or None in options or self._annotations.meaning(called) != SOCKET_WRAPPER:
            raise Declined(ast.unparse(node))
        name = literal(options.pop("socket_namespace", ast.Constant(None)))
        if not isinstance(name, str):
            raise Declined("the name of a namespace")
        wrapper = Wrapper(self._module, node.lineno, f"/{name.strip('/')}")
        for option, value in options.items():
            self._option(wrapper, option, value)
        if wrapper.client_key and wrapper.guard == Wrapper.guard:
            raise Declined("a client key without a middleware")
        return wrapper

    def _option(self, wrapper: Wrapper, name: str | None, node: ast.expr) -> None:
        if name in _HOOKS:
            function = self.scope.get(node.id) if isinstance(node, ast.Name) else None
            if not isinstance(function, Function):
                raise Declined(f"{name} is not a function's name")
            if name == "connection_middleware":
                wrapper.guard = function.name
        elif name == "client_connection_key" and isinstance(value := literal(node), str):
            wrapper.client_key = value
        elif name == "listeners" and isinstance(node, ast.Dict):
            for event, function_name in zip(node.keys, node.values, strict=True):
                if event is None or not isinstance(function_name, ast.Name):
                    raise Declined(ast.unparse(node))
                if function_name.id not in self._own:
                    raise Declined("a listener of another module")
                wrapper.listen(literal(event), self.scope[function_name.id])
        elif name != "middleware_timeout_s" or type(literal(node)) not in (int, float):
            raise Declined(f"the option {name}")

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        function = self._annotations.function(node)
        # The last one comes first.
        for decorator in reversed(node.decorator_list):
            if not isinstance(decorator, ast.Call):
                raise Declined(ast.unparse(decorator))
            if isinstance(decorator.func, ast.Name):
                self._declare_middleware(decorator)
            else:
                self._listener(decorator).listen(literal(decorator.args[0]), function)
        self._bind(node.name, function)
        self._own.add(node.name)

    def _listener(self, node: ast.Call) -> Wrapper:
        """The wrapper that `@wrapper.listener("event", errors=[...])` is of."""
        called = node.func
        if (
            isinstance(called, ast.Attribute)
            and called.attr == "listener"
            and isinstance(called.value, ast.Name)
            and isinstance(wrapper := self.scope.get(called.value.id), Wrapper)
            and len(node.args) == 1
            and _has_errors_only(node.keywords)
        ):
            return wrapper
        raise Declined(ast.unparse(node))

    def _declare_middleware(self, node: ast.Call) -> None:
        """`@middleware(auth=Type, errors=[...])`, which gives the function back as it is."""
        auth = [keyword.value for keyword in node.keywords if keyword.arg == "auth"]
        rest = [keyword for keyword in node.keywords if keyword.arg != "auth"]
        is_usual = len(auth) == 1 and not node.args and _has_errors_only(rest)
        if not is_usual or self._annotations.meaning(node.func) != MIDDLEWARE:
            raise Declined(ast.unparse(node))
        self._annotations.read_value(auth[0])


def _has_errors_only(keywords: list[ast.keyword]) -> bool:
    """Whether nothing else is given than perhaps `errors=["code", ...]`."""
    return all(
        keyword.arg == "errors"
        and isinstance(codes := literal(keyword.value), list | tuple)
        and all(isinstance(code, str) for code in codes)  # pyright: ignore[reportUnknownVariableType]
        for keyword in keywords
    )


def _is_calculation(node: ast.expr) -> bool:
    """`10 * 1024`, of numbers only."""
    if isinstance(node, ast.BinOp):
        usual = isinstance(node.op, ast.Add | ast.Sub | ast.Mult)
        return usual and _is_calculation(node.left) and _is_calculation(node.right)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)
