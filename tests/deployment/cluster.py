"""Two servers of one project behind a real nginx, with the configuration that projects come with."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support import free_port, wait_for_health
from tests.services import require

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
NGINX_CONF = CHECKOUT / "templates/project/deploy/nginx.conf"
NAMESPACE = "/probe"
# Of one address, for each server: small, so that a test can have them all.
CONNECTIONS_PER_ADDRESS = 4
# Nothing of the checkout's may help the project along.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MACCHIATO_"))
}


@dataclass
class Node:
    name: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / f"{self.name}.log").read_text()

    def start(self) -> None:
        environment = ENVIRONMENT | {
            "NODE": self.name,
            "PORT": str(self.port),
            "TRUSTED_PROXIES": "127.0.0.1",
            "ACCESS_LOG": "true",
            "CONNECTIONS_PER_ADDRESS": str(CONNECTIONS_PER_ADDRESS),
        }
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "app"], cwd=self.folder, env=environment, stdout=log, stderr=log
            )

    def wait(self) -> None:
        """Until it answers."""
        assert self.process is not None
        wait_for_health(self.url, self.process)

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def suspend(self) -> None:
        """It does nothing any more, though the system goes on to take what is sent to it."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(timeout=10)


@contextmanager
def two_nodes(folder: Path) -> Iterator[list[Node]]:
    """Servers of a new project, with one database and one secret."""
    command = [sys.executable, "-m", "macchiato_cli", "new", str(folder), "--no-install", "--no-git", "-yq"]
    environment = ENVIRONMENT | {"PYTHONPATH": str(CHECKOUT)}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    shutil.copy(HERE / "probe.py", folder / "app/namespaces")
    nodes = [Node(name, free_port(), folder) for name in ("one", "two")]
    try:
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait()
        yield nodes
    finally:
        for node in nodes:
            if node.is_running:
                node.stop(signal.SIGKILL)


def configuration(nodes: list[Node], port: int, folder: Path) -> str:
    """The project's nginx.conf, but for addresses, ports and paths."""
    text = NGINX_CONF.read_text()
    writable = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    for place, replacement in (
        ("listen 3000;", f"listen 127.0.0.1:{port};"),
        ("server 172.31.250.11:3000 ", f"server 127.0.0.1:{nodes[0].port} "),
        ("server 172.31.250.12:3000 ", f"server 127.0.0.1:{nodes[1].port} "),
        ("/run/nginx.pid", f"{folder}/nginx.pid"),
        ("/var/log/nginx/error.log", f"{folder}/error.log"),
        # Debian's are for the administrator only.
        ("\nhttp {\n", f"\nhttp {{\n{writable}"),
    ):
        assert text.count(place) == 1, place
        text = text.replace(place, replacement)
    return text


@contextmanager
def nginx(nodes: list[Node], folder: Path) -> Iterator[str]:
    """The URL of the proxy."""
    program = require("nginx", "apt install nginx-light")
    port = free_port()
    conf = folder / "nginx.conf"
    conf.write_text(configuration(nodes, port, folder))
    command = [program, "-e", f"{folder}/error.log", "-p", str(folder), "-c", str(conf)]
    # The administrator's nginx would become somebody who may not look into the folder.
    others = "user root; " if os.geteuid() == 0 else ""
    judged = subprocess.run([*command, "-t", "-g", others], capture_output=True, text=True)
    assert judged.returncode == 0, judged.stderr
    assert "[warn]" not in judged.stderr
    process = subprocess.Popen([*command, "-g", f"{others}daemon off;"])
    try:
        wait_for_health(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)
