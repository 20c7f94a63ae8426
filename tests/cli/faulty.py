"""Runs a command again and again in real processes, each with a fault at one step of its writing.

python -m tests.cli.faulty FOLDER FAULT ARGUMENTS...: just before a change below FOLDER, FAULT happens; each
change has its turn, and FOLDER is put back between the runs.

SIGINT, SIGTERM: the signal is sent, as kill does. SIGKILL: that, and the next command is killed at each of
its steps, too. ENOSPC, EIO: the step fails. EIO...: so do all later steps. EIO,EIO: so does one later step,
each of them in its turn. ENOSPC+EIO: the one, then the other.

Prints each outcome that occurred, as a line of JSON, after its fault and before the steps at which it did.
"""

from __future__ import annotations

import errno
import functools
import gc
import hashlib
import importlib
import json
import os
import pickle
import re
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, redirect_stderr
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from typer.main import get_command

from macchiato_cli import execution, interrupts, scaffold, update
from macchiato_cli.journal import CHANGING

CHANGES = {"os.mkdir", "os.rename", "os.link"}
REMOVALS = {"os.remove", "os.rmdir"}
UNFAULTED = 77
# One file after the other is written into the staging folder, and removed from it, with nothing in its place
# in between. Of these many identical steps every 41st will do: in turn an open, a write, a sync.
STAGED = re.compile(r"\.tmp/|/new/\d")
STRIDE = 41
# A new project in an empty folder is some 150 links, one like the other: every eleventh.
MANY, MANY_STRIDE = 80, 11

Contents = dict[str, str]


class Outcome(NamedTuple):
    """How a run ended.

    Args:
        left: `before`, `after` or `half`, and which traces of it are left.
        later: What it is after one more command.
    """

    code: int
    said: str
    left: str
    later: str


def main(folder: Path, fault: str, arguments: list[str]) -> None:
    lines = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with remember_what_is_read():
        lab = Lab(folder, arguments)
        for each in fault.split("+"):
            outcomes: dict[Outcome, list[int]] = {}
            for step in steps_to_try(lab.changed_paths(), in_place="," in each):
                for outcome in lab.kill_at(step) if each == "SIGKILL" else lab.fail_at(step, each):
                    outcomes.setdefault(outcome, []).append(step)
            for outcome, steps in outcomes.items():
                os.write(lines, f"{json.dumps([each, *outcome, steps])}\n".encode())


def steps_to_try(paths: list[str], *, in_place: bool) -> list[int]:
    """Every step but for those like their neighbours; or only those that change what is in place."""
    if in_place:
        first, last = (
            next(step for step, path in enumerate(paths, start=1) if path.endswith(f"{CHANGING}/{name}"))
            for name in ("journal", "done")
        )
        return list(range(first + 1, last + 1))
    staged = [step for step, path in enumerate(paths, start=1) if STAGED.search(path)]
    journal = [step for step, path in enumerate(paths, start=1) if CHANGING in path]
    journal = [step for step in journal if step not in staged]
    others = [step for step in range(1, len(paths) + 1) if step not in {*staged, *journal}]
    return sorted({*staged[::STRIDE], *journal, *others[:: MANY_STRIDE if len(others) > MANY else 1]})


