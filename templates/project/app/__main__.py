"""`python -m app`: run the server, on the HOST and PORT of `.env` or the environment."""

import argparse
import errno
import os
import shlex
import socket
import sys
from contextlib import suppress
from pathlib import Path

from alembic.util import CommandError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from . import database
from .engine.reloader import Reloader
from .engine.session_ids import MOST_WORKERS
from .engine.uvicorn_patience import LimitedConfig
from .engine.uvicorn_server import UvicornServer
from .engine.workers import NoWorkerStarts, Workers
from .redis_at_start import wait_for_redis
from .serving import serving_config
from .settings import Settings, load_settings

if sys.platform != "win32":
    import resource


def main() -> None:
    options = read_arguments()
    os.umask(0o077)  # What this process writes, such as a SQLite file, only its own user can read.
    raise_file_limit()
    settings = load_settings()
    if options.workers > 1:
        check_workers(options.workers, settings)
    with suppress(KeyboardInterrupt):
        wait_for_redis(settings)
        serve(settings, options)


def serve(settings: Settings, options: argparse.Namespace) -> None:
    """Until a signal ends it."""
    listening = listen(settings)
    config = serving_config(settings, reload=options.reload)
    server = UvicornServer(config)
    # uvicorn raises Ctrl-C again for its caller, when it has shut down.
    with suppress(KeyboardInterrupt):
        migrate(settings)
        if settings.log_format == "text":  # Who reads JSON reads what uvicorn logs.
            workers = f" with {options.workers} workers" if options.workers > 1 else ""
            pages = "HTTP API: /docs, console: /console" if settings.has_console else "HTTP API: /docs"
            print(
                f"Serving on {address_of(listening)}{workers} ({pages}). Press Ctrl-C to stop.",
                flush=True,
            )
        if options.reload:
            Reloader(config, target=server.run, sockets=[listening]).run()
        elif options.workers > 1:
            run_workers(config, listening, options.workers)
        else:
            server.run(sockets=[listening])


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app", description="Run the server.")
    parser.add_argument("--reload", action="store_true", help="restart when a file of the app changes")
    parser.add_argument(
        "--workers",
        type=worker_count,
        default=1,
        metavar="N",
        help="serve with so many processes on one port; more than one need REDIS_URL",
    )
    options = parser.parse_args()
    if options.reload and options.workers > 1:
        parser.error("--reload restarts one process: it does not go with --workers")
    return options


def worker_count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {MOST_WORKERS}")
    return int(text)


def check_workers(count: int, settings: Settings) -> None:
    """Exit with a remedy where there cannot be several processes."""
    if sys.platform == "win32":
        sys.exit(
            f"error: --workers {count} does not work on Windows\n"
            "  there, a process cannot hand a connection over to another one as it does elsewhere\n"
            "  try: python -m app"
        )
    if not settings.redis_url:
        sys.exit(
            f"error: --workers {count} needs REDIS_URL\n"
            "  without Redis, the processes do not know of each other's clients: messages reach only some\n"
            f"  try: REDIS_URL=redis://localhost:6379/0 .venv/bin/python -m app --workers {count}"
        )


def run_workers(config: LimitedConfig, listening: socket.socket, count: int) -> None:
    """Serve until a signal ends it; exits with a remedy when it cannot begin."""
    try:
        Workers(config, listening, count=count, command=[sys.executable, "-m", "app.worker"]).run()
    except NoWorkerStarts as end:
        sys.exit(
            f"error: no worker starts: the last one ended with {end}\n"
            "  what it has logged says why\n"
            "  try: .venv/bin/python -m app"
        )


def raise_file_limit() -> None:
    """Allow as many connections as the administrator does: each is a file, and 1,024 is a common default."""
    if sys.platform != "win32":
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(OSError, ValueError):  # macOS says that there is no limit, and has one.
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def migrate(settings: Settings) -> None:
    """Bring the database's tables up to date; exits with a remedy when it is not to be had."""
    try:
        database.migrate(settings.database_url)
    except (OSError, SQLAlchemyError, CommandError) as error:
        cause = getattr(error, "orig", None) or error
        remedy = start_with("DATABASE_URL=sqlite:///app.sqlite3")
        file = make_url(settings.database_url).database or ""
        # No database at all; or, for Alembic, one of another version of this project.
        is_foreign = getattr(cause, "sqlite_errorname", None) in ("SQLITE_NOTADB", "SQLITE_CORRUPT")
        if is_foreign or (isinstance(error, CommandError) and Path(file).is_file()):
            remedy = shlex.join(["mv", "-i", file, f"{file}.bak"])
        sys.exit(
            f"error: cannot prepare the database {settings.safe_database_url}\n  {cause}\n  try: {remedy}"
        )


def listen(settings: Settings) -> socket.socket:
    """A socket on HOST and PORT; exits with a remedy when they are not to be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        # Ports below 1024 are for the administrator.
        next_port = settings.port + 1 if 1024 <= settings.port < 65535 else 8000
        taken = error.errno in (errno.EADDRINUSE, errno.EACCES)
        other = f"PORT={next_port}" if taken else "HOST=127.0.0.1"
        sys.exit(
            f"error: cannot listen on {settings.host}:{settings.port}\n"
            f"  {error.strerror or error}\n"
            f"  try: {start_with(other)}"
        )
    listening.set_inheritable(True)  # For the process that --reload starts.
    return listening


def start_with(setting: str) -> str:
    """What to type for another start with this setting: with macchiato, or without."""
    return f"{setting} macchiato run\n       {setting} scripts/serve"


def address_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


if __name__ == "__main__":
    main()
