"""A fault at every step of every command that changes a project: it is wholly old or wholly new."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Macchiato, commit, make_home
from tests.later import edit

CHECKOUT = Path(__file__).parents[2]
QUICK = ["--no-install", "--no-git", "-q"]
SIGNALS = ("SIGINT", "SIGTERM")
ERRORS = {"ENOSPC": "no space left on device", "EIO": "input/output error"}
# How a run ended, what it said first, what it left, and what that was after the next command: see faulty.py.
Outcome = tuple[int, str, str, str]


# One process tries all faults of a command, which takes up to a minute where others work beside it.
pytestmark = pytest.mark.timeout(400)


@dataclass(frozen=True)
class Scenario:
    """A command, the faults that it meets, and what it says when a signal comes after its work."""

    arguments: tuple[str, ...]
    kept: str
    faults: str
    code: int = 0
    said: str = ""


# One command meets every fault; those with many steps meet one signal and one error each: the same code
# handles the others.
SCENARIOS = {
    "new": Scenario(
        ("new", "demo", *QUICK), "demo is complete and kept", "SIGINT+SIGTERM+ENOSPC+EIO+SIGKILL"
    ),
    "new, deep": Scenario(("new", "deep/demo", *QUICK), "deep/demo is complete and kept", "SIGINT+ENOSPC"),
    "new, empty": Scenario(("new", "demo", *QUICK), "demo is complete and kept", "SIGINT+ENOSPC+SIGKILL"),
    "add": Scenario(
        ("add-namespace", "chat", "-q"),
        "namespace chat is complete and kept",
        "SIGINT+SIGTERM+ENOSPC+EIO+EIO...+SIGKILL",
    ),
    "remove": Scenario(
        ("remove-namespace", "devUser", "-q"),
        "namespace devUser is removed",
        "SIGINT+EIO+EIO,EIO+SIGKILL",
    ),
    "update": Scenario(
        ("update", "-q"),
        "the update is complete and kept",
        "SIGTERM+EIO...+SIGKILL",
        4,
        "error: updated, with conflicts in 1 of your files",
    ),
}


def met(name: str, *faults: str) -> list[str]:
    """Those of the faults that the scenario meets."""
    return [fault for fault in faults if fault in SCENARIOS[name].faults.split("+")]


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """A folder where making sure that something is on the disk takes no time."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path_factory.mktemp("every-step")
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def outcomes(
    memory: Path, rendered: Path, later_checkout: Path
) -> Callable[[str, str], dict[Outcome, list[int]]]:
    """What becomes of a scenario with a fault, and at which steps."""

    @cache
    def tried(name: str) -> list[Any]:
        """All its faults, one after the other: to import, render and merge takes as long as most of them."""
        place, checkout = memory / name.replace(", ", "-"), CHECKOUT
        work, home = place / "work", place / "home"
        work.mkdir(parents=True)
        make_home(home)
        if name == "new, empty":
            (work / "demo").mkdir()
        if not name.startswith("new"):
            shutil.copytree(rendered, work / "demo")
        if name == "update":
            checkout = later_without_a_folder(later_checkout, place / "later")
            edit_as_owner(work / "demo")
        scenario = SCENARIOS[name]
        ended = subprocess.run(
            [sys.executable, "-m", "tests.cli.faulty", str(work), scenario.faults, *scenario.arguments],
            cwd=checkout,
            env=Macchiato(work, home).environment,
            capture_output=True,
            text=True,
            timeout=390,
            check=False,
        )
        assert (ended.returncode, ended.stderr) == (0, "")
        return [json.loads(line) for line in ended.stdout.splitlines()]

    def outcomes(fault: str, name: str) -> dict[Outcome, list[int]]:
        return {
            (code, said, left, after): steps
            for met, code, said, left, after, steps in tried(name)
            if met == fault
        }

    return outcomes


def later_without_a_folder(later_checkout: Path, folder: Path) -> Path:
    """The later version, which also drops the only file of a folder in a folder."""
    shutil.copytree(later_checkout, folder, symlinks=True)
    (folder / "templates/project/.github/workflows/ci.yml").unlink()
    return folder


