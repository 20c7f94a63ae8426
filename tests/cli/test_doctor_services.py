"""What the doctor finds at the project's settings: real ports, real databases."""

from __future__ import annotations

import json
import shlex
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from macchiato_cli import redaction
from macchiato_cli.bounded import Answer, started
from macchiato_cli.doctor import (
    database_check,
    port_check,
    redis_check,
    services_probe,
)
from macchiato_cli.doctor.check import broken, note, ok
from macchiato_cli.doctor.services import check_services
from tests.cli.borrowed_environment import make_environment
from tests.cli.ports import listening

# Stands for a server, or its reloader, that has a port and answers nothing there.
LISTENS = """
import socket, time
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], flush=True)
    time.sleep(60)
"""


@contextmanager
def serving(root: Path, *options: str) -> Iterator[tuple[int, int]]:
    """The port and the process of a server that was started as `macchiato run` does."""
    command = [sys.executable, "-m", "app", *options]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.terminate()


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"status": "ok"}' if self.path == "/healthz" else b"{}")

    def log_message(self, *values: object) -> None:
        pass


# The port.


def test_a_port_where_a_server_of_ours_runs_is_a_note() -> None:
    with HTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port

        found = port_check.check("127.0.0.1", port)
        server.shutdown()

    assert found == (
        "note",
        f"127.0.0.1:{port} is in use: your server, or another one like it, runs there",
        (),
    )


@pytest.mark.parametrize(
    "answer", [None, b'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"yes"', b"220 mail.example.com ESMTP\r\n"]
)
def test_a_port_of_another_program_is_broken_and_a_free_one_is_offered(
    answer: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port_check, "_PATIENCE_S", 0.3)
    with listening(answer=answer) as port:
        state, found, (command,) = port_check.check("127.0.0.1", port)

    assert (state, found) == ("broken", f"127.0.0.1:{port} is taken by another program")
    assert command.startswith("macchiato run --port ")
    port_check.listen("127.0.0.1", int(command.split()[-1]))


def test_a_host_that_is_not_this_machine_is_broken() -> None:
    state, found, tries = port_check.check("192.0.2.1", 3000)

    assert (state, tries) == ("broken", ["macchiato run --host 127.0.0.1"])
    assert found == "192.0.2.1:3000 cannot be listened on: Cannot assign requested address"


def test_a_server_of_this_project_that_waits_for_a_fix_is_a_note(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "app/__main__.py").write_text(LISTENS)
    monkeypatch.setattr(port_check, "_PATIENCE_S", 0.3)
    with serving(project, "--reload") as (port, _):
        other = port_check.check("127.0.0.1", port)
        monkeypatch.chdir(project)
        found = port_check.check("127.0.0.1", port)

    assert other[:2] == ("broken", f"127.0.0.1:{port} is taken by another program")
    words = "this project's server waits there for a fix; where it was started it says of what"
    assert found == ("note", f"127.0.0.1:{port} is in use: {words}", ())


def test_a_server_of_this_project_that_hangs_is_broken(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "app/__main__.py").write_text(LISTENS)
    monkeypatch.setattr(port_check, "_PATIENCE_S", 0.3)
    monkeypatch.chdir(project)
    with serving(project) as (port, process):
        found = port_check.check("127.0.0.1", port)

    words = "this project's server is there, and does not answer"
    assert found == ("broken", f"127.0.0.1:{port} is in use: {words}", [f"kill {process}"])


def test_where_nobody_knows_whose_port_it_is_nobody_is_accused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(port_check, "_PATIENCE_S", 0.3)
    monkeypatch.setattr(port_check, "_PROCESSES", str(tmp_path))
    with listening() as port:
        state, found, _ = port_check.check("127.0.0.1", port)

    assert (state, found) == (
        "broken",
        f"127.0.0.1:{port} is in use, and what is there does not answer as this server does",
    )


# The database.


