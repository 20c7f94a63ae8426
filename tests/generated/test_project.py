"""A fresh project does what its README says."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from macchiato_cli.name_rules import to_snake
from support import Member, free_port, register, wait_for_health
from tests.generated.conftest import ENVIRONMENT, Demo, Project
from tests.services import require

# pip alone may take two minutes to install the project.
pytestmark = pytest.mark.timeout(600)

SETTINGS_OF_ITS_OWNER = """
REDIS_URL=redis://nowhere.invalid
DATABASE_URL=postgresql://ada@nowhere.invalid/app
HOST=192.0.2.1
ALLOWED_ORIGINS=*
TOKEN_LIFETIME_S=1
LOG_FORMAT=json
METRICS_TOKEN=what-Prometheus-shows-0123456789-long-enough
EVENTS_PER_SECOND=1
EVENTS_BURST=1
CONNECTIONS_PER_CLIENT=1
"""


def test_the_demo_lets_two_people_talk_and_stops_everything(demo: Demo) -> None:
    heard = [line.strip() for line in demo.output.splitlines() if " | sayingStuff" in line]

    assert sorted(heard) == [
        "Ada   | sayingStuff: User Grace says: hello Ada, it is Grace",
        "Ada   | sayingStuff: You said: hello Grace, this works ...",
        "Ada   | sayingStuff: You said: hello, is anybody there? ...",
        "Grace | sayingStuff: User Ada says: hello Grace, this works",
        "Grace | sayingStuff: User Ada says: hello, is anybody there?",
        "Grace | sayingStuff: You said: hello Ada, it is Grace ...",
    ]
    assert "All stopped; the project is yours to keep. To talk yourself:" in demo.output
    processes = subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True)
    assert str(demo.project.folder) not in processes.stdout


def test_its_linters_types_and_tests_pass(project: Project) -> None:
    # What its owner has set is not for its tests: they would be in a real cluster, and open to all.
    settings = project.folder / ".env"
    own = settings.read_text()
    settings.write_text(f"{own}{SETTINGS_OF_ITS_OWNER}")
    try:
        output = project.run("scripts/test", "-q")
    finally:
        settings.write_text(own)

    assert re.search(r"^\d+ passed", output.splitlines()[-1])


def test_pyright_agrees(project: Project) -> None:
    require("node", "pyright runs on Node.js")
    pyright = require(Path(sys.executable).with_name("pyright"), "pip install pyright")

    project.run(pyright, "--pythonpath", project.python, "app", "clients", "tests")


def test_a_new_namespace_is_found_and_passes_its_test_at_once(project: Project) -> None:
    project.macchiato("add-namespace", "chat", "--event", "sendMessage", "--event", "typing")
    project.macchiato("add-namespace", "lobby", "--public")
    add_typed_namespaces(project)
    # The longest names: what is rendered must still be what the formatter writes.
    project.macchiato("add-namespace", "aB" * 17, "--event", "aB" * 17)

    project.run(project.python, "-m", "ruff", "check")
    project.run(project.python, "-m", "ruff", "format", "--check")
    project.run(project.python, "-m", "mypy")
    project.macchiato("client", "python", "--check")
    # The other tests know no namespace but devUser, and have passed above.
    names = ("guards", "dev_user", "chat", "lobby", "board", "every", to_snake("aB" * 17))
    tests = [f"tests/test_{name}.py" for name in names]
    output = project.run(project.python, "-m", "pytest", "-q", *tests)
    assert re.search(r"^\d+ passed", output.splitlines()[-1])


def add_typed_namespaces(project: Project) -> None:
    """`board` has shorthand besides; `every` has each type, with nothing and with a lot to take."""
    project.macchiato(
        "add-namespace",
        "board",
        "--event",
        "move(x: float, y: float, fast: bool = False)",
        "--event",
        "typing",
    )
    types = ["str", "int", "float", "bool", "list[dict[str, int]]", "dict[str, list[str] | None]"]
    every = [f"{'a' * 28}{n:02}: {type_}" for n, type_ in enumerate(types)]
    every += [f"{'b' * 28}{n:02}: {type_} | None = None" for n, type_ in enumerate(types)]
    every += ["text: str = 'it is', number: float = -1e-7, *the_rest: list[bool]"]
    events = ["ping()", f"{'aB' * 17}({', '.join(every)})", "message(*words: str)"]
    events += [f"first{n}(value: {type_} | None)" for n, type_ in enumerate(types)]
    typed = [word for event in events for word in ("--event", event)]
    project.macchiato("add-namespace", "every", "--public", *typed)


async def test_the_listener_in_its_readme_works(project: Project, port: int) -> None:
    listener = re.search(r"```python\n(.*?)```", (project.folder / "README.md").read_text(), re.DOTALL)
    assert listener is not None
    namespace = project.folder / "app" / "namespaces" / "dev_user.py"
    original = namespace.read_text()
    imported = original.replace("import Client, SocketWrapper", "import Client, SocketError, SocketWrapper")
    namespace.write_text(f"{imported}\n\n{listener[1]}")
    try:
        project.run(project.python, "-m", "ruff", "check")
        project.run(project.python, "-m", "ruff", "format", "--check")
        project.run(project.python, "-m", "mypy")
        with project.serving(port) as url:
            ada, grace = Member("/devUser"), Member("/devUser")
            await ada.connect(url, {"token": await register(url, "Ada")})
            await grace.connect(url, {"token": await register(url, "Grace")})
            assert await ada.call("addTask", "paint") == {"ok": True, "data": 5}
            assert (await ada.call("addTask", "paint", True))["error"]["code"] == "slow_down"
            assert await grace.hears("taskAdded") == {"title": "paint", "by": "Ada"}
            await ada.disconnect()
            await grace.disconnect()
    finally:
        namespace.write_text(original)


@pytest.fixture(scope="module")
def url(project: Project) -> Iterator[str]:
    """Where the project is served, with its own namespace: for those that leave it alone."""
    # Each client logs in.
    with project.serving(free_port(), LOGIN_ATTEMPTS_PER_MINUTE="1000") as url:
        yield url


def test_two_people_talk_through_the_client_script(project: Project, url: str) -> None:
    grace = project.start_client("clients/dev_user.py", "--name", "Grace", "--url", url)
    assert grace.stdin is not None
    assert grace.stdout is not None
    assert grace.stdout.readline() == f"* connected to {url}/devUser\n"

    ada = project.client("clients/dev_user.py", "--name", "Ada", "--say", "hello", "--url", url)

    assert ada.stdout.splitlines() == [
        f"* connected to {url}/devUser",
        "sayingStuff: You said: hello ...",
        "* disconnected: client disconnect",
    ]
    assert ada.returncode == 0
    assert grace.stdout.readline() == "sayingStuff: User Ada says: hello\n"
    rest, _ = grace.communicate("hi Ada\n", timeout=20)
    assert rest.splitlines()[0] == "sayingStuff: You said: hi Ada ..."
    assert grace.returncode == 0


def test_the_client_comes_back_when_the_server_restarts(project: Project, port: int) -> None:
    with project.serving(port) as url:
        grace = project.start_client("clients/dev_user.py", "--name", "Grace", "--url", url)
        assert grace.stdout is not None
        assert grace.stdout.readline() == f"* connected to {url}/devUser\n"
    assert grace.stdout.readline().startswith("* disconnected: transport")
    with project.serving(port):
        assert grace.stdout.readline() == f"* connected to {url}/devUser\n"
        rest, _ = grace.communicate("still here\n", timeout=30)
        assert rest.splitlines()[0] == "sayingStuff: You said: still here ..."


def test_ctrl_c_ends_the_client_without_a_word(project: Project, url: str) -> None:
    ada = project.start_client("clients/dev_user.py", "--url", url)
    assert ada.stdin is not None
    assert ada.stdout is not None
    assert ada.stdout.readline() == f"* connected to {url}/devUser\n"
    ada.stdin.write("hi\n")
    ada.stdin.flush()
    assert ada.stdout.readline() == "sayingStuff: You said: hi ...\n"

    ada.send_signal(signal.SIGINT)

    said, complaint = ada.communicate(timeout=20)
    assert (ada.returncode, said, complaint) == (0, "* disconnected: client disconnect\n", "")


def test_ctrl_c_ends_the_client_while_it_connects(project: Project, url: str) -> None:
    for _ in range(5):
        ada = project.start_client("clients/dev_user.py", "--url", url)
        assert ada.stdout is not None
        # Printed as soon as the server accepts, a moment before the client has done its part.
        assert ada.stdout.readline() == f"* connected to {url}/devUser\n"

        ada.send_signal(signal.SIGINT)

        said, complaint = ada.communicate(timeout=20)
        assert said in ("", "* disconnected: client disconnect\n")
        assert (ada.returncode, complaint) == (0, "")


def test_the_client_says_where_it_tried_when_no_server_is_there(project: Project, port: int) -> None:
    ada = project.client("clients/dev_user.py", "--say", "hello", "--url", f"http://127.0.0.1:{port}")

    assert ada.returncode == 1
    assert ada.stderr == f"error: no server answers at http://127.0.0.1:{port}\n  try: scripts/serve\n"


def test_the_client_prints_the_code_and_the_message_of_a_refusal(project: Project, port: int) -> None:
    project.macchiato("add-namespace", "lobby", "--public")
    with project.serving(port) as url:
        nobody = project.client("clients/lobby.py", "--name", "", "--say", "hello", "--url", url)

    assert nobody.returncode == 1
    assert nobody.stderr == "error: invalid_name: metadata.user_name must be 1 to 80 printable characters\n"


def test_what_is_no_text_is_said_as_json(project: Project, port: int) -> None:
    add_typed_namespaces(project)
    script = (project.folder / "clients" / "board.py").read_text()
    said = re.search(r"--say '(.+)'", script)
    assert said is not None
    assert said[1] == "[1.5, 1.5, true]"
    with project.serving(port) as url:
        ada = project.client("clients/board.py", "--say", said[1], "--url", url)
        lines = project.client("clients/board.py", "--url", url, stdin="hello\n[1]\n[1, 2]\n")

    heard = "{'user_name': 'Ada', 'x': 1.5, 'y': 1.5, 'fast': True}"
    assert (ada.returncode, ada.stdout.splitlines()[1]) == (0, f"move: {heard}")
    assert lines.returncode == 0
    assert [line for line in lines.stdout.splitlines() if line[0] != "*"] == [
        "! 'hello' is no list in JSON, such as [\"hello\", true]",
        "! invalid_payload: move got wrong arguments; y: Field required",
        "move: {'user_name': 'Ada', 'x': 1.0, 'y': 2.0, 'fast': False}",
    ]


def test_a_busy_port_is_named_with_a_way_out(project: Project, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        second = subprocess.run(
            [project.python, "-m", "app"],
            cwd=project.folder,
            env=ENVIRONMENT | {"PORT": str(port)},
            capture_output=True,
            text=True,
            timeout=30,
        )

    assert second.returncode == 1
    assert second.stderr.splitlines()[0] == f"error: cannot listen on 127.0.0.1:{port}"
    assert second.stderr.splitlines()[-2:] == [
        f"  try: PORT={port + 1} macchiato run",
        f"       PORT={port + 1} scripts/serve",
    ]


def test_it_says_so_when_the_database_is_not_to_be_had(project: Project, port: int) -> None:
    url = "sqlite:////no/such/folder/app.sqlite3"
    started = subprocess.run(
        [project.python, "-m", "app"],
        cwd=project.folder,
        env=ENVIRONMENT | {"PORT": str(port), "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert started.returncode == 1
    assert started.stdout == ""
    assert started.stderr.splitlines() == [
        "error: cannot prepare the database sqlite+aiosqlite:////no/such/folder/app.sqlite3",
        "  unable to open database file",
        "  try: DATABASE_URL=sqlite:///app.sqlite3 macchiato run",
        "       DATABASE_URL=sqlite:///app.sqlite3 scripts/serve",
    ]


def test_a_database_file_that_is_none_is_to_be_moved_aside(
    project: Project, port: int, tmp_path: Path
) -> None:
    junk = tmp_path / "my app.sqlite3"
    junk.write_text("not a database, but longer than the header of one" * 10)
    started = subprocess.run(
        [project.python, "-m", "app"],
        cwd=project.folder,
        env=ENVIRONMENT | {"PORT": str(port), "DATABASE_URL": f"sqlite:///{junk}"},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert (started.returncode, started.stdout) == (1, "")
    assert started.stderr.splitlines()[1:] == [
        "  file is not a database",
        f"  try: mv -i '{junk}' '{junk}.bak'",
    ]


def test_it_does_not_start_when_the_secret_is_missing(project: Project, tmp_path: Path) -> None:
    shutil.copytree(project.folder / "app", tmp_path / "app")
    started = subprocess.run(
        [project.python, "-m", "app"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert started.returncode == 1
    assert started.stderr.splitlines() == [
        "error: TOKEN_SECRET is missing",
        "  it encrypts the tokens that say who is connecting",
        "  try: scripts/setup",
        f"settings come from the environment, else from {tmp_path}/.env",
    ]


def test_the_client_says_why_the_server_ended_the_connection(project: Project, port: int) -> None:
    with project.serving(port, TOKEN_LIFETIME_S="2") as url:
        ada = project.start_client("clients/dev_user.py", "--url", url)
        # It still waits for a line to be typed.
        assert ada.wait(timeout=30) == 1
        _, complaint = ada.communicate()

    assert complaint == "error: token_expired: Log in again\n"


def test_macchiato_run_serves_from_any_folder_and_reloads(project: Project, port: int) -> None:
    main = project.folder / "app" / "operations.py"
    original = main.read_text()
    server = subprocess.Popen(
        [sys.executable, "-m", "macchiato_cli", "run", "--port", str(port)],
        cwd=project.folder / "app" / "core",
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answer() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as response:
            return str(json.load(response)["status"])

    try:
        wait_for_health(f"http://127.0.0.1:{port}", server)
        assert answer() == "ok"
        main.write_text(original.replace('return {"status": "ok"}', 'return {"status": "changed"}'))
        deadline = time.monotonic() + 30
        status = ""
        while status != "changed" and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                status = answer()
            time.sleep(0.1)
        assert status == "changed"
    finally:
        main.write_text(original)
        server.send_signal(signal.SIGINT)
        code = server.wait(timeout=20)
    assert code == 0


def test_it_does_not_start_with_a_placeholder_for_a_secret(project: Project) -> None:
    started = subprocess.run(
        [project.python, "-m", "app"],
        cwd=project.folder,
        env=ENVIRONMENT | {"TOKEN_SECRET": "change-me-change-me-change-me-change-me"},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert started.returncode == 1
    assert "TOKEN_SECRET" in started.stderr
    assert "secrets.token_urlsafe(48)" in started.stderr
    assert "change-me-change-me" not in started.stderr


def test_the_container_starts_what_the_dockerfile_says(project: Project, port: int, tmp_path: Path) -> None:
    dockerfile = (project.folder / "Dockerfile").read_text().replace("\\\n", " ")
    healthcheck = re.search(r"^HEALTHCHECK .* CMD (\[.*\])$", dockerfile, re.MULTILINE)
    command = re.search(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)
    assert healthcheck is not None
    assert command is not None
    variables = dict(re.findall(r"(\w+)=(\S+)", re.findall(r"^ENV (.*)$", dockerfile, re.MULTILINE)[0]))
    environment = ENVIRONMENT | variables
    environment |= {"PORT": str(port), "DATABASE_URL": f"sqlite:///{tmp_path}/app.sqlite3"}
    # What COPY brings along, and nothing else.
    for source, target in re.findall(r"^COPY (\S+) (\S+)$", dockerfile, re.MULTILINE):
        if (project.folder / source).is_dir():
            shutil.copytree(project.folder / source, tmp_path / target)
        else:
            shutil.copy(project.folder / source, tmp_path / target)

    def in_container(words: str) -> list[str]:
        return [project.python if word == "python" else word for word in json.loads(words)]

    environment |= {"TOKEN_SECRET": "a secret that docker run would take from .env: 0123456789"}
    server = subprocess.Popen(in_container(command[1]), cwd=tmp_path, env=environment)
    try:
        deadline = time.monotonic() + 30
        while True:
            healthy = subprocess.run(in_container(healthcheck[1]), env=environment, capture_output=True)
            if healthy.returncode == 0 or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        assert healthy.returncode == 0, healthy.stderr
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)


def test_a_clone_sets_itself_up(project: Project, tmp_path: Path) -> None:
    """What a colleague does, who has neither macchiato nor the environment nor the secret."""
    clone = tmp_path / "clone"
    shutil.copytree(project.folder, clone, ignore=shutil.ignore_patterns(".venv", ".env", "*.sqlite3*"))

    done = subprocess.run(
        ["scripts/test", "-q", "tests/test_tokens.py"],
        cwd=clone,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("TOKEN_SECRET", "POSTGRES_PASSWORD"):
        secret = re.search(rf"^{name}=(\S{{64}})$", (clone / ".env").read_text(), re.MULTILINE)
        assert secret is not None
        assert secret[1] not in (project.folder / ".env").read_text()
    assert os.stat(clone / ".env").st_mode & 0o777 == 0o600
