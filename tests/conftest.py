"""The project template is imported in place: `app` is its package, `support` what its own tests talk with."""

import signal
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

sys.path[:0] = [str(CHECKOUT / "templates" / "project"), str(CHECKOUT / "templates" / "project" / "tests")]

# Under nohup, or in the background of a script, these are ignored; what tests start would ignore them too.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        signal.signal(ignored, signal.SIG_DFL)
