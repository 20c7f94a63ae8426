"""What the project's namespaces have in them, as lines of JSON on the standard output.

python probe.py SECONDS MODULE...: imports each module of app/namespaces but those named, which hung before.
It runs in the project's own environment, from its folder: so the standard library is all that it may import,
and only what SocketWrapper documents is looked at. A module that takes longer than SECONDS ends the program,
with a traceback in place of an answer.
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import inspect
import json
import os
import sys
import traceback
import types
import typing
from collections.abc import Callable
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pkgutil import iter_modules
from typing import Any

# What every listener takes before what the client sent: wrapper, client, metadata.
_GIVEN = 3
_HERE = os.getcwd()
_CORE = os.path.join(_HERE, "app", "core", "")


class Origins:
    """Where wrappers are made, which listeners they get and what they declare: noted during the imports."""

    def __init__(self, redaction: Any) -> None:
        self.redaction = redaction
        self.made: dict[int, tuple[object, str, str, int]] = {}
        self.listeners: dict[int, list[tuple[str, Callable[..., object]]]] = {}
        self.heard: dict[int, list[dict[str, object]]] = {}

    def watch(self, wrapper_class: Any) -> None:
        """Note what the constructor, `@wrapper.listener(event)` and `wrapper.event(...)` are called with."""
        construct, declare = wrapper_class.__init__, wrapper_class.listener

        def noted_construct(wrapper: object, *args: Any, **options: Any) -> None:
            # Kept with its origin, since another object could get the same id once it is gone.
            self.made[id(wrapper)] = (wrapper, *_caller())
            construct(wrapper, *args, **options)

        def noted_declare(wrapper: object, event: str, **options: Any) -> Callable[[Any], Any]:
            add = declare(wrapper, event, **options)

            def noted_add(function: Any) -> Any:
                added = add(function)
                self.listeners.setdefault(id(wrapper), []).append((event, function))
                return added

            return noted_add

        wrapper_class.__init__, wrapper_class.listener = noted_construct, noted_declare
        # Projects of earlier versions have no such declarations.
        for name in ("event", "question"):
            if declared := getattr(wrapper_class, name, None):
                setattr(wrapper_class, name, self._noted(declared))

    def _noted(self, declare: Callable[..., object]) -> Callable[..., object]:
        def noted(wrapper: object, event: str, *types_: Any, **options: Any) -> object:
            declared = declare(wrapper, event, *types_, **options)
            _, file, line = _caller()
            said = [self._type(_bare(each)) for each in types_]
            answer = self._type(_bare(options["answer"])) if "answer" in options else None
            self.heard.setdefault(id(wrapper), []).append(
                {"event": str(event), "types": said, "answer": answer, "file": file, "line": line}
            )
            return declared

        return noted

    def describe(self, wrapper: Any, module: str) -> dict[str, object]:
        """The namespace, for programs."""
        _, made_in, file, line = self.made.get(id(wrapper), (None, module, None, None))
        key = wrapper.client_connection_key
        return {
            "namespace": str(wrapper.namespace),
            "module": made_in,
            "guard": _name(wrapper.connection_middleware),
            "client_key": None if key is None else str(key),
            "file": file,
            "line": line,
            "events": [self._event(*declared) for declared in self.listeners.get(id(wrapper), [])],
            "heard": self.heard.get(id(wrapper), []),
        }

    def _event(self, event: str, function: Callable[..., object]) -> dict[str, object]:
        types_of = typing.get_type_hints(function)
        parameters = list(inspect.signature(function).parameters.values())[_GIVEN:]
        code = getattr(inspect.unwrap(function), "__code__", None)
        return {
            "event": str(event),
            "parameters": [self._parameter(each, types_of.get(each.name, Any)) for each in parameters],
            "answer": self._type(types_of.get("return", Any)),
            "file": _relative(code.co_filename) if code else None,
            "line": code.co_firstlineno if code else None,
        }

    def _parameter(self, parameter: inspect.Parameter, found: Any) -> dict[str, object]:
        default = None if parameter.default is parameter.empty else repr(parameter.default)
        return {
            "name": parameter.name,
            "type": self._type(found),
            "default": None if default is None else self.redaction.applied_to(default),
            "rest": parameter.kind is parameter.VAR_POSITIONAL,
        }

    def _type(self, found: Any) -> str:
        return str(self.redaction.applied_to(type_name(found)))


def main(limit_s: float, skipped: list[str]) -> None:
    """Import and describe; every line is complete before the next module can do harm."""
    answers = _own_output()
    # What is imported stays, and the end of this program is near: to search for garbage takes a tenth longer.
    gc.disable()
    # As with `python -m app`; this file's own folder has nothing for them.
    own = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [_HERE, *(path for path in sys.path if path != own)]

    def answer(**line: object) -> None:
        answers.write(json.dumps(line, allow_nan=False) + "\n")
        answers.flush()

    redaction = _project_redaction()
    origins = Origins(redaction)
    # Whatever stops an import, SystemExit and KeyboardInterrupt too, is the module's fault, and its answer.
    try:
        origins.watch(import_module("app.core").SocketWrapper)
        found = iter_modules(import_module("app.namespaces").__path__)
    except BaseException as error:
        answer(nothing=_problem(error, redaction))
        return
    seen: set[int] = set()
    names = [f"app.namespaces.{module.name}" for module in found]
    for name in [name for name in names if name not in skipped]:
        answer(importing=name)
        faulthandler.dump_traceback_later(limit_s, exit=True, file=answers)
        try:
            wrappers = _new_wrappers(import_module(name), seen)
            answer(module=name, namespaces=[origins.describe(wrapper, name) for wrapper in wrappers])
        except BaseException as error:
            answer(module=name, **_problem(error, redaction))
        faulthandler.cancel_dump_traceback_later()
    answer(end=True)


def _project_redaction() -> Any:
    """What hides the project's secrets, before its own code can change the environment."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "redaction.py")
    spec = spec_from_file_location("macchiato_redaction", path)
    if spec is None or spec.loader is None:
        raise ImportError(path)
    redactions: Any = module_from_spec(spec)
    spec.loader.exec_module(redactions)
    text = redactions.env_file_text(_HERE)
    readings = [redactions.plain_settings(text), *redactions.dotenv_settings(text), dict(os.environ)]
    return redactions.of_settings(readings)


