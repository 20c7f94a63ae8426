"""Whether the server could listen where its settings say. Standard library only: see services_probe.py."""

from __future__ import annotations

import errno
import http.client
import json
import socket
from collections.abc import Sequence

_PATIENCE_S = 2
_ANY = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on


def check(host: str, port: int) -> tuple[str, str, Sequence[str]]:
    """State, finding, remedies."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            if is_server(_ANY.get(host, host), port):
                return "note", f"{address} is in use: your server, or another one like it, runs there", ()
            return "broken", f"{address} is taken by another program", other_ports(host, port)
        if error.errno == errno.EACCES:
            return "broken", f"{address} is not for you: {error.strerror}", other_ports(host, 8000)
        # Python adds the address once more.
        reason = (error.strerror or str(error)).split(" (while ")[0]
        return "broken", f"{address} cannot be listened on: {reason}", ["macchiato run --host 127.0.0.1"]
    return "ok", f"{address} is free", ()


def listen(host: str, port: int) -> None:
    """Do as the server does, for a moment.

    Raises:
        OSError: It cannot be done.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    socket.create_server((host, port), family=family).close()


def is_server(host: str, port: int) -> bool:
    """Whether what is there answers /healthz as a server of ours does."""
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        return answer.status == 200 and json.loads(answer.read(1000)) == {"status": "ok"}
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def other_ports(host: str, start: int) -> list[str]:
    """The command for the next port that is free."""
    for port in range(start + 1, min(start + 100, 65536)):
        try:
            listen(host, port)
        except OSError:
            continue
        return [f"macchiato run --port {port}"]
    return []
