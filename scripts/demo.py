"""Two users talk through a project that has just been generated. Started by scripts/demo."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import IO

# The first start compiles everything, which a busy machine takes long for.
START_S = 90
TALK_S = 20
BIN = "Scripts" if os.name == "nt" else "bin"


class DemoError(Exception):
    """Why the demo cannot go on."""


class Speaker:
    """One user at the generated client, in a terminal of his or her own, so to speak."""

    def __init__(self, root: Path, name: str, url: str, stack: ExitStack) -> None:
        self.name = name
        self.heard = ""
        command = [venv_python(root), "-u", "clients/dev_user.py", "--name", name, "--url", url]
        self.process = start(command, root, stack, stdin=subprocess.PIPE)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def say(self, text: str) -> None:
        stdin = self.process.stdin
        assert stdin is not None
        stdin.write(f"{text}\n")
        stdin.flush()

    def hears(self, text: str) -> None:
        """Wait until the text has been heard."""
        deadline = time.monotonic() + TALK_S
        while text not in self.heard:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise DemoError(f"{self.name} never heard {text!r}")
            time.sleep(0.02)

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(TALK_S)
        self.reader.join(TALK_S)

    def _read(self) -> None:
        for line in lines(self.process.stdout):
            self.heard += line
            print(f"  {self.name:<5} | {line}", end="", flush=True)


def main() -> None:
    root, is_temporary = target()
    print(f"Making a project in {root} ...", flush=True)
    run([sys.executable, "-m", "macchiato_cli", "new", "--quiet", "--name", "demo", str(root)])
    with ExitStack() as stack:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        log = stack.enter_context(tempfile.TemporaryFile("w+"))
        server = start(
            [venv_python(root), "-m", "app"], root, stack, stdout=log, environment={"PORT": str(port)}
        )
        wait_until_ready(server, url, log)
        print(f"\nThe server listens on {url}. Ada and Grace talk:\n", flush=True)
        talk(root, url, stack)
    where = shlex.quote(os.path.relpath(root)) if not is_temporary else str(root)
    print(
        "\nAll stopped; the project is yours to keep. To talk yourself:\n"
        f"  cd {where}\n"
        f"  {shlex.quote(str(Path(sys.executable).with_name('macchiato')))} run\n"
        f"  .venv/{BIN}/python clients/dev_user.py --name Ada   # in a second terminal"
    )


def talk(root: Path, url: str, stack: ExitStack) -> None:
    ada = Speaker(root, "Ada", url, stack)
    grace = Speaker(root, "Grace", url, stack)
    ada.hears("* connected")
    grace.hears("* connected")
    ada.say("hello, is anybody there?")
    ada.hears("You said: hello, is anybody there?")
    grace.say("hello Ada, it is Grace")
    grace.hears("You said: hello Ada")
    ada.hears("User Grace says: hello Ada, it is Grace")
    ada.say("hello Grace, this works")
    grace.hears("User Ada says: hello Grace, this works")
    ada.leave()
    grace.leave()


def target() -> tuple[Path, bool]:
    if len(sys.argv) > 1:
        return Path(sys.argv[1]).absolute(), False
    return Path(tempfile.mkdtemp(prefix="macchiato-demo-"), "demo"), True


def venv_python(root: Path) -> str:
    return str(root / ".venv" / BIN / "python")


def run(command: list[str]) -> None:
    ended = subprocess.run(command, check=False)
    if ended.returncode != 0:
        # It has said why.
        sys.exit(ended.returncode)


def start(
    command: list[str],
    root: Path,
    stack: ExitStack,
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int | IO[str] = subprocess.PIPE,
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start a process which ends when the demo does, however that comes about."""
    process = subprocess.Popen(
        command,
        cwd=root,
        env=os.environ | {"PYTHONUNBUFFERED": "1"} | (environment or {}),
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
    )
    stack.callback(stop, process)
    return process


def stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_ready(server: subprocess.Popen[str], url: str, log: IO[str]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2):  # noqa: S310 - our own server
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.05)
    log.seek(0)
    raise DemoError(f"the server did not start; it said:\n{log.read()}")


def lines(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _interrupt)
    try:
        main()
    except DemoError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