class Lab:
    """A folder, and a command to run in it."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self.folder, self.arguments = folder, arguments
        self.kept, self.words = folder.with_name("kept"), folder.with_name("words")
        shutil.copytree(folder, self.kept, symlinks=True)
        self.before = contents(folder)
        # Here and not in a child, so that all of them know what was rendered and merged.
        with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):
            execute_in(self.place, arguments)
            self.after = contents(folder)
            execute_in(self.place, self.following)
        self.put_back(contents(folder))
        # Nothing that a child would have to copy.
        gc.collect()
        gc.freeze()
        self.known: set[str] = set()

    @property
    def place(self) -> Path:
        return self.folder if self.arguments[0] == "new" else self.folder / "demo"

    @property
    def following(self) -> list[str]:
        return self.arguments if self.arguments[0] == "new" else ["list", "-q"]

    def changed_paths(self) -> list[str]:
        """What the command changes, step by step; a step that moves something is known by its new path."""
        self.run(self.arguments, "", set())
        self.put_back(contents(self.folder))
        return self.words.read_text().splitlines()

    def fail_at(self, step: int, fault: str) -> list[Outcome]:
        if fault.endswith("..."):
            return self.outcomes(self.run(self.arguments, fault[:-3], range(step, 10_000)))
        first, _, second = fault.partition(",")
        if not second:
            return self.outcomes(self.run(self.arguments, first, {step}))
        found: list[Outcome] = []
        for later in range(step + 1, 10_000):
            outcomes = self.outcomes(self.run(self.arguments, first, {step, later}))
            if not outcomes:
                break
            found += [outcome for outcome in outcomes if outcome not in found]
        return found

    def kill_at(self, step: int) -> list[Outcome]:
        killed = self.run(self.arguments, "SIGKILL", {step})
        if step % 2 == 0 and (self.folder / "demo" / CHANGING).exists():
            # The next command is killed before its second step, again and again: from run to run it comes one
            # step further, through every state that killing it may leave. Some are known from another kill.
            while (state := self.state()) not in self.known:
                self.known.add(state)
                code, _, _ = self.run(self.following, "SIGKILL", {2})
                if code != -signal.SIGKILL:
                    break
        return self.outcomes(killed)

    def outcomes(self, ended: tuple[int, str, bool]) -> list[Outcome]:
        """What the run left, and the next command; nothing if it met no fault."""
        code, said, faulted = ended
        there = contents(self.folder)
        left = later = self.left(there)
        if faulted and left not in ("before", "after"):
            self.run(self.following, "", set())
            there = contents(self.folder)
            later = self.left(there)
        self.put_back(there)
        return [Outcome(code, said, left, later)] if faulted else []

    def run(self, arguments: list[str], fault: str, at: set[int] | range) -> tuple[int, str, bool]:
        """Run a command in a child: its exit code, what it said first, and whether there was a fault."""
        child = os.fork()
        if child == 0:
            try:
                os.dup2(os.open(self.words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
                interrupts.listen()
                faults = Faults(self.folder, fault, at)
                code = execute_in(self.place, arguments)
                if not faults.all_happened:
                    self.words.write_text("".join(f"{path}\n" for path in faults.paths))
                os._exit(code if faults.all_happened else UNFAULTED)
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(99)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        said = self.words.read_text().splitlines() or [""]
        line = said[-1 if code == 99 else 0]
        return code, line.replace(str(self.folder), ""), code != UNFAULTED

    def left(self, there: Contents) -> str:
        """What there is, in words."""
        staging = {path for path in there if path.split("/")[0].endswith(".tmp")}
        changing = {path for path in there if f"{CHANGING}/" in f"{path}/"}
        rest = {path: there[path] for path in there.keys() - staging - changing}
        word = "before" if rest == self.before else "after" if rest == self.after else "half"
        word += " and staging" if staging else ""
        if any(path.endswith(f"{CHANGING}/journal") for path in changing):
            return f"{word} and journal"
        return f"{word} and rests" if changing else word

    def state(self) -> str:
        links = {str(path): path.lstat().st_nlink for path in self.folder.rglob("*") if path.is_file()}
        return f"{contents(self.folder)} {links}"

    def put_back(self, there: Contents) -> None:
        # Deeper ones first, so that folders are empty when their turn comes.
        for path in sorted((path for path in there if there[path] != self.before.get(path)), reverse=True):
            place = self.folder / path
            place.rmdir() if place.is_dir() else place.unlink()
        for path in sorted(path for path in self.before if there.get(path) != self.before[path]):
            kept, place = self.kept / path, self.folder / path
            place.mkdir() if kept.is_dir() else place.write_bytes(kept.read_bytes())
            shutil.copystat(kept, place)


class Faults:
    """From now on, some of this process's changes below a folder meet a fault."""

    def __init__(self, folder: Path, fault: str, at: set[int] | range) -> None:
        self.folder, self.fault, self.at = f"{folder}/", fault, at
        self.paths: list[str] = []
        self.all_happened = False
        self.last = max(at, default=0) if isinstance(at, set) else at[0]
        # Where a disk fails once only, what is left by a failing removal would be no fault of the command's.
        once = fault.startswith("E") and isinstance(at, set) and len(at) == 1
        self.counted = CHANGES if once else CHANGES | REMOVALS
        sys.addaudithook(self.on_event)
        for name in ("fsync", "fchmod"):
            os.__dict__[name] = self.counting(getattr(os, name))

    def on_event(self, event: str, values: tuple[Any, ...]) -> None:
        if event in self.counted:
            # shutil.rmtree names what it removes by the folder that it has open.
            above = path_of(values[1]) if event in REMOVALS and values[1] >= 0 else ""
            self.count(os.path.join(above, values[1] if event in ("os.rename", "os.link") else values[0]))
        elif event == "open" and isinstance(values[2], int) and isinstance(values[0], str | Path):
            if values[2] & os.O_CREAT or f"/{CHANGING}/" in str(values[0]):
                self.count(str(values[0]))
        elif event == "subprocess.Popen" and not self.fault.startswith("E"):
            self.count(self.folder)

    def counting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(descriptor: int, *values: Any) -> Any:
            self.count(path_of(descriptor))
            return function(descriptor, *values)

        return counted

    def count(self, path: str) -> None:
        if not f"{path}/".startswith(self.folder):
            return
        self.paths.append(path)
        if len(self.paths) not in self.at:
            return
        self.all_happened |= len(self.paths) == self.last
        if self.fault.startswith("SIG"):
            os.kill(os.getpid(), getattr(signal, self.fault))
        else:
            number = getattr(errno, self.fault)
            raise OSError(number, os.strerror(number))


