"""`python -m app.worker`: one of the processes that `python -m app --workers` starts, and only that."""

import socket
import sys

from .engine.worker import WorkerServer
from .serving import serving_config
from .settings import load_settings


def main() -> None:
    number, channel, count = map(int, sys.argv[1:])
    config = serving_config(load_settings(), worker=number)
    # What files may be, and how many, it has from the process that started it.
    WorkerServer(config, number, count, socket.socket(fileno=channel)).run()


if __name__ == "__main__":
    main()
