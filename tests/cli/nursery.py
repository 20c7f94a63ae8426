"""Commands that need not import what they need: each is a process of its own, forked from one that has.

Half a second each, many hundred times. What the start itself does is for tests that start an interpreter:
see `Macchiato.start`, `Macchiato.from_scratch` and terminal.py.

Started as a program with the number of a socket, this is the other end: it answers one command at a time.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

# Only the start of an interpreter obeys these.
STARTUP = ("PYTHON", "LANG", "LC_")
_IMPORTED = ("copier", "rich.console", "rich.text", "typer.main", "typer.rich_utils", "yaml")
# These are programs: what they import is the project's.
_PROGRAMS = ("_probe", "__main__")


class Nursery:
    """The forking process, as the tests have it.

    Args:
        environment: Of the interpreter; each command has its own.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                # Pipes, as the commands will have: Python looks at the start for what they can do.
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
            )
        self._answers = self._socket.makefile()
        atexit.register(self.close)

    def close(self) -> None:
        self._answers.close()
        self._socket.close()
        with self._process:
            self._process.wait(timeout=10)

    def run(
        self, arguments: Sequence[str], *, folder: Path, environment: Mapping[str, str], timeout_s: float
    ) -> tuple[int, bytes, bytes]:
        """Run `macchiato` until it and all that holds its output has ended: its exit code, output and errors.

        Raises:
            subprocess.TimeoutExpired: It has been killed.
        """
        pipes = [os.pipe(), os.pipe()]
        # There is no other way to ask for it.
        os.umask(umask := os.umask(0))
        message = json.dumps([list(arguments), str(folder), dict(environment), umask])
        socket.send_fds(self._socket, [f"{message}\n".encode()], [writing for _, writing in pipes])
        child = self._answer()
        for _, writing in pipes:
            os.close(writing)
        try:
            out, err = read_all([reading for reading, _ in pipes], time.monotonic() + timeout_s)
        except TimeoutError:
            os.kill(child, signal.SIGKILL)
            self._answer()
            raise subprocess.TimeoutExpired(list(arguments), timeout_s) from None
        finally:
            for reading, _ in pipes:
                os.close(reading)
        return self._answer(), out, err

    def _answer(self) -> int:
        number = self._answers.readline()
        assert number, self._process.communicate()[1].decode()
        return int(number)


def read_all(pipes: Sequence[int], deadline: float) -> list[bytes]:
    """What comes out of the pipes until nobody can write into them any more.

    Raises:
        TimeoutError: That was not in time.
    """
    found = dict.fromkeys(pipes, b"")
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                text = os.read(key.fd, 65536)
                found[key.fd] += text
                if not text:
                    selector.unregister(key.fd)
    return list(found.values())


def main(requests: socket.socket) -> None:
    # As with `python -m`: the folder that it is started in comes first, which each command says.
    del sys.path[0]
    package = importlib.import_module("macchiato_cli")
    names = [found.name for found in pkgutil.walk_packages(package.__path__, "macchiato_cli.")]
    for name in (*_IMPORTED, *(name for name in names if not name.endswith(_PROGRAMS))):
        importlib.import_module(name)
    # Nothing that a child would have to copy.
    gc.collect()
    gc.freeze()
    while True:
        message, outputs, _, _ = socket.recv_fds(requests, 65536, 2)
        if not message:
            return
        while not message.endswith(b"\n"):
            message += requests.recv(65536)
        child = os.fork()
        if child == 0:
            requests.close()
            run(*json.loads(message), outputs=outputs)
        for output in outputs:
            os.close(output)
        requests.sendall(f"{child}\n".encode())
        _, status = os.waitpid(child, 0)
        requests.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def run(
    arguments: list[str], folder: str, environment: dict[str, str], umask: int, *, outputs: list[int]
) -> None:
    """As `python -m macchiato_cli` in that folder; ends the interpreter as that does."""
    for descriptor, output in zip((1, 2), outputs, strict=True):
        os.dup2(output, descriptor)
        os.close(output)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.umask(umask)
    tempfile.tempdir = None
    sys.path.insert(0, folder)
    sys.argv[1:] = arguments
    runpy.run_module("macchiato_cli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        main(requests)
