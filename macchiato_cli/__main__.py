"""The `macchiato` command: signals are noted first, since importing the rest takes a tenth of a second."""

import sys

from macchiato_cli import interrupts
from macchiato_cli.garbage import uncollected


def main() -> None:
    """Run the command and leave with its exit code."""
    interrupts.listen()
    try:
        with uncollected():
            from macchiato_cli.execution import execute

        interrupts.check()
        code = execute(sys.argv[1:])
    except interrupts.Interrupted:
        print("interrupted: nothing was written", file=sys.stderr)
        code = 130
    interrupts.ignore()
    sys.exit(code)


if __name__ == "__main__":
    main()
