"""A pseudo-terminal to run the command on: what it shows is read, what a user would do is typed."""

from __future__ import annotations

import codecs
import os
import re
import select
import subprocess
import sys
import time
from typing import Self

import pytest

from tests.cli.conftest import Macchiato

if sys.platform == "win32":
    pytest.skip("needs pseudo-terminals", allow_module_level=True)

import pty
import termios

# Makes the pseudo-terminal the one that Ctrl-C is typed on, as a login would.
ON_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);os.execv(sys.argv[1], sys.argv[1:])"
)
_PATIENCE_S = 20
_ESCAPE = re.compile(r"\x1b\[([0-9;?]*)([a-zA-Z])")
_HALF_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*)?\Z")


class Screen:
    """What can be read on a terminal that is told to write, to move its cursor and to erase."""

    def __init__(self) -> None:
        self._lines: list[list[str]] = [[]]
        self._row = self._column = 0
        self._unread = ""

    def feed(self, text: str) -> None:
        text = self._unread + text
        half = _HALF_ESCAPE.search(text)
        self._unread = half.group() if half else ""
        position, end = 0, half.start() if half else len(text)
        while position < end:
            if escape := _ESCAPE.match(text, position):
                self._obey(escape[2], int(escape[1] or 0) if escape[1].isdigit() or not escape[1] else 0)
                position = escape.end()
            else:
                self._write(text[position])
                position += 1

    @property
    def text(self) -> str:
        return "\n".join("".join(line).rstrip() for line in self._lines).rstrip("\n")

    def _obey(self, command: str, number: int) -> None:
        steps = number or 1
        if command in "AB":
            self._row = max(0, self._row + (steps if command == "B" else -steps))
        elif command in "CD":
            self._column = max(0, self._column + (steps if command == "C" else -steps))
        elif command in "KJ":
            del self._line[0 if number == 2 else self._column :]
            if command == "J":
                del self._lines[self._row + 1 :]

    def _write(self, character: str) -> None:
        if character == "\n":
            self._row += 1
        elif character == "\r":
            self._column = 0
        elif character == "\b":
            self._column = max(0, self._column - 1)
        elif character != "\a":
            line = self._line
            line.extend(" " * (self._column + 1 - len(line)))
            line[self._column] = character
            self._column += 1

    @property
    def _line(self) -> list[str]:
        while len(self._lines) <= self._row:
            self._lines.append([])
        return self._lines[self._row]


class Terminal:
    """A command on a terminal."""

    def __init__(self, macchiato: Macchiato, *arguments: str, **variables: str) -> None:
        variables = {"TERM": "xterm", "LINES": "50", "COLUMNS": "200"} | variables
        size = int(variables.pop("LINES")), int(variables.pop("COLUMNS"))
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(self.master, size)
        self.modes = termios.tcgetattr(self.master)
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_TERMINAL, *macchiato.command, *arguments],
            cwd=macchiato.folder,
            env=macchiato.environment | variables,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.raw = ""
        self.screen = Screen()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    @property
    def seen(self) -> str:
        """All that was written: without colours, and with the line ends that the command wrote."""
        return _ESCAPE.sub("", self.raw).replace("\r\n", "\n")

    def read_until(self, text: str) -> None:
        """Wait until this was written, or can be read on the screen."""
        deadline = time.monotonic() + _PATIENCE_S
        while text not in self.seen and text not in self.screen.text:
            assert time.monotonic() < deadline, self.seen
            self._read()

    def shows(self, text: str) -> None:
        """Wait until this, and nothing else, can be read on the screen."""
        deadline = time.monotonic() + _PATIENCE_S
        while self.screen.text != text and time.monotonic() < deadline and self._read():
            pass
        assert self.screen.text == text, self.screen.text

    def type(self, keys: str | bytes) -> None:
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    def finish(self) -> int:
        """Its exit code, once all that it wrote has been read."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE_S)

    def has_its_modes(self) -> bool:
        """Whether it echoes, and whatever else it did before the command."""
        return termios.tcgetattr(self.master) == self.modes

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        if self.master >= 0:
            self.hang_up()
        self.process.kill()
        self.process.wait()

    def _read(self) -> bool:
        if select.select([self.master], [], [], 10)[0]:
            try:
                more = os.read(self.master, 65536)
            except OSError:  # Linux says so when nobody has the terminal open any more.
                return False
            text = self._decoder.decode(more)
            self.raw += text
            self.screen.feed(text)
            return bool(more)
        return False
