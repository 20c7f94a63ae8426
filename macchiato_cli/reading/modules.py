"""The modules of a project, and what they import.

What macchiato made and nobody changed is known to do no harm when it is imported. What was changed, and what
is new, is read as the namespaces are, but for the core and for how namespaces are found: these say what a
wrapper is.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from macchiato_cli import redaction
from macchiato_cli.reading.annotations import of_standard_library
from macchiato_cli.reading.installed import Libraries, importable
from macchiato_cli.reading.meanings import Declined, Module, Opaque, Special, Taking, TakingMany, Type
from macchiato_cli.reading.statements import Statements
from macchiato_cli.reading.wrappers import MIDDLEWARE, SOCKET_WRAPPER, Wrapper
from macchiato_cli.templates import templates_root

_LARGEST = 1024 * 1024
# Modules whose import does nothing else, here and in the project.
_STANDARD = frozenset(
    """
    asyncio base64 collections collections.abc contextlib dataclasses datetime decimal enum functools hashlib
    itertools json logging math os pathlib random re secrets string time typing urllib.parse uuid
    """.split()
)
_OF_PYDANTIC = {"BaseModel", "Field"}
# What app.core has in it. The classes that take the type of the metadata, then other types.
_CORE_TAKING = {
    "Client": Type(Taking, sendable=False, takes=1),
    "SocketOk": Type(Taking, sendable=False, takes=1),
    "Event": Type(TakingMany, sendable=False, takes=-1),
    "Question": Type(TakingMany, sendable=False, takes=-1),
}
_CORE_TYPES = set(
    "Claims ClientKey ClientMetadata DisconnectReason Handshake OnlineCount Presence SocketNok Token".split()
)
_CORE_REST = set("InvalidToken NotAttached SocketError Unavailable socket_nok socket_ok".split())
# An import at the beginning of a line: what is indented runs later, or never. Our own files have no others.
_IMPORT = re.compile(r"^(?:from +([.\w]+) +import +(?:\(([^)]*)\)|(.+))|import +(.+))", re.MULTILINE)


class Modules:
    """The modules of the project at `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._template = templates_root() / "project"
        self._libraries = Libraries(root)
        self._read: dict[str, Statements | None] = {}
        self.reached: set[str] = set()
        self._listed: dict[Path, list[str]] = {}
        self._names: dict[str, dict[str, object]] = {}

    def namespaces(self) -> list[str]:
        """The modules of app/namespaces, in their order."""
        for name in ("app", "app.core", "app.namespaces"):
            self._reach(name)
        found: list[str] = []
        for name in sorted(os.listdir(self._root / "app/namespaces")):
            module, dot, suffix = name.partition(".")
            if name in ("__init__.py", "__pycache__"):
                continue
            if (dot, suffix) != (".", "py") or not module.isidentifier():
                raise Declined(f"app/namespaces/{name}")
            found.append(f"app.namespaces.{module}")
        return found

    def wrappers_of(self, module: str) -> list[Wrapper]:
        """The wrappers of one of them."""
        return self._statements(module).wrappers

    def _statements(self, module: str) -> Statements:
        if module in self._read:
            if (known := self._read[module]) is None:
                raise Declined(f"{module} imports itself")
            return known
        self._read[module] = None
        path = self._path(module)
        content = redaction.read_regular(self._root / path, _LARGEST)
        tree = ast.parse(content, path)
        # What only the compiler refuses: `return` at the left margin, one name for two parameters.
        compile(tree, path, "exec", dont_inherit=True)
        package = module if path.endswith("/__init__.py") else module.rpartition(".")[0]
        statements = Statements(module, lambda node: self._imported(node, package))
        for node in tree.body:
            statements.read(node)
        if statements.wrappers and not module.startswith("app.namespaces."):
            raise Declined(f"{module} has wrappers")
        self._read[module] = statements
        return statements

    def _imported(self, node: ast.Import | ast.ImportFrom, package: str) -> dict[str, object]:
        if isinstance(node, ast.Import):
            return {each.asname or each.name: self._module(each.name) for each in node.names}
        source = _absolute(node.module or "", node.level, package)
        return {each.asname or each.name: self._named(source, each.name) for each in node.names}

    def _module(self, name: str) -> object:
        if name in _STANDARD and "." not in name:
            return Module(name)
        if "." in name or name == "app" or name in sys.stdlib_module_names:
            raise Declined(f"import {name}")
        self._libraries.check(name)
        return Opaque()

    def _named(self, source: str, name: str) -> object:
        if (source, name) == ("__future__", "annotations"):
            return Opaque()
        if source in _STANDARD:
            return of_standard_library(source, name)
        if source == "pydantic" and name in _OF_PYDANTIC:
            self._libraries.check(source)
            return Special(f"pydantic.{name}")
        if source.partition(".")[0] != "app" or name == "*":
            raise Declined(f"from {source} import {name}")
        self._reach(source)
        if source == "app.core":
            return _of_core(name)
        if source == "app":
            self._reach(f"app.{name}")
            return Opaque()
        scope = self._statements(source).scope if source in self._read else self._names_of(source)
        if name not in scope or isinstance(scope[name], Wrapper):
            raise Declined(f"from {source} import {name}")
        return scope[name]

    def _names_of(self, module: str) -> dict[str, object]:
        """What a module has in it that nobody changed, as far as that can be read."""
        if module in self._names:
            return self._names[module]
        path = self._path(module)
        package = module if path.endswith("/__init__.py") else module.rpartition(".")[0]
        tree = ast.parse((self._template / path).read_bytes())
        statements = Statements(module, lambda node: self._imported(node, package))
        for node in tree.body:
            try:
                statements.read(node)
            except Declined:
                statements.scope |= _bound(node)
        return self._names.setdefault(module, statements.scope)

    def _reach(self, module: str) -> None:
        """Make sure that the import of a module of the project, and of all that it imports, does no harm."""
        if module in self.reached:
            if self._read.get(module, module) is None:
                raise Declined(f"{module} imports itself")
            return
        self.reached.add(module)
        if "." in module:
            self._reach(module.rpartition(".")[0])
        path = self._path(module)
        content = redaction.read_regular(self._root / path, _LARGEST)
        if _content(self._template / path) == content:
            for name in self._imports_of(module, path, content.decode()):
                self._reach(name)
        elif module in ("app", "app.namespaces") or module.startswith(("app.core", "app.namespaces.")):
            raise Declined(f"{module} was changed, or is a namespace")
        else:
            self._statements(module)

    def _imports_of(self, module: str, path: str, text: str) -> Iterator[str]:
        """The modules of the project that one of ours imports; the others have to be installed."""
        package = module if path.endswith("/__init__.py") else module.rpartition(".")[0]
        for source, many, few, plain in _IMPORT.findall(text):
            level = len(source) - len(source.lstrip("."))
            target = _absolute(source[level:], level, package) if source else plain.split(" as ")[0].strip()
            if target.partition(".")[0] != "app":
                self._libraries.check(target.partition(".")[0])
                continue
            yield target
            for name in re.findall(r"\w+", re.sub(r"#.*| as \w+", "", many or few)):
                if self._has(f"{target}.{name}"):
                    yield f"{target}.{name}"

    def _has(self, module: str) -> bool:
        package, _, name = module.rpartition(".")
        folder = self._root / package.replace(".", "/")
        return folder.is_dir() and any(each.partition(".")[0] == name for each in self._importable(folder))

    def _path(self, module: str) -> str:
        """Its file, which is the only one that Python could take for it."""
        path = module.replace(".", "/")
        folder = self._root / path
        beside = [name for name in self._importable(folder.parent) if name.partition(".")[0] == folder.name]
        if beside == [folder.name] and folder.is_dir():
            return f"{path}/__init__.py"
        if beside == [f"{folder.name}.py"]:
            return f"{path}.py"
        raise Declined(f"{module}: {', '.join(beside)}")

    def _importable(self, folder: Path) -> list[str]:
        if folder not in self._listed:
            self._listed[folder] = importable(folder)
        return self._listed[folder]


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _absolute(name: str, level: int, package: str) -> str:
    """The full name of a module that is imported in a package."""
    if not level:
        return name
    parts = package.split(".")
    if level > len(parts):
        raise Declined("beyond the project")
    return ".".join([*parts[: len(parts) - level + 1], *filter(None, [name])])


def _of_core(name: str) -> object:
    if name == "SocketWrapper":
        return SOCKET_WRAPPER
    if name == "middleware":
        return MIDDLEWARE
    if name in _CORE_TAKING:
        return _CORE_TAKING[name]
    if name in _CORE_TYPES:
        return Type(type(name, (), {}), sendable=False)
    if name in _CORE_REST:
        return Opaque()
    raise Declined(f"from app.core import {name}")


def _bound(node: ast.stmt) -> dict[str, object]:
    """The names that a statement of ours gives, where nothing more is known of it."""
    if isinstance(node, ast.ClassDef):
        return {node.name: Type(type(node.name, (), {}), sendable=False)}
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return {node.name: Opaque()}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {each.id: Opaque() for each in targets if isinstance(each, ast.Name)}