def edit_as_owner(project: Path) -> None:
    """Edits that make the update merge, conflict, rename, replace, add, remove and keep files."""
    commit(project, "Start")
    edit(project / "app/body_limit.py", r"\Z", "\n# Mine.\n")
    edit(project / "app/logs.py", r'\A"""', '"""Mine: ')
    edit(project / "app/settings.py", r"le=65535\)\] = 3000", "le=65535)] = 3200")
    (project / "app/users.py").unlink()
    (project / "app/core/results.py").chmod(0o444)
    commit(project, "Mine")


@pytest.mark.parametrize(
    ("name", "fault"), [(name, fault) for name in SCENARIOS for fault in met(name, *SIGNALS)]
)
def test_a_signal_at_any_step_leaves_everything_or_nothing(
    outcomes: Callable[[str, str], dict[Outcome, list[int]]], name: str, fault: str
) -> None:
    assert outcomes(fault, name).keys() == {
        (130, "interrupted: nothing was written", "before", "before"),
        (130, f"interrupted: {SCENARIOS[name].kept}", "after", "after"),
    }


@pytest.mark.parametrize(
    ("name", "fault"), [(name, fault) for name in SCENARIOS for fault in met(name, *ERRORS)]
)
def test_a_failing_step_leaves_everything_or_nothing(
    outcomes: Callable[[str, str], dict[Outcome, list[int]]], name: str, fault: str
) -> None:
    target = "/deep/demo" if name == "new, deep" else "/demo"
    scenario = SCENARIOS[name]
    stopped = {(1, f"error: {target} cannot be written: {ERRORS[fault]}", "before", "before")}
    # A fault may also come where it does not matter: in asking for a folder that is there, or for a hard
    # link, or in tidying up, which is left to the next command.
    complete = {
        (scenario.code, scenario.said, left, "after")
        for left in ("after", "after and rests", "half and rests")
    }

    found = outcomes(fault, name).keys()

    assert stopped <= found <= stopped | complete


@pytest.mark.parametrize(("fault", "name"), [("EIO...", "add"), ("EIO...", "update"), ("EIO,EIO", "remove")])
def test_a_fault_while_taking_back_is_told_and_made_good(
    outcomes: Callable[[str, str], dict[Outcome, list[int]]], name: str, fault: str
) -> None:
    scenario = SCENARIOS[name]
    stopped, half = (
        f"error: /demo {what}: input/output error" for what in ("cannot be written", "is half changed")
    )
    known = {
        *((1, stopped, left, "before") for left in ("before", "before and rests", "before and journal")),
        *((1, half, f"{left} and journal", "before") for left in ("before", "half", "after")),
        *(
            (scenario.code, scenario.said, left, "after")
            for left in ("after", "after and rests", "half and rests")
        ),
    }

    found = outcomes(fault, name).keys()

    assert found <= known
    assert (1, half, "half and journal", "before") in found


@pytest.mark.parametrize("name", ["new, empty", "add", "remove", "update"])
def test_the_next_command_puts_right_what_a_killed_one_left(
    outcomes: Callable[[str, str], dict[Outcome, list[int]]], name: str
) -> None:
    # The next `new` does not only take back what the killed one had begun: it is the same command again.
    back = "after" if name == "new, empty" else "before"
    known = {
        (-9, "", "before", "before"),
        (-9, "", "before and rests", back),
        *((-9, "", f"{left} and journal", back) for left in ("before", "half", "after")),
        *((-9, "", left, "after") for left in ("half and rests", "after and rests", "after")),
    }

    found = outcomes("SIGKILL", name).keys()

    assert found <= known
    assert {(-9, "", "half and journal", back), (-9, "", "after and rests", "after")} <= found


def test_a_killed_new_leaves_no_half_project_where_it_was_to_be(
    outcomes: Callable[[str, str], dict[Outcome, list[int]]],
) -> None:
    assert outcomes("SIGKILL", "new").keys() == {
        (-9, "", "before", "before"),
        (-9, "", "before and staging", "after and staging"),
    }
