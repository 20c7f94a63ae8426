"""Everything that the user sees: words on a terminal, or one JSON object."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

from macchiato_cli import interrupts
from macchiato_cli.errors import MacchiatoError, printable

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# A column that folds is at least as wide as this.
_NARROWEST = 16
# Comparing takes the square of the lines where these recur.
_MOST_LINES_COMPARED = 2000
_MOST_BYTES_COMPARED = 256 * 1024


class Report:
    """Tells what happens. Quiet, it only tells errors; as JSON, it tells all at the end."""

    def __init__(self, *, quiet: bool = False, as_json: bool = False) -> None:
        self.quiet = quiet
        self.as_json = as_json
        self.notes: list[str] = []

    @contextmanager
    def doing(self, what: str) -> Generator[None]:
        """Say what takes time: live on a terminal, as a plain line elsewhere."""
        what = printable(what)
        if self._silent:
            yield
            return
        console = _console()
        if console.is_terminal:
            with console.status(f"{what} ..."):
                yield
        else:
            console.print(f"{what} ...")
            yield

    @contextmanager
    def waiting(self, what: str) -> Generator[None]:
        """Say on a terminal what takes time, for as long as it takes; elsewhere there is only the result."""
        if not self._silent and (console := _console()).is_terminal:
            with console.status(f"{printable(what)} ..."):
                yield
        else:
            yield

    def did(self, verb: str, what: str, *, style: str = "green") -> None:
        """One finished step."""
        self._line((f"{verb:<10}", style), (what, ""))

    def note(self, text: str) -> None:
        """Something to know that is no failure."""
        self.notes.append(text)
        self._line((f"{'note':<10}", "yellow"), (text, ""))

    def text(self, text: str) -> None:
        """What the command is for: as it is, byte for byte, and also when it is to be quiet."""
        if self.as_json:
            return
        try:
            sys.stdout.buffer.write(text.encode())
            sys.stdout.flush()
        except BrokenPipeError:
            silence(sys.stdout)

    def tree(self, root: str, entries: Mapping[str, str]) -> None:
        """What is in a folder: names, and what each is for."""
        if self._silent:
            return
        from rich.text import Text
        from rich.tree import Tree

        width = max((len(name) for name, purpose in entries.items() if purpose), default=0) + 2
        tree = Tree(Text(printable(root), "bold"), guide_style="dim")
        for name, purpose in entries.items():
            tree.add(Text.assemble(f"{name:<{width}}" if purpose else name, (purpose, "dim")))
        self._print("", tree)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], *, folding: str) -> None:
        """Aligned columns. The one that folds makes them fit on a terminal; elsewhere all are whole."""
        if self._silent:
            return
        if _prints_plainly(text := "\n".join(_aligned(headings, rows))):
            _print_plainly(text)
            return
        from rich.table import Table
        from rich.text import Text

        columns = [[Text(printable(cell)) for cell in column] for column in zip(headings, *rows, strict=True)]
        widths = {str(column[0]): max(cell.cell_len for cell in column) + 2 for column in columns}
        console = _console()
        # On a terminal too narrow for that, all of them fold: Rich would cut off what does not.
        all_fold = sum(widths.values()) - widths[folding] + _NARROWEST > console.width
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for heading in headings:
            table.add_column(heading, overflow="fold", no_wrap=heading != folding and not all_fold)
        for row in list(zip(*columns, strict=True))[1:]:
            table.add_row(*row)
        if console.is_terminal:
            console.print(table)
            return
        # As wide as it is, and without the blanks that fill up the last column.
        console.width = sum(widths.values())
        with console.capture() as captured:
            console.print(table)
        self._print(*(Text(line.rstrip()) for line in captured.get().splitlines()))

    def check(self, name: str, width: int, state: str, found: str, tries: Sequence[str]) -> None:
        """One thing that was looked at: its state, and what to type if that is not well."""
        colour = {"ok": "green", "note": "yellow"}.get(state, "bold red")
        self._line((f"{name:<{width}}", ""), (f"{state:<8}", colour), (found, ""))
        for number, command in enumerate(tries):
            lead = " " * (width + 8) + ("     " if number else "try: ")
            self._line((lead, ""), (command, "cyan"))

    def diff(self, old: tuple[str, bytes | None], new: tuple[str, bytes | None]) -> None:
        """What a file was and will be, each with its path; None is no file."""
        if self._silent:
            return
        import difflib

        sides = [content or b"" for _, content in (old, new)]
        before, after = (content.decode(errors="replace").splitlines() for content in sides)
        too_long = max(map(len, sides)) > _MOST_BYTES_COMPARED
        if too_long or max(len(before), len(after)) > _MOST_LINES_COMPARED:
            self._line((f"{new[0]} is too long to be compared here", ""))
            return
        was, becomes = ("/dev/null" if content is None else path for path, content in (old, new))
        colours = {"+": "green", "-": "red", "@": "cyan"}
        with interrupts.allowed():
            lines = list(difflib.unified_diff(before, after, was, becomes, lineterm=""))
        for line in lines:
            self._line((line, colours.get(line[0], "")))

    def commands(self, title: str, commands: Sequence[str]) -> None:
        """Commands to type, after a line that says what for."""
        self._line()
        self._line((title, "bold"))
        for command in commands:
            self._line((f"  {command}", "cyan"))

    def result(self, result: Mapping[str, object]) -> None:
        """The JSON object of a success."""
        if self.as_json:
            _print_json({"ok": True, **result, "notes": self.notes})

    def error(self, error: MacchiatoError) -> None:
        """An error: what is wrong, why, what to type instead."""
        if self.as_json:
            _print_json(
                {
                    "ok": False,
                    "code": error.code,
                    "exit_code": error.exit_code,
                    "message": error.message,
                    "reasons": error.reasons,
                    "paths": error.paths,
                    "try": error.tries,
                    **error.facts,
                    **({"notes": self.notes} if self.notes else {}),
                }
            )
            return
        from rich.text import Text

        lines = [Text.assemble((f"{error.label}:", "bold red"), f" {printable(error.message)}")]
        lines += [Text(f"  {printable(reason)}") for reason in error.reasons]
        for number, command in enumerate(error.tries):
            lines.append(Text.assemble("       " if number else "  try: ", (printable(command), "cyan")))
        _console(stderr=True).print(*lines, sep="\n")

    @property
    def _silent(self) -> bool:
        return self.quiet or self.as_json

    def _line(self, *parts: tuple[str, str]) -> None:
        if not self._silent:
            if _prints_plainly(line := "".join(printable(text) for text, _ in parts)):
                _print_plainly(line)
                return
            from rich.text import Text

            self._print(Text.assemble(*((printable(text), style) for text, style in parts)))

    def _print(self, *parts: RenderableType) -> None:
        _console().print(*parts, sep="\n")


def _console(*, stderr: bool = False) -> Console:
    """Rich's console: it costs a tenth of a second, so it is made when there is something to say."""
    from rich.console import Console

    class PatientConsole(Console):
        def on_broken_pipe(self) -> None:
            # `macchiato new demo | head -1`: the reader has left, the work goes on.
            silence(self.file)

    return PatientConsole(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def _prints_plainly(text: str) -> bool:
    """Whether Rich would print this as it is: a pipe or a file has no colours, and ASCII is one wide."""
    forced = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    return text.isascii() and not sys.stdout.isatty() and not any(name in os.environ for name in forced)


def _print_plainly(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        silence(sys.stdout)


def _aligned(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [[printable(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]


def _print_json(result: Mapping[str, object]) -> None:
    try:
        print(json.dumps(result, indent=2), flush=True)
    except BrokenPipeError:
        silence(sys.stdout)


def silence(stream: IO[str]) -> None:
    """Send what is still printed nowhere, now that nobody reads it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
