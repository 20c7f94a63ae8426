"""A question whose answer is judged while it is typed. The only module that imports prompt_toolkit."""

from __future__ import annotations

import asyncio
import errno
import sys
from collections.abc import Callable
from typing import Generic, TypeVar

from prompt_toolkit.application import Application
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.filters import Condition, is_done
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import BufferControl, ConditionalContainer, FormattedTextControl, HSplit, Layout
from prompt_toolkit.layout.containers import Window
from prompt_toolkit.layout.processors import BeforeInput
from prompt_toolkit.output import Output, create_output
from prompt_toolkit.output.vt100 import Vt100_Output

from macchiato_cli import interrupts
from macchiato_cli.errors import BadName, MacchiatoError, printable
from macchiato_cli.report import silence

Answer = TypeVar("Answer")


class LiveQuestion(Generic[Answer]):
    """One line to type on, and below it what the answer would do, or why it will not do.

    Args:
        accept: Turns the line into the answer, or raises MacchiatoError.
        hint: Is shown while nothing is typed.
        outcome: What an answer would do.
    """

    def __init__(
        self,
        question: str,
        accept: Callable[[str], Answer],
        *,
        hint: str,
        outcome: Callable[[Answer], str],
    ) -> None:
        self._accept = accept
        self._below: StyleAndTextTuples = [("dim", hint)]
        self._hint = self._below
        self._outcome = outcome
        self._line = Buffer(multiline=False, on_text_changed=self._show, accept_handler=self._enter)
        line = BufferControl(self._line, [BeforeInput(f"{question} ", "bold")])
        below = FormattedTextControl(lambda: self._below)
        answered = Window(line, wrap_lines=True, dont_extend_height=True)
        judged = Window(below, wrap_lines=True, dont_extend_height=True)
        self._application: Application[Answer] = Application(
            Layout(HSplit([answered, ConditionalContainer(judged, ~is_done)])),
            key_bindings=_keys(),
            output=_output(),
        )

    def ask(self) -> Answer:
        """The answer, once one that will do was entered.

        Raises:
            Interrupted: The user or a signal asks for the end, or the terminal has gone.
        """
        on_terminal = [stream for stream in (sys.stdout, sys.stderr) if stream.isatty()]
        try:
            return self._application.run(pre_run=self._begin, handle_sigint=False)
        except EOFError as error:
            raise interrupts.Interrupted from error
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            # The terminal has gone, and with it whoever would read what is still printed.
            for stream in on_terminal:
                silence(stream)
            raise interrupts.Interrupted from error

    def _begin(self) -> None:
        self._application.create_background_task(self._watch_signals())

    async def _watch_signals(self) -> None:
        # An exception out of a signal handler would hit the event loop anywhere, or be swallowed by it:
        # so signals stay noted, and are looked for in turns.
        while not self._application.is_done:
            try:
                interrupts.check()
            except interrupts.Interrupted as interrupted:
                self._application.exit(exception=interrupted)
            await asyncio.sleep(0.05)

    def _show(self, line: Buffer) -> None:
        text = line.text.strip()
        self._below = self._verdict(text) if text else self._hint

    def _verdict(self, text: str) -> StyleAndTextTuples:
        try:
            return [("dim", printable(self._outcome(self._accept(text))))]
        except MacchiatoError as error:
            return _in_colour(error)
        except Exception as fault:
            # The event loop would print it, and wait for Enter.
            self._application.exit(exception=fault)
            return []

    def _enter(self, line: Buffer) -> bool:
        try:
            self._application.exit(result=self._accept(line.text.strip()))
        except MacchiatoError:
            self._application.output.bell()
        return True  # Keep what was typed.


def _in_colour(error: MacchiatoError) -> StyleAndTextTuples:
    lines: StyleAndTextTuples = [("ansired", printable(error.message))]
    lines += [("", f"\n  {printable(reason)}") for reason in error.reasons]
    # The other commands to try are for whoever has a command line to type them on.
    if isinstance(error, BadName) and error.suggestion:
        lines += [("", "\n  try: "), ("ansicyan", error.suggestion)]
    return lines


def _keys() -> KeyBindings:
    keys = KeyBindings()

    @Condition
    def nothing_is_typed() -> bool:
        from prompt_toolkit.application import get_app

        return not get_app().current_buffer.text

    @keys.add("c-c")
    @keys.add("c-d", filter=nothing_is_typed)
    def leave(event: KeyPressEvent) -> None:
        event.app.exit(exception=interrupts.Interrupted)

    @keys.add("c-z")
    def suspend(event: KeyPressEvent) -> None:
        event.app.suspend_to_background()

    @keys.add(Keys.BracketedPaste)
    def paste(event: KeyPressEvent) -> None:
        # A line end in what was pasted is no Enter.
        event.current_buffer.insert_text(" ".join(event.data.split()))

    return keys


def _output() -> Output:
    output = create_output()
    if isinstance(output, Vt100_Output):
        # Nothing here needs to know where the cursor is, and not every terminal answers.
        output.enable_cpr = False
    return output
