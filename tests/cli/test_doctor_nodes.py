"""What the doctor finds of the servers that REDIS_URL makes one, and how the command tells it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from macchiato_cli import doctor
from macchiato_cli.bounded import Answer, started
from macchiato_cli.doctor import installation, redis_check, services_probe
from macchiato_cli.doctor.check import broken, note, ok
from macchiato_cli.doctor.redis_check import address, client, resp
from macchiato_cli.doctor.services import check_services
from tests.cli.borrowed_environment import make_environment
from tests.cli.redis_servers import Redis

CHECKOUT = Path(__file__).parents[2]
ALONE = "no server of tests runs now; two would hear each other"


@contextmanager
def running_nodes(redis: Redis, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """So many servers with the prefix "tests", in database 0."""
    command = [sys.executable, "-m", "tests.cluster.apart"]
    project = CHECKOUT / "templates/project"
    paths = [CHECKOUT, project, project / "clients", project / "tests"]
    environment = {"PYTHONPATH": ":".join(map(str, paths))}
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, "0", redis.url, "tests", "30"],
                    cwd=CHECKOUT,
                    env=environment,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(count)
        ]
        for process in started:
            stack.callback(process.kill)
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield started


def test_nodes_are_counted_and_hear_nothing_of_it(redis: Redis) -> None:
    is_redis = f"{redis.shown} is Redis {redis.version}; "
    with running_nodes(redis, 2) as (one, _), address.read_url(redis.url).connect() as listener:
        until_nodes(redis, 2)
        keys = sorted(texts(redis.ask("KEYS", "*")))
        listener.ask("PSUBSCRIBE", "tests*")
        listener.ask("SUBSCRIBE", "\033[2J:node:aaaaaaaaaaaa", "tests:node:not_of_a_node")
        listener.hear()

        two = redis_check.check(redis.url, "tests")
        other_prefix = redis_check.check(redis.url, "others")
        other_database = redis_check.check(f"{redis.url}/1", "tests")
        redis.ask("PUBLISH", "tests:end", "end")
        heard = list(map(texts, iter(listener.hear, ["pmessage", "tests*", "tests:end", "end"])))
        one.send_signal(signal.SIGKILL)
        one.wait()
        with_dead = redis_check.check(redis.url, "tests")
        assert sorted(texts(redis.ask("KEYS", "*"))) == keys

    assert two == ("ok", f"{is_redis}2 servers of tests run now and hear each other", ())
    assert other_prefix == (
        "note",
        f"{is_redis}no server of others runs now; two would hear each other;"
        " servers with another REDIS_PREFIX are here, which these do not hear: tests",
        (),
    )
    assert other_database == (
        "note",
        f"{is_redis}{ALONE}; 2 more listen, but are not in database 1:"
        " they have just started or died, or their REDIS_URL has another database",
        (),
    )
    assert with_dead == (
        "note",
        f"{is_redis}2 servers of tests run now;"
        " 1 of 2 listen: the others have just died, or are connecting again",
        (),
    )
    # Where no node listens.
    assert len(heard) == 4
    assert [each for each in heard if not re.fullmatch(r"tests:node:doctor-[0-9a-f]{12}", each[2])] == []
    redis.ask("DEL", *(key for key in keys if key != "precious"))


def test_servers_whose_lease_has_ended_do_not_count(redis: Redis) -> None:
    redis.ask("ZADD", "tests:nodes", "1000", "aaaaaaaaaaaa", "-1", "bbbbbbbbbbbb")
    found = redis_check.check(redis.url, "tests")
    redis.ask("DEL", "tests:nodes")

    assert found == ("ok", f"{redis.shown} is Redis {redis.version}; {ALONE}", ())


def texts(answer: resp.Answer) -> list[str]:
    assert isinstance(answer, list)
    return list(map(str, answer))


def until_nodes(redis: Redis, count: int) -> None:
    deadline = time.monotonic() + 10
    while redis.ask("ZCARD", "tests:nodes") != count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


# As the command has it.


def with_redis(project: Path, *lines: str) -> Path:
    with (project / ".env").open("a") as stream:
        stream.write("".join(f"{line}\n" for line in lines))
    return project


def probe(project: Path) -> Answer:
    command = [str(make_environment(project)), services_probe.__file__]
    with started(command, folder=project, environment={}, limit_s=20) as child:
        return child.answer()


def test_the_project_s_prefix_is_looked_at_and_its_file_is_told_of(redis: Redis, project: Path) -> None:
    with_redis(project, f"REDIS_URL={redis.url}", "REDIS_PREFIX=of_project")

    checks = {check.name: check for check in check_services(probe(project))}

    found = (
        f"{redis.shown} is Redis {redis.version}; no server of of_project runs now; two would hear each other"
    )
    assert checks["redis"] == ok("redis", found)
    assert checks["database"] == note(
        "database",
        "app.sqlite3 is not there yet: the server makes it when it starts;"
        " a server on another machine, which REDIS_URL makes one with this, would have other users",
        ["in .env: DATABASE_URL=postgresql://user:password@HOST/app"],
    )


@pytest.mark.parametrize("password", ["3456/hunter2word", "34?hunter2word"])
def test_a_password_that_breaks_off_the_url_is_told_once_and_not_taken_for_a_port(
    project: Path, password: str
) -> None:
    answer = probe(with_redis(project, f"REDIS_URL=redis://user:{password}@nowhere.invalid"))

    checks = {check.name: check for check in check_services(answer)}
    assert checks["settings"] == broken(
        "settings",
        "REDIS_URL cannot be used: it has an @ after its host:"
        " in a password, / is written %2F, ? is %3F, # is %23",
        ["in .env: REDIS_URL=redis://localhost:6379/0"],
    )
    assert checks["redis"] == note("redis", "not known: the settings cannot be used")
    assert "user:3" not in answer.output + answer.errors


def test_a_client_that_is_missing_is_broken(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    monkeypatch.setattr(client, "MODULE", "no_such_module")

    assert redis_check.check("redis://127.0.0.1:1") == (
        "broken",
        'the client for Redis is not installed: pip install -e ".[redis]"',
        (),
    )


def test_a_client_of_a_version_that_does_not_work_is_told_once(redis: Redis, project: Path) -> None:
    with_redis(project, f"REDIS_URL={redis.url}")
    make_environment(project)
    packages = next((project / ".venv/lib").glob("python*/site-packages"))
    (packages / "redis-8.1.0.dist-info").mkdir()
    (packages / "redis-8.1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: redis\nVersion: 8.1.0\n"
    )

    checks = {check.name: check for check in doctor.make_checks(project)}

    state, found, tries = (checks["redis"].state, checks["redis"].found, checks["redis"].tries)
    assert (state, found) == ("broken", "the client for Redis is 8.1.0, not <8,>=6.4")
    assert ".[dev,redis]" in tries[0]
    assert [checks[name].state for name in ("settings", "dependencies")] == ["ok", "ok"]


def test_a_client_that_nobody_wants_now_is_told_by_the_dependencies(project: Path) -> None:
    lines = '{"python": [3, 11, 7], "version": "3.11.7"}\n'
    lines += '{"needed": [], "dev": ["redis is not installed", "ruff is not installed"], "versions": true}\n'
    answer = Answer(0, lines, "")

    untold = installation.check_dependencies(answer, project)
    told = installation.check_dependencies(answer, project, told=["redis"])

    assert untold.found == "for development only: redis is not installed, ruff is not installed"
    assert told.found == "for development only: ruff is not installed"
