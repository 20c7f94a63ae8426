"""Signals: held back, except where an interruption can do no harm.

Ctrl-C, SIGTERM and SIGHUP are only noted when they arrive. They take effect in windows: while the
user is asked, while templates are rendered into a temporary folder, while a child process works.
So code that writes or cleans up never has to expect one in the middle of its work.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """A signal asks for the end. Not an Exception, so that no library swallows it."""


class _Signals:
    noted = False
    window_open = False


def _note(number: int, frame: FrameType | None) -> None:
    _Signals.noted = True
    if _Signals.window_open:
        check()


def listen(handler: Callable[[int, FrameType | None], None] | signal.Handlers = _note) -> None:
    """Take over the signals, but for those that whoever started us wants ignored (nohup, `cmd &`)."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def ignore() -> None:
    """Let no signal come between the end of the work and the exit code that tells of it.

    Python puts the default handlers back while it shuts down: the signal would then kill it.
    """
    listen(signal.SIG_IGN)


def check() -> None:
    """Let a signal that was noted meanwhile take effect.

    Raises:
        Interrupted: There was one.
    """
    if _Signals.noted:
        # Closed first: a second Ctrl-C must not interrupt the clean-up after this one.
        _Signals.noted = _Signals.window_open = False
        raise Interrupted


@contextmanager
def allowed() -> Generator[None]:
    """A window in which a signal raises Interrupted at once."""
    before = _Signals.window_open
    _Signals.window_open = True
    try:
        check()
        yield
    finally:
        _Signals.window_open = before