def path_of(descriptor: int) -> str:
    return os.readlink(f"/proc/self/fd/{descriptor}")


def execute_in(place: Path, arguments: list[str]) -> int:
    os.chdir(place)
    try:
        return execution.execute(arguments)
    finally:
        os.chdir("/")


def contents(folder: Path) -> Contents:
    """All that is below a folder but for git's: kind, permissions and a digest, but not the secret's."""
    found: Contents = {}
    # Told apart by the entries of a folder, and never joined to be taken apart: this runs after every fault.
    waiting = [""]
    while waiting:
        above = waiting.pop()
        with os.scandir(f"{folder}/{above}") as entries:
            for entry in entries:
                if entry.name == ".git" and entry.is_dir(follow_symlinks=False):
                    continue
                digest = ""
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{above}{entry.name}/")
                elif entry.is_file() and entry.name != ".env" and not entry.is_symlink():
                    with open(entry.path, "rb", buffering=0) as stream:
                        digest = hashlib.sha256(stream.readall()).hexdigest()[:12]
                mode = entry.stat(follow_symlinks=False).st_mode
                found[f"{above}{entry.name}"] = f"{mode:o} {digest}"
    return found


def remember_what_is_read() -> ExitStack:
    """The faults are about what comes after rendering, merging and asking git: do that once."""
    for name in ("rich.console", "rich.text"):
        importlib.import_module(name)
    execution.__dict__["app"] = get_command(execution.__dict__["app"])
    stack = ExitStack()
    template, merge_with_git = scaffold.__dict__["template"], update.__dict__["merge_with_git"]

    @functools.cache
    def folder_of(kind: str, version: str) -> Any:
        return stack.enter_context(template(kind, version))

    scaffold.__dict__["template"] = lambda kind, version: nullcontext(folder_of(kind, version))
    merging = functools.cache(lambda labels: functools.cache(merge_with_git(labels)))
    update.__dict__["merge_with_git"] = merging
    scaffold.__dict__["render"] = in_a_child(scaffold.__dict__["render"])
    remember(scaffold, "render")
    remember(update, "uncommitted")
    remember(update, "unmerged")
    return stack


def in_a_child(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, called in a child: the libraries which that imports (Copier) would make every fork of
    this process take twice as long."""

    def called(*arguments: Any) -> Any:
        with tempfile.TemporaryFile() as answer:
            child = os.fork()
            if child == 0:
                try:
                    pickle.dump(function(*arguments), answer)
                    answer.flush()
                    os._exit(0)
                finally:
                    traceback.print_exc()
                    os._exit(99)
            _, status = os.waitpid(child, 0)
            assert status == 0, "the child has said why"
            answer.seek(0)
            return pickle.load(answer)

    return called


def remember(module: ModuleType, name: str) -> None:
    """Let a module call one of its functions only once with the same arguments."""
    function = module.__dict__[name]
    known: dict[str, Any] = {}

    def remembered(*arguments: Any) -> Any:
        key = repr(arguments)
        if key not in known:
            known[key] = function(*arguments)
        return known[key]

    module.__dict__[name] = remembered


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
