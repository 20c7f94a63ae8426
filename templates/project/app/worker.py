"""`python -m app.worker`: one of the processes that `python -m app --workers` starts, and only that."""

import socket
import sys

from .engine.worker import WorkerServer
from .serving import serving_config
from .settings import load_settings


def main() -> None:
    number, channel = map(int, sys.argv[1:])
    # What files may be, and how many, it has from the process that started it.
    WorkerServer(serving_config(load_settings()), number, socket.socket(fileno=channel)).run()


if __name__ == "__main__":
    main()
