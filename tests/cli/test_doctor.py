"""`macchiato doctor`: everything that can be broken is told, with its remedy; nothing is changed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from macchiato_cli import __version__, doctor
from macchiato_cli.doctor import git as doctor_git
from macchiato_cli.doctor import imports as doctor_imports
from macchiato_cli.doctor.check import Check
from macchiato_cli.errors import MacchiatoError
from macchiato_cli.namespaces import MODULE_LIMIT_S, import_namespaces
from macchiato_cli.report import Report
from support import free_port
from tests.cli.borrowed_environment import make_environment
from tests.cli.conftest import Macchiato, Ran, commit, git, snapshot

PYTHON = ".".join(map(str, sys.version_info[:3]))
INSTALL = ".venv/bin/python -m pip install -e '.[dev]'"


@pytest.fixture
def ready(project: Path) -> Path:
    """A fresh project with an environment, committed."""
    commit(project, "Start")
    make_environment(project)
    return project


@pytest.fixture
def port() -> str:
    """A port that nobody listens on."""
    return str(free_port())


def states(ran: Ran) -> dict[str, str]:
    """Check -> its state and what was found."""
    lines = [line for line in ran.out.splitlines() if not line.startswith(" ")]
    return {line.split()[0]: " ".join(line.split()[1:]) for line in lines}


def test_a_project_that_is_well_stays_as_it_is(macchiato: Macchiato, ready: Path, port: str) -> None:
    before = snapshot(ready)

    ran = macchiato("doctor", folder=ready / "clients", PORT=port, PYTHONDONTWRITEBYTECODE="1")

    assert ran == Ran(
        0,
        f"python        ok      {PYTHON} in .venv (3.11 or newer is needed)\n"
        "environment   ok      .venv/bin/python runs\n"
        "dependencies  ok      27 of pyproject.toml are installed\n"
        ".env          ok      only you can read it (0600), and git does not have it\n"
        "settings      ok      complete, and the secret is hard to guess\n"
        f"port          ok      127.0.0.1:{port} is free\n"
        "database      ok      app.sqlite3 is not there yet: the server makes it when it starts\n"
        f"template      ok      {__version__}, every file as it was made\n"
        "namespaces    ok      /devUser imports\n"
        "git           ok      on main, everything is committed\n",
        "",
    )
    assert snapshot(ready) == before


def test_all_that_is_broken_is_told_but_no_secret(macchiato: Macchiato, ready: Path, port: str) -> None:
    secret = re.findall("TOKEN_SECRET=(.+)", (ready / ".env").read_text())[0]
    git(ready, "add", "--force", ".env")
    (ready / ".env").chmod(0o644)
    text = (ready / "pyproject.toml").read_text()
    (ready / "pyproject.toml").write_text(text.replace('"uvicorn==0.54.*"', '"no-such-package[x]>=1"'))
    (ready / ".macchiato/namespaces/dev_user.yml").write_text("template: [\n")
    (ready / "app/namespaces/dev_user.py").write_text("import nope\n")

    ran = macchiato(
        "doctor",
        folder=ready,
        PORT=port,
        DATABASE_URL="postgresql://ada:pg-password@127.0.0.1:1/x?password=other-password",
        REDIS_URL="redis://ada:redis-password@127.0.0.1:1/0",
    )

    database = states(ran)["database"]
    assert re.match(r"broken postgresql\+psycopg://ada:\*\*\*@127.0.0.1:1/x: .*refused", database)
    assert [hidden for hidden in (secret, "password@", "other-password") if hidden in ran.out + ran.err] == []
    assert (ran.code, ran.err) == (
        1,
        "error: 6 of 11 checks found something broken:"
        " dependencies, .env, database, redis, template, namespaces\n",
    )
    assert ran.out.replace(database[7:], "DATABASE") == (
        f"python        ok      {PYTHON} in .venv (3.11 or newer is needed)\n"
        "environment   ok      .venv/bin/python runs\n"
        "dependencies  broken  no-such-package is not installed\n"
        f"                      try: {INSTALL}\n"
        ".env          broken  git tracks it, so whoever gets the code gets the secret; its mode is 0644, so"
        " others on this machine can read the secret\n"
        "                      try: git rm --cached .env\n"
        "                           git commit -m 'Take .env out of git'\n"
        '                           python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
        "   # the new TOKEN_SECRET\n"
        "                           chmod 600 .env\n"
        "settings      ok      complete, and the secret is hard to guess\n"
        f"port          ok      127.0.0.1:{port} is free\n"
        "database      broken  DATABASE\n"
        "                      try: DATABASE_URL=sqlite:///app.sqlite3 macchiato run\n"
        "redis         broken  redis://127.0.0.1:1 cannot be reached: Connection refused\n"
        "                      try: redis-server --port 1\n"
        'template      broken  "dev_user.yml" is not a record that macchiato wrote (it is not YAML;'
        f" it is {ready}/.macchiato/namespaces/dev_user.yml)\n"
        f"                      try: git checkout -- {ready}/.macchiato/namespaces/dev_user.yml\n"
        "namespaces    broken  app/namespaces/dev_user.py:1  ModuleNotFoundError: No module named 'nope'\n"
        "                      try: .venv/bin/python -c 'import app.namespaces.dev_user'\n"
        "git           ok      on main, 4 uncommitted changes\n"
    )


def test_for_programs_it_is_one_json_object(macchiato: Macchiato, ready: Path, port: str) -> None:
    (ready / ".env").chmod(0o644)

    ran = macchiato("doctor", "--json", folder=ready / "clients", PORT=port)

    found = json.loads(ran.out)
    checks = found.pop("checks")
    words = "its mode is 0644, so others on this machine can read the secret"
    tries = [f"cd {ready}", "chmod 600 .env"]
    assert checks.pop(3) == {"name": ".env", "state": "broken", "found": words, "try": tries}
    assert [check["state"] for check in checks] == ["ok"] * 9
    assert (ran.code, ran.err) == (1, "")
    assert found == {
        "ok": False,
        "code": "broken_project",
        "exit_code": 1,
        "message": "1 of 10 checks found something broken: .env",
        "reasons": [f".env: {words}"],
        "paths": [],
        "try": tries,
        "command": "doctor",
        "path": str(ready),
    }


def test_for_programs_a_project_that_is_well_is_a_success(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(doctor, "make_checks", lambda root: [Check("port", "ok", "free")])

    doctor.examine(repository, Report(as_json=True))

    assert json.loads(capsys.readouterr().out) == {
        "ok": True,
        "command": "doctor",
        "path": str(repository),
        "checks": [{"name": "port", "state": "ok", "found": "free", "try": []}],
        "notes": [],
    }


def test_quiet_it_only_says_what_is_broken(
    repository: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [Check("port", "ok", "free"), Check(".env", "broken", "open to all", ("chmod 600 .env",))]
    monkeypatch.setattr(doctor, "make_checks", lambda root: found)
    monkeypatch.chdir(repository / "clients")

    with pytest.raises(MacchiatoError) as caught:
        doctor.examine(repository, Report(quiet=True))

    assert capsys.readouterr() == ("", "")
    assert caught.value.message == "1 of 2 checks found something broken: .env"
    assert caught.value.reasons == (".env: open to all",)
    assert caught.value.tries == (f"cd {repository}", "chmod 600 .env")


@pytest.mark.parametrize(
    ("interpreter", "environment"),
    [
        (None, "this project has no environment yet: .venv is not there"),
        ("#!/nowhere\n", "{} cannot be started: no such file or directory"),
        ("#!/bin/sh\necho odd >&2\nexit 7\n", ".venv/bin/python does not run: odd"),
        ("#!/bin/sh\nexit 7\n", ".venv/bin/python does not run: it ended with 7"),
    ],
)
def test_a_broken_environment_hides_nothing_that_can_be_known_without_it(
    repository: Path, monkeypatch: pytest.MonkeyPatch, interpreter: str | None, environment: str
) -> None:
    python = repository / ".venv/bin/python"
    if interpreter is not None:
        python.parent.mkdir(parents=True)
        python.write_text(interpreter)
        python.chmod(0o755)
    monkeypatch.chdir(repository)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")  # Without uv.

    checks = {check.name: check for check in doctor.make_checks(repository)}

    assert INSTALL in checks["environment"].tries
    assert {name: f"{check.state} {check.found}" for name, check in checks.items()} == {
        "environment": f"broken {environment.format(python)}",
        **dict.fromkeys(
            ("python", "dependencies", "settings", "port", "database", "namespaces"),
            "note not known: the environment cannot be used",
        ),
        ".env": "ok only you can read it (0600), and git does not have it",
        "template": f"ok {__version__}, every file as it was made",
        "git": "ok on main, everything is committed",
    }


def test_what_hangs_hides_nothing_and_keeps_nobody_waiting(
    ready: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ready / "app/settings.py").write_text("import time\ntime.sleep(1000)\n")
    (ready / "app/namespaces/dev_user.py").write_text("import time\ntime.sleep(1000)\n")
    (home / "bin").mkdir()
    (home / "bin/git").write_text("#!/bin/sh\nsleep 1000\n")
    (home / "bin/git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}/bin:/usr/bin:/bin")
    # What does not hang needs less than this on a busy machine, too.
    monkeypatch.setattr(doctor, "_PROBE_LIMIT_S", 6)
    monkeypatch.setattr(doctor_git, "_LIMIT_S", 3)
    monkeypatch.setattr(doctor_imports, "import_namespaces", partial(import_namespaces, module_limit_s=2))
    before = time.monotonic()

    with pytest.raises(MacchiatoError) as caught:
        doctor.examine(ready, Report(quiet=True))

    assert time.monotonic() - before < 60
    assert (caught.value.exit_code, caught.value.message) == (
        1,
        "2 of 10 checks found something broken: settings, namespaces",
    )
    checks = caught.value.facts["checks"]
    assert isinstance(checks, list)
    found = {each["name"]: f"{each['state']} {each['found']}" for each in checks}
    assert found.pop("template").startswith(f"ok {__version__}, 2 of ")
    assert {name: found[name] for name in ("settings", "port", "database", "namespaces", "git")} == {
        "settings": "broken app.settings cannot be tried: it did not end in time",
        "port": "note not known: the settings cannot be used",
        "database": "note not known: the settings cannot be used",
        "namespaces": "broken app/namespaces/dev_user.py:2  its import did not end within 2 s",
        "git": "note did not answer within 3 s",
    }
    left = subprocess.run(["pgrep", "-f", str(ready)], capture_output=True, text=True, check=False)
    assert left.stdout == ""


def test_nobody_waits_long_for_what_hangs() -> None:
    assert (doctor.__dict__["_PROBE_LIMIT_S"], doctor_git.__dict__["_LIMIT_S"], MODULE_LIMIT_S) == (15, 5, 10)


def test_a_check_that_crashes_hides_no_other(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "check_template", lambda root: 1 / 0)

    checks = {check.name: check for check in doctor.make_checks(repository)}

    assert len(checks) == 10
    assert checks["template"].state == "broken"
    assert checks["template"].found == "this could not be checked: ZeroDivisionError: division by zero"


def test_outside_of_a_project_it_says_how_to_make_one(macchiato: Macchiato, work: Path) -> None:
    ran = macchiato("doctor")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {work} is not inside a macchiato project\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_nothing_of_somebody_else_s_is_run(project: Path, tmp_path: Path) -> None:
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    (project / ".venv/bin/python").chmod(0o755)
    os.chown(project / ".venv", 65534, -1)

    checks = {check.name: check for check in doctor.make_checks(project)}

    assert checks["environment"].found.startswith(f"{project}/.venv belongs to nobody, and you are root")
    assert checks["environment"].commands(project) == [f"chown -hR root {project}"]
    assert not (tmp_path / "was-run").exists()
