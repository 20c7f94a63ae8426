"""Commands that change one project at the same time, and people who do."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from macchiato_cli import apply
from macchiato_cli.errors import MacchiatoError, Refused
from macchiato_cli.journal import CHANGING
from macchiato_cli.lock import locked
from macchiato_cli.plan import Step
from macchiato_cli.project import recorded_modules
from tests.cli.changing import AFTER, BEFORE, change, files, make_folder
from tests.cli.conftest import Macchiato, Ran, snapshot
from tests.cli.test_all_or_nothing import wait_until_listening
from tests.later import LATER

# Some twenty commands, forked from one that has imported what they need.
CROWD = """
import os, sys
from macchiato_cli import execution, lock
lock._PATIENCE_S = 90
execution.execute(["add-namespace", "crowd0", "--dry-run", "-q"])
children = []
for number in range(20):
    if (child := os.fork()) == 0:
        os._exit(execution.execute(["add-namespace", f"crowd{number}", "-q"]))
    children.append(child)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""
HURRIED = """
import sys
from macchiato_cli import execution, lock
lock._PATIENCE_S = 0.2
sys.exit(execution.execute(sys.argv[1:]))
"""


def both(*commands: subprocess.Popen[str]) -> list[Ran]:
    ended = []
    for process in commands:
        out, err = process.communicate(timeout=60)
        ended.append(Ran(process.returncode, out, err))
    return ended


def python(macchiato: Macchiato, folder: Path, script: str, *arguments: str) -> Ran:
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=folder,
        env=macchiato.environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return Ran(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def inside(macchiato: Macchiato, project: Path) -> Macchiato:
    macchiato.folder = project
    return macchiato


def test_two_namespaces_can_be_added_at_once(inside: Macchiato, project: Path) -> None:
    ran = both(*(inside.start("add-namespace", name, "-q") for name in ("chat", "lobby")))

    assert ran == [Ran(0, "", "")] * 2
    assert recorded_modules(project) == ["chat", "dev_user", "lobby"]
    assert not (project / CHANGING).exists()


def test_one_namespace_that_is_added_twice_at_once_is_added_once(inside: Macchiato, project: Path) -> None:
    ran = both(*(inside.start("add-namespace", "chat") for _ in range(2)))

    assert [(each.code, each.err) for each in ran] == [(0, "")] * 2
    assert sorted(each.out.splitlines()[-1] for each in ran) == [
        "  macchiato add-namespace chat",
        "unchanged namespace chat is there already, in app/namespaces/chat.py",
    ]
    assert inside("remove-namespace", "chat", "-q") == Ran(0, "", "")


def test_an_update_and_an_addition_at_once_are_both_done(later: Macchiato, repository: Path) -> None:
    later.folder = repository

    ran = both(later.start("update", "-q"), later.start("add-namespace", "chat", "-q"))

    assert ran == [Ran(0, "", "")] * 2
    assert later("update", "--check", "-q") == Ran(0, "", "")
    for name in ("project", "namespaces/chat", "namespaces/dev_user"):
        assert f"version: {LATER}\n" in (repository / f".macchiato/{name}.yml").read_text()


def test_twenty_commands_at_once_are_all_done(inside: Macchiato, project: Path) -> None:
    ran = python(inside, project, CROWD)

    assert ran == Ran(0, f"{[0] * 20}\n", "")
    names = ["dev_user", *(f"crowd{number}" for number in range(20))]
    assert recorded_modules(project) == sorted(names)
    assert not (project / CHANGING).exists()


def test_a_command_that_takes_too_long_is_not_waited_for_for_ever(inside: Macchiato, project: Path) -> None:
    before = snapshot(project)

    with locked(project):
        ran = python(inside, project, HURRIED, "add-namespace", "chat", "-q")

    assert ran == Ran(
        3,
        "",
        f"error: another macchiato command is at work in {project}\n  it has not ended within 0 seconds\n",
    )
    assert snapshot(project) == before


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_waiting_for_another_command_can_be_interrupted(inside: Macchiato, project: Path) -> None:
    with locked(project):
        process = inside.start("add-namespace", "chat", "-q")
        wait_until_listening(process)
        process.send_signal(signal.SIGINT)

        assert both(process) == [Ran(130, "", "interrupted: nothing was written\n")]


def test_what_a_command_is_at_is_not_taken_for_what_a_killed_one_left(
    inside: Macchiato, project: Path
) -> None:
    with locked(project):
        (project / CHANGING).mkdir()
        process = inside.start("remove-namespace", "nothing")
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        assert (project / CHANGING).exists()

    assert both(process)[0].code == 2
    assert not (project / CHANGING).exists()


def test_without_locks_only_what_is_old_is_taken_for_what_a_killed_one_left(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_lock(*_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_lock)
    (project / CHANGING).mkdir()
    with pytest.raises(Refused, match="another macchiato command is at work"), locked(project):
        pass
    assert (project / CHANGING).exists()

    an_hour_ago = time.time() - 3600
    os.utime(project / CHANGING, (an_hour_ago, an_hour_ago))
    with locked(project):
        assert not (project / CHANGING).exists()


def meanwhile(root: Path, happens: Callable[[], object]) -> MacchiatoError:
    """The error when something happens while the files of a change are being staged."""
    stage = apply.__dict__["_stage"]

    def staged(changing: Path, steps: Sequence[Step]) -> None:
        stage(changing, steps)
        happens()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(apply, "_stage", staged)
        with pytest.raises(MacchiatoError) as caught:
            change(root)
    return caught.value


@pytest.mark.parametrize("path", ["edited", "gone/deep/file", "added/deep/file"])
def test_a_file_that_somebody_writes_meanwhile_stops_all(work: Path, path: str) -> None:
    root = make_folder(work)

    def write() -> None:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("theirs")

    error = meanwhile(root, write)

    # A folder that has come is found when it is to be made.
    assert error.code == ("not_writable" if path.startswith("added") else "changed_meanwhile")
    assert files(root) == BEFORE | {path: b"theirs"}
    assert not (root / CHANGING).exists()


@pytest.mark.parametrize("content", [b"theirs", AFTER["added/deep/file"]], ids=["other", "the same"])
def test_a_file_that_somebody_adds_meanwhile_is_kept(work: Path, content: bytes) -> None:
    root = make_folder(work)
    (root / "added/deep").mkdir(parents=True)

    error = meanwhile(root, lambda: (root / "added/deep/file").write_bytes(content))

    assert (error.code, error.exit_code) == ("changed_meanwhile", 3)
    assert files(root) == BEFORE | {"added/deep/file": content}


def test_a_file_that_somebody_removes_meanwhile_stops_all(work: Path) -> None:
    root = make_folder(work)

    error = meanwhile(root, (root / "gone/deep/file").unlink)

    assert (error.code, error.exit_code) == ("changed_meanwhile", 3)
    assert files(root) == {path: BEFORE[path] for path in ("edited", "untouched")}


def test_a_file_that_somebody_replaces_by_a_link_stops_all(work: Path) -> None:
    root = make_folder(work)

    def replace() -> None:
        (root / "gone/deep/file").unlink()
        (root / "gone/deep/file").symlink_to("../../untouched")

    error = meanwhile(root, replace)

    assert (error.code, error.exit_code) == ("changed_meanwhile", 3)
    assert os.readlink(root / "gone/deep/file") == "../../untouched"
    assert files(root) == BEFORE | {"gone/deep/file": b"mine"}