@pytest.fixture
def migrated(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database of a project whose server has run."""
    monkeypatch.chdir(project)
    with sqlite3.connect("app.sqlite3") as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("INSERT INTO alembic_version VALUES ('users_0002')")
    connection.close()
    return project / "app.sqlite3"


def test_a_migrated_database_is_ok_and_left_alone(migrated: Path) -> None:
    before = migrated.read_bytes()

    found = database_check.check(f"sqlite+aiosqlite:///{migrated}")

    assert found == ("ok", "app.sqlite3 is migrated, to users_0002", ())
    assert migrated.read_bytes() == before
    assert list(migrated.parent.glob("app.sqlite3-*")) == []


def test_what_a_running_server_has_written_counts(migrated: Path) -> None:
    server = sqlite3.connect(migrated)
    server.execute("UPDATE alembic_version SET version_num = 'elsewhere'")
    server.commit()

    state, found, _ = database_check.check(f"sqlite+aiosqlite:///{migrated}")
    server.close()

    assert state == "broken"
    assert found == "app.sqlite3 is at elsewhere, which is no migration of this project"


def test_pending_migrations_are_a_note(migrated: Path) -> None:
    migrated.unlink()
    migrated.touch()

    found = database_check.check(f"sqlite+aiosqlite:///{migrated}")

    assert found == (
        "note",
        "app.sqlite3: 2 migrations are pending, which the server applies when it starts",
        (),
    )
    assert migrated.read_bytes() == b""


def test_migrations_of_the_owners_beside_the_template_s_are_a_note(migrated: Path) -> None:
    own = migrated.parent / "app/migrations/versions/0002_more.py"
    text = (migrated.parent / "app/migrations/versions/users_0002_is_disabled.py").read_text()
    own.write_text(text.replace('revision = "users_0002"', 'revision = "0002"'))

    found = database_check.check(f"sqlite+aiosqlite:///{migrated}")

    assert found == (
        "note",
        "the migrations have 2 ends: 0002, users_0002",
        [".venv/bin/python -m alembic merge heads -m merge"],
    )


def test_a_database_that_cannot_be_used_is_broken(migrated: Path, tmp_path: Path) -> None:
    migrated.write_bytes(b"no database at all, but some text which is long enough" * 100)

    garbage = database_check.check(f"sqlite+aiosqlite:///{migrated}")
    nowhere = database_check.check(f"sqlite+aiosqlite:///{tmp_path}/no where/app.sqlite3")
    folder = database_check.check(f"sqlite+aiosqlite:///{tmp_path}")

    assert garbage == (
        "broken",
        "app.sqlite3: file is not a database",
        ["mv -i app.sqlite3 app.sqlite3.bak"],
    )
    found = f"{tmp_path}/no where/app.sqlite3 cannot be made: its folder is not there"
    assert nowhere == ("broken", found, [f"mkdir -p '{tmp_path}/no where'"])
    assert (
        database_check.check(f"sqlite+aiosqlite:///{tmp_path}/no where/app.sqlite3", shared=True) == nowhere
    )
    assert folder == ("broken", f"{tmp_path} is no regular file", [f"mv -i {tmp_path} {tmp_path}.bak"])
    assert not (tmp_path / "no where").exists()


def test_a_postgres_that_does_not_answer_is_broken_and_not_waited_for() -> None:
    before = time.monotonic()
    with listening() as silent:
        state, found, tries = database_check.check(f"postgresql+psycopg://ada:s3cret@127.0.0.1:{silent}/x")

    assert time.monotonic() - before < 5
    assert (state, tries) == ("broken", ["DATABASE_URL=sqlite:///app.sqlite3 macchiato run"])
    assert found.startswith(f"postgresql+psycopg://ada:***@127.0.0.1:{silent}/x: connection timeout expired")
    assert "s3cret" not in found


# The settings' probe.

# What a PATH has, and the command that installs with it.
INSTALLERS = [
    ("/usr/bin:/bin", ".venv/bin/python -m pip install -e '.[dev,postgres]'"),
    ("{}", "uv pip install --python .venv/bin/python -e '.[dev,postgres]'"),
]


def probe_services(project: Path, *options: str) -> Answer:
    """What the probe says, with an environment of its own."""
    python = str(make_environment(project))
    command = [python, *(options or [services_probe.__file__])]
    with started(command, folder=project, environment={}, limit_s=20) as child:
        return child.answer()


def test_settings_that_are_refused_are_told_in_the_project_s_words(project: Path) -> None:
    (project / ".env").write_text(
        "TOKEN_SECRET=change-me-change-me-change-me-change-me\nPORT=http\n"
        "LOG_FORMAT=xml\nMETRICS_TOKEN=hunter2\nLOGIN_ATTEMPTS_PER_MINUTE=0\n"
    )

    answer = probe_services(project)

    assert [secret for secret in ("change-me", "hunter2") if secret in answer.output + answer.errors] == []
    assert check_services(answer) == [
        broken(
            "settings",
            'PORT cannot be "http": Input should be a valid integer, unable to parse string as an integer;'
            " TOKEN_SECRET cannot be used: it is a placeholder, which anybody can guess;"
            " LOG_FORMAT cannot be \"xml\": Input should be 'text' or 'json';"
            " METRICS_TOKEN cannot be used: it has 7 bytes; with less than 32 it can be guessed;"
            ' LOGIN_ATTEMPTS_PER_MINUTE cannot be "0": Input should be greater than or equal to 1',
            [
                "in .env: PORT=3000",
                '.venv/bin/python -c "import secrets; print(secrets.token_urlsafe(48))"'
                "   # in .env: TOKEN_SECRET=...",
                "in .env: LOG_FORMAT=text",
                '.venv/bin/python -c "import secrets; print(secrets.token_urlsafe(48))"'
                "   # in .env: METRICS_TOKEN=...",
                "in .env: LOGIN_ATTEMPTS_PER_MINUTE=10",
            ],
        ),
        note("port", "not known: the settings cannot be used"),
        note("database", "not known: the settings cannot be used"),
    ]


def test_what_comes_from_the_environment_is_put_right_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "http")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert services_probe.remedies(
        [
            "PORT=3000",
            "DATABASE_URL=postgresql://localhost/app, or sqlite:///app.sqlite3",
            "DATABASE_URL=sqlite:///app.sqlite3 macchiato run",
        ]
    ) == [
        "export PORT=3000",
        "in .env: DATABASE_URL=postgresql://localhost/app, or sqlite:///app.sqlite3",
        "DATABASE_URL=sqlite:///app.sqlite3 macchiato run",
    ]


def test_a_secret_is_made_where_there_is_an_env_file_else_both_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    of_0_1_0 = [
        "scripts/setup, which writes a missing .env; or set TOKEN_SECRET to what this prints:",
        'python -c "import secrets; print(secrets.token_urlsafe(48))"',
    ]

    without = services_probe.remedies(of_0_1_0)
    (tmp_path / ".env").touch()

    assert without == ["scripts/setup"]
    assert services_probe.remedies(of_0_1_0) == [
        '.venv/bin/python -c "import secrets; print(secrets.token_urlsafe(48))"   # in .env: TOKEN_SECRET=...'
    ]


def test_a_missing_env_file_is_made_by_the_project_s_own_script(project: Path) -> None:
    (project / ".env").unlink()

    settings = check_services(probe_services(project))[0]

    assert (settings.found, settings.tries) == (
        "TOKEN_SECRET is missing: it encrypts the tokens that say who is connecting",
        ("scripts/setup",),
    )


@pytest.mark.parametrize(("path", "install"), INSTALLERS)
def test_a_driver_that_is_missing_is_installed_into_the_project_s_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, install: str
) -> None:
    (tmp_path / "uv").write_text("")
    (tmp_path / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", path.format(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    said = (
        "error: DATABASE_URL cannot be used\n"
        '  the driver for PostgreSQL is not installed: pip install -e ".[postgres]"\n'
        "  try: DATABASE_URL=postgresql://user:password@localhost/app, or sqlite:///app.sqlite3\n"
        "settings come from the environment, else from /demo/.env"
    )

    found, tries = services_probe.explained(SystemExit(said))
    line = json.dumps({"name": "settings", "state": "broken", "found": found, "tries": tries})

    assert check_services(Answer(0, f"{line}\n", ""))[0] == broken(
        "settings", "DATABASE_URL cannot be used: the driver for PostgreSQL is not installed", [install]
    )


def test_a_driver_that_only_the_import_misses_is_installed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    path, install = INSTALLERS[0]
    monkeypatch.setenv("PATH", path)
    monkeypatch.setitem(sys.modules, "psycopg", None)

    state, found, tries = database_check.check("postgresql+psycopg://ada:s3cret@127.0.0.1:1/x")
    line = json.dumps({"name": "database", "state": state, "found": found, "tries": list(tries)})
    settings = '{"name": "settings", "state": "ok", "found": "complete", "tries": []}'

    assert check_services(Answer(0, f"{settings}\n{line}\n", ""))[1] == broken(
        "database", "the driver for PostgreSQL is not installed", [install]
    )


def test_a_check_that_hangs_is_told_after_the_others(project: Path) -> None:
    (project / "alembic").mkdir()
    (project / "alembic/__init__.py").write_text("import time; time.sleep(1000)")
    (project / "app.sqlite3").touch()
    (project / "app/database.py").write_text("")
    folder = str(Path(services_probe.__file__).parent)
    program = f"import sys; sys.path.append({folder!r}); import services_probe as p; p._LIMIT_S = 1; p.main()"
    before = time.monotonic()

    answer = probe_services(project, "-c", f"{program}; import os; os._exit(0)")

    assert time.monotonic() - before < 10
    lines = {line["name"]: line for line in answer.objects}
    assert list(lines) == ["settings", "port", "database"]
    assert lines["database"] == {
        "name": "database",
        "state": "broken",
        "found": "no answer within 1 s",
        "tries": [],
    }


def test_a_probe_that_died_half_way_is_told() -> None:
    line = '{"name": "settings", "state": "ok", "found": "complete", "tries": []}\n{"name": "po'

    assert check_services(Answer(-11, line, "")) == [
        ok("settings", "complete"),
        broken("port", "could not be checked: it ended with -11"),
        broken("database", "could not be checked: it ended with -11"),
    ]


def test_secrets_are_hidden_even_where_the_project_s_own_code_tells_them(project: Path) -> None:
    (project / ".env").write_text(
        "token_secret=s3cr3t-of-tokens\nREDIS_URL=redis://:s3cr3t-of-redis@nowhere.invalid\n"
    )
    (project / "app/settings.py").write_text("raise ValueError(open('.env').read())\n")

    answer = probe_services(project)

    found = json.loads(answer.output.splitlines()[0])
    assert found == {
        "name": "settings",
        "state": "broken",
        "found": "app.settings does not work: ValueError: token_secret=*** REDIS_URL=redis://:***@nowhere.invalid",
        "tries": [],
    }
    assert "s3cr3t" not in answer.output + answer.errors


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        ("redis://ada:pa%3Ass@host", ["pa%3Ass", "pa:ss"]),
        ("postgresql://host/x?password=pass%2Fed", ["pass%2Fed", "pass/ed"]),
        ("redis://user:3456/hunter2@host", ["3456/hunter2", "3456", "hunter2"]),
        ("redis://host:6379/0", []),
        ("redis://[broken:secret@host", ["redis://[broken:secret@host", "secret"]),
    ],
)
def test_passwords_are_found_wherever_a_url_has_them(url: str, hidden: list[str]) -> None:
    assert set(redaction.passwords(url)) == set(hidden)


def test_commands_have_no_room_for_others(tmp_path: Path) -> None:
    folder = tmp_path / "it's; touch PWNED; '"
    with listening(answer=b"-NOAUTH\r\n") as port:
        refused = redis_check.check(f"redis://localhost:{port}")
    missing = database_check.why_no_file(folder / "app.sqlite3", "app.sqlite3")

    assert refused[2] == [f"REDIS_URL=redis://USER:PASSWORD@localhost:{port}/0"]
    assert missing is not None
    assert [shlex.split(command) for command in missing[2]] == [["mkdir", "-p", str(folder)]]


def test_a_line_that_is_no_check_is_none() -> None:
    lines = '{"name": "odd", "state": "ok", "found": "x", "tries": []}\n{"name": []}\n{"name": "port"}\n'

    assert [check.state for check in check_services(Answer(0, lines, ""))] == ["broken", "note", "note"]
