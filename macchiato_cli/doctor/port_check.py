"""Whether the server could listen where its settings say. Standard library only: see services_probe.py."""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
from collections.abc import Sequence
from itertools import pairwise

_PATIENCE_S = 2
_PROCESSES = "/proc"
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
            return silent(address, host, port)
        if error.errno == errno.EACCES:
            return "broken", f"{address} is not for you: {error.strerror}", other_ports(host, 8000)
        # Python adds the address once more.
        reason = (error.strerror or str(error)).split(" (while ")[0]
        return "broken", f"{address} cannot be listened on: {reason}", ["macchiato run --host 127.0.0.1"]
    return "ok", f"{address} is free", ()


def silent(address: str, host: str, port: int) -> tuple[str, str, Sequence[str]]:
    """What there is to say of who holds the port and does not answer as a server does."""
    holders = holders_of(port)
    ours = {process: arguments for process, (folder, arguments) in holders.items() if folder == os.getcwd()}
    servers = [process for process, arguments in ours.items() if ("-m", "app") in pairwise(arguments)]
    if servers and len(ours) == 1 and "--reload" in ours[servers[0]]:
        # Its worker is gone: that ended with an error, and the next one starts when a file changes.
        words = "this project's server waits there for a fix; where it was started it says of what"
        return "note", f"{address} is in use: {words}", ()
    if servers:
        words = "this project's server is there, and does not answer"
        return "broken", f"{address} is in use: {words}", [f"kill {servers[0]}"]
    if holders:
        return "broken", f"{address} is taken by another program", other_ports(host, port)
    words = "what is there does not answer as this server does"
    return "broken", f"{address} is in use, and {words}", other_ports(host, port)


def holders_of(port: int) -> dict[int, tuple[str, list[str]]]:
    """The processes that listen there, each with its folder and arguments; only Linux tells, and of our own.

    Source: proc_pid_fd(5), proc_pid_net(5): the sockets are `socket:[INODE]` among a process's files.
    """
    sockets = {f"socket:[{inode}]" for inode in inodes_of(port)}
    found: dict[int, tuple[str, list[str]]] = {}
    for process in (entry for entry in _listed(_PROCESSES) if sockets and entry.isdigit()):
        place = os.path.join(_PROCESSES, process)
        files = (_link(os.path.join(place, "fd", file)) for file in _listed(os.path.join(place, "fd")))
        if not sockets.isdisjoint(files):
            arguments = _text(os.path.join(place, "cmdline")).rstrip("\0").split("\0")
            found[int(process)] = (_link(os.path.join(place, "cwd")), arguments)
    return found


def inodes_of(port: int) -> set[str]:
    """The sockets that listen on the port, at whatever address."""
    listening = "0A"
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in _text(f"{_PROCESSES}/net/{name}").splitlines()
    ]
    return {
        words[9]
        for words in lines
        if len(words) > 9 and words[3] == listening and words[1].endswith(f":{port:04X}")
    }


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except OSError:
        return ""


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
