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
from .engine.uvicorn_server import UvicornServer, uvicorn_config
from .logs import log_config
from .redis_at_start import wait_for_redis
from .settings import Settings, load_settings

if sys.platform != "win32":
    import resource


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app", description="Run the server.")
    parser.add_argument("--reload", action="store_true", help="restart when a file of the app changes")
    reload: bool = parser.parse_args().reload
    os.umask(0o077)  # What this process writes, such as a SQLite file, only its own user can read.
    raise_file_limit()
    settings = load_settings()
    with suppress(KeyboardInterrupt):
        wait_for_redis(settings)
        serve(settings, reload=reload)


def serve(settings: Settings, *, reload: bool) -> None:
    """Until a signal ends it."""
    listening = listen(settings)
    reload_dirs = [str(Path(__file__).parent)] if reload else None
    config = uvicorn_config(
        "app.main:create_app",
        limits=settings,
        trusted_proxies=settings.trusted_proxies,
        direct_websockets=settings.direct_websockets,
        access_log=settings.access_log,
        log_config=log_config(settings.log_format, access_log=settings.access_log),
        reload_dirs=reload_dirs,
    )
    server = UvicornServer(config)
    # uvicorn raises Ctrl-C again for its caller, when it has shut down.
    with suppress(KeyboardInterrupt):
        migrate(settings)
        if settings.log_format == "text":  # Who reads JSON reads what uvicorn logs.
            print(f"Serving on {address_of(listening)} (HTTP API: /docs). Press Ctrl-C to stop.", flush=True)
        if reload:
            Reloader(config, target=server.run, sockets=[listening]).run()
        else:
            server.run(sockets=[listening])


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