def _own_output() -> typing.TextIO:
    """The standard output for the answers alone: what the modules print goes nowhere."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    return answers


def _new_wrappers(module: types.ModuleType, seen: set[int]) -> list[object]:
    """Once each: a module may import another's wrapper, to send to its clients."""
    wrapper_class = import_module("app.core").SocketWrapper
    wrappers = [item for item in vars(module).values() if isinstance(item, wrapper_class)]
    fresh = [wrapper for wrapper in dict.fromkeys(wrappers) if id(wrapper) not in seen]
    seen.update(map(id, fresh))
    return fresh


def type_name(found: Any) -> str:
    """A type as one writes it, without the modules that it comes from."""
    if found is types.NoneType:
        return "None"
    if found is Ellipsis:
        return "..."
    if isinstance(found, list):  # What a Callable takes.
        taken: list[Any] = found  # pyright: ignore[reportUnknownVariableType]
        return f"[{', '.join(map(type_name, taken))}]"
    origin, arguments = typing.get_origin(found), typing.get_args(found)
    if origin is typing.Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin in (typing.Union, types.UnionType):
        return " | ".join(map(type_name, arguments))
    if origin is not None and arguments:
        return f"{type_name(origin)}[{', '.join(map(type_name, arguments))}]"
    return str(getattr(found, "__qualname__", None) or str(found).removeprefix("typing."))


def _bare(found: Any) -> Any:
    """A type without what `Annotated` says of it, as those of parameters are."""
    try:
        return typing.get_type_hints(type("", (), {"__annotations__": {"type": found}}))["type"]
    except (NameError, TypeError):
        return found


def _name(function: object) -> str:
    return str(getattr(function, "__qualname__", None) or type(function).__name__)


def _caller() -> tuple[str, str, int]:
    """Module, file and line of the project's own code that makes a wrapper."""
    frame = inspect.currentframe()
    while frame is not None:
        file = frame.f_code.co_filename
        if _is_theirs(file) and not file.startswith(_CORE):
            return str(frame.f_globals.get("__name__")), _relative(file), frame.f_lineno
        frame = frame.f_back
    return "?", "?", 0


def _problem(error: BaseException, redaction: Any) -> dict[str, object]:
    """An error in one line, and where in the project it is."""
    # Notes come after, the line of a SyntaxError before.
    lines = [redaction.applied_to(line) for line in traceback.format_exception_only(error)]
    words = " ".join(next((line for line in lines if not line.startswith(" ")), lines[0]).split())
    file, line = None, None
    frames = [(frame.f_code.co_filename, number) for frame, number in traceback.walk_tb(error.__traceback__)]
    theirs = [place for place in frames if _is_theirs(place[0])]
    # Where the core refuses a listener says less than where that is declared.
    outside = [place for place in theirs if not place[0].startswith(_CORE)]
    if theirs:
        deepest = (outside or theirs)[-1]
        file, line = _relative(deepest[0]), deepest[1]
    if isinstance(error, SyntaxError) and error.filename and _is_theirs(error.filename):
        file, line = _relative(error.filename), error.lineno or 1
    return {"error": words if len(words) <= 300 else f"{words[:297]}...", "file": file, "line": line}


def _is_theirs(file: str) -> bool:
    return file.startswith(os.path.join(_HERE, "")) and not file.startswith(os.path.join(_HERE, ".venv", ""))


def _relative(file: str) -> str:
    return os.path.relpath(file, _HERE).replace(os.sep, "/") if _is_theirs(file) else file


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main(float(sys.argv[1]), sys.argv[2:])
    # Threads that a module has started would keep the program alive.
    os._exit(0)
