"""Templates and answers become files in memory. The only module that knows Copier."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Generator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from macchiato_cli import interrupts
from macchiato_cli.errors import MacchiatoError
from macchiato_cli.garbage import uncollected
from macchiato_cli.plan import File
from macchiato_cli.templates import LEFT_BEHIND

if TYPE_CHECKING:
    from jinja2 import Environment, Template


def render(template: Path, answers: Mapping[str, object]) -> dict[str, File]:
    """The files that the template makes of the answers, by their path inside it.

    Interruptible: nothing is written but to a temporary folder, which is gone afterwards.

    Raises:
        MacchiatoError: The template is broken, or does not know these answers.
    """
    with tempfile.TemporaryDirectory(prefix="macchiato-") as folder:
        rendered, nothing = Path(folder, "rendered"), Path(folder, "nothing")
        nothing.mkdir()
        _copy(template, rendered, answers, programs=nothing)
        return read_files(rendered)


def read_files(root: Path) -> dict[str, File]:
    """Every file below the folder, by its path with forward slashes."""
    paths = sorted(path for path in root.rglob("*") if not path.is_dir())
    return {
        path.relative_to(root).as_posix(): File(path.read_bytes(), executable=_is_executable(path))
        for path in paths
    }


def _is_executable(path: Path) -> bool:
    # Windows says so of every file.
    return os.name == "posix" and os.access(path, os.X_OK)


def _copy(template: Path, destination: Path, answers: Mapping[str, object], *, programs: Path) -> None:
    # Half a second: only the commands that render pay for it.
    with uncollected():
        from copier import Settings, run_copy
        from copier.errors import CopierError
        from jinja2 import TemplateError
        from plumbum import local

    # Without git in sight, Copier takes a checkout's template for what it is now, a folder: else it
    # would clone it at its newest tag, and would start git once for every file.
    # An empty PATH would mean the current folder, so it is an empty folder.
    with warnings.catch_warnings(), local.env(PATH=str(programs)), compiling_once(), interrupts.allowed():
        warnings.simplefilter("ignore")
        try:
            run_copy(
                str(template),
                destination,
                data=dict(answers),
                settings=Settings(),  # Never the user's own, which change defaults and trust.
                exclude=LEFT_BEHIND,
                defaults=True,
                quiet=True,
                unsafe=False,
            )
        except (CopierError, TemplateError, ValueError) as error:
            raise MacchiatoError(
                f"the template {template.name} cannot be rendered",
                code="broken_template",
                reasons=(*(str(error).splitlines() or [type(error).__name__]), f"it is in {template}"),
                tries=("pip install --force-reinstall macchiato-cli",),
            ) from error


@contextmanager
def compiling_once() -> Generator[None]:
    """Have Jinja compile each text once, which halves the time that a project takes.

    Copier has it compile the name of every folder again for each file in it, and that of a file with answers,
    which there is none of, still more often. (With Copier's `yield` tag, that would make a difference.)
    """
    from jinja2 import Environment

    original = Environment.from_string
    # A template keeps its environment alive, and with that the meaning of the number.
    compiled: dict[tuple[int, str], Template] = {}

    def from_string(
        self: Environment,
        source: Any,
        globals: MutableMapping[str, Any] | None = None,
        template_class: type[Template] | None = None,
    ) -> Template:
        if not isinstance(source, str) or globals is not None or template_class is not None:
            return original(self, source, globals, template_class)
        key = (id(self), source)
        if key not in compiled:
            compiled[key] = original(self, source)
        return compiled[key]

    Environment.from_string = from_string  # type: ignore[method-assign]
    try:
        yield
    finally:
        Environment.from_string = original  # type: ignore[method-assign]
