"""npm's socket.io-client talks to a generated server, exactly as the original's users let it."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support import free_port, wait_for_health
from tests.services import require

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
# Nothing of the checkout's may help the project along.
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MACCHIATO_"))
}


@dataclass(frozen=True)
class Project:
    folder: Path

    @contextmanager
    def serving(self, port: int | None = None) -> Iterator[str]:
        """The URL of `python -m app`."""
        port = port or free_port()
        url = f"http://127.0.0.1:{port}"
        with (self.folder / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "app"],
                cwd=self.folder,
                env=ENVIRONMENT | {"PORT": str(port)},
                stdout=log,
                stderr=log,
            )
        try:
            wait_for_health(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=10)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A new project, which has a public namespace beside /devUser."""
    node("--version")
    folder = tmp_path_factory.mktemp("node") / "talk"
    macchiato = [sys.executable, "-m", "macchiato_cli"]
    commands = [["new", str(folder), "--no-install", "--no-git", "-y"], ["add-namespace", "chat", "--public"]]
    for command, place in zip(commands, (CHECKOUT, folder), strict=True):
        environment = ENVIRONMENT | {"PYTHONPATH": str(CHECKOUT)}
        subprocess.run([*macchiato, *command], cwd=place, env=environment, check=True, capture_output=True)
    return Project(folder)


@pytest.fixture(scope="module")
def url(project: Project) -> Iterator[str]:
    with project.serving() as url:
        yield url


def node(*arguments: str) -> list[str]:
    program = require("node", "install Node.js 20 or newer")
    require(HERE / "node_modules" / "socket.io-client", f"npm install --no-package-lock --prefix {HERE}")
    return [program, *arguments]


def run(script: str, *arguments: str) -> list[Any]:
    """The lines of JSON that a script of this folder prints."""
    command = node(str(HERE / script), *arguments)
    ran = subprocess.run(command, capture_output=True, text=True, timeout=15)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def token_of(url: str, name: str) -> str:
    account = {
        "name": name,
        "email": f"{name}.{os.urandom(8).hex()}@example.com",
        "password": "long enough to be one",
    }
    request = urllib.request.Request(
        f"{url}/api/users", json.dumps(account).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        token: str = json.load(answer)["token"]
        return token


@pytest.mark.parametrize("transports", ["websocket", "polling", "polling,websocket"])
def test_two_people_talk(url: str, transports: str) -> None:
    (seen,) = run("conversation.mjs", url, transports, token_of(url, "Ada"), token_of(url, "Grace"))
    transport = transports.rpartition(",")[2]
    assert seen == {
        "ack": {"ok": True, "data": None},
        "adaHears": {"message": "You said: hi ..."},
        "graceHears": {"message": "User Ada says: hi"},
        "wrong": {
            "ok": False,
            "error": {
                "code": "invalid_payload",
                "message": "sayStuff got wrong arguments",
                "details": [{"field": "text", "message": "Input should be a valid string"}],
            },
        },
        "unknown": {
            "ok": False,
            "error": {"code": "unknown_event", "message": "There is no such event here", "details": None},
        },
        "transport": [transport, transport],
        "left": "io client disconnect",
    }


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("/devUser", {}, "Log in first: a token is required", "token_required"),
    ("/devUser", {"query": {"commId": ""}}, "Log in first: a token is required", "token_required"),
    ("/devUser", {"query": {"commId": "x"}}, "The token is not valid: log in again", "invalid_token"),
    ("/devUser", {"auth": {"token": "x"}}, "The token is not valid: log in again", "invalid_token"),
    ("/devUser", {"auth": {"token": 5}}, "auth.token must be a string", "invalid_handshake"),
    (
        "/chat",
        {"query": {"metadata": {"user_name": "Nadia"}}},
        "metadata in the query must be JSON text",
        "invalid_handshake",
    ),
    ("/nowhere", {}, "There is no such namespace", "unknown_namespace"),
    ("", {}, "There is no such namespace", "unknown_namespace"),
]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_refusal_says_why(url: str, transport: str) -> None:
    attempts = [[url + namespace, options] for namespace, options, _, _ in REFUSED]
    told = run("refused.mjs", transport, json.dumps(attempts))
    assert told == [{"message": message, "data": {"code": code}} for _, _, message, code in REFUSED]


def test_metadata_in_the_query_is_json(url: str) -> None:
    assert run("metadata.mjs", url, "Nadia \N{GREEK SMALL LETTER ALPHA}&=") == [
        {"message": "User Nadia \N{GREEK SMALL LETTER ALPHA}&= says: hi"}
    ]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_clients_come_back_to_the_next_server_by_themselves(project: Project, transport: str) -> None:
    with project.serving() as url:
        command = node(str(HERE / "comeback.mjs"), url, transport, token_of(url, "Ada"))
        client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert client.stdout is not None
        lines = map(json.loads, client.stdout)
        assert next(lines) == {"times": 1, "ok": True}
    reason = next(lines)["reason"]
    assert reason in ("transport close", "transport error"), reason
    with project.serving(int(url.rpartition(":")[2])):
        assert next(lines) == {"times": 2, "ok": True}
        assert next(lines) == {"reason": "io client disconnect"}
        assert client.wait(timeout=10) == 0
    client.stdout.close()
