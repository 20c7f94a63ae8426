"""The project template is imported in place: `app` is its package, `support` what its own tests talk with."""

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent

sys.path[:0] = [str(CHECKOUT / "templates" / "project"), str(CHECKOUT / "templates" / "project" / "tests")]
