"""`python -m app`: run the server, on the HOST and PORT of `.env` or the environment."""

import argparse
import socket
import sys
from pathlib import Path

from uvicorn.supervisors import ChangeReload

from .engine.uvicorn_server import UvicornServer, uvicorn_config
from .logs import LOGGING
from .settings import Settings, load_settings


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m app", description="Run the server.")
    parser.add_argument("--reload", action="store_true", help="restart when a file of the app changes")
    reload: bool = parser.parse_args().reload
    listening = listen(load_settings())
    print(f"Serving on {address_of(listening)} (HTTP API: /docs). Press Ctrl-C to stop.", flush=True)
    reload_dirs = [str(Path(__file__).parent)] if reload else None
    config = uvicorn_config("app.main:create_app", log_config=LOGGING, reload_dirs=reload_dirs)
    server = UvicornServer(config)
    try:
        if reload:
            ChangeReload(config, target=server.run, sockets=[listening]).run()
        else:
            server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # uvicorn has shut down already; it raises the signal again for its caller.


def listen(settings: Settings) -> socket.socket:
    """A socket on HOST and PORT; exits with a remedy when they are not to be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listening = socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        sys.exit(
            f"error: cannot listen on {settings.host}:{settings.port}\n"
            f"  {error.strerror or error}\n"
            f"  try: PORT={settings.port % 65535 + 1} python -m app"
        )
    listening.set_inheritable(True)  # For the process that --reload starts.
    return listening


def address_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


if __name__ == "__main__":
    main()
