"""What the next command makes of a killed one's journal: a true one, a forged one, files edited since."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path

import pytest

from macchiato_cli.apply import change_files
from macchiato_cli.errors import Refused
from macchiato_cli.journal import CHANGING, digest, dump_journal, journal_of
from macchiato_cli.plan import File, Step
from macchiato_cli.repair import complete, finish_interrupted, roll_back
from tests.cli.changing import AFTER, BEFORE, STEPS, change, files, kill_after_the_steps, make_folder
from tests.cli.conftest import Macchiato, Ran, snapshot


@pytest.fixture
def root(work: Path) -> Path:
    return make_folder(work)


@pytest.fixture
def killed(root: Path) -> Path:
    """Everything is in its place, but the change is not complete."""
    kill_after_the_steps(root)
    return root


@pytest.fixture(autouse=True)
def no_deep_folders_left(tmp_path: Path) -> Generator[None]:
    """pytest cannot remove what is a thousand folders deep."""
    yield
    command = ["find", str(tmp_path), "-name", CHANGING, "-prune", "-exec", "rm", "-rf", "{}", "+"]
    subprocess.run(command, check=True)


def listed(folder: Path) -> str:
    """All that is there, however deep, with the digests of the files."""
    # Python's own ways give up a thousand folders deep.
    command = "find . -printf '%p %y %m %l\\n' | sort; find . -type f -exec cksum {} + | sort"
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def forge(root: Path, **entry: object) -> None:
    """A journal of one step, whose old file is there."""
    step = {"path": "edited", "adds": False, "after": None} | entry
    write_journal(root, json.dumps({"steps": [step], "folders": []}).encode())


def write_journal(root: Path, text: bytes) -> None:
    (root / CHANGING / "old").mkdir(parents=True)
    (root / CHANGING / "new").mkdir()
    (root / CHANGING / "old/0").write_text("forged")
    (root / CHANGING / "journal").write_bytes(text)


def a_link(root: Path) -> None:
    (root / "linked").symlink_to(root.parent / "home")
    forge(root, path="linked/.gitconfig")


def old_is_a_link(root: Path) -> None:
    forge(root, path="elsewhere")
    os.rename(root / CHANGING / "old", root / "there")
    (root / CHANGING / "old").symlink_to(root / "there")


def all_is_a_link(root: Path) -> None:
    forge(root, path="elsewhere")
    os.rename(root / CHANGING, root / "there")
    (root / CHANGING).symlink_to(root / "there")


def a_pipe(root: Path) -> None:
    write_journal(root, b"")
    (root / CHANGING / "journal").unlink()
    os.mkfifo(root / CHANGING / "journal")


def a_pipe_done(root: Path) -> None:
    a_pipe(root)
    (root / CHANGING / "journal").rename(root / CHANGING / "done")


def a_file(root: Path) -> None:
    (root / CHANGING).write_text("mine")


def steps_through(root: Path, *paths: str, folders: tuple[str, ...] = (), **entry: object) -> None:
    """A journal of several steps: the last is taken back first."""
    steps = [{"path": path, "adds": False, "after": None} | entry for path in paths]
    write_journal(root, json.dumps({"steps": steps, "folders": folders}).encode())


def old_becomes_a_link(root: Path) -> None:
    steps_through(root, "x/.bashrc", "x")
    (root / CHANGING / "old/1").symlink_to("../../home")


def old_becomes_a_link_in_other_letters(root: Path) -> None:
    steps_through(root, "X/.bashrc", "x")
    (root / CHANGING / "old/1").write_text("forged")


def old_becomes_a_folder(root: Path) -> None:
    steps_through(root, "x/hooks/post-commit", "x")
    (root / CHANGING / "old/1").mkdir()
    (root / CHANGING / "old/1/hooks").symlink_to("../../.git/hooks")


def old_becomes_a_link_to_what_is_deleted(root: Path) -> None:
    content = (root.parent / "home/.gitconfig").read_bytes()
    steps_through(root, "x/.gitconfig", "x", adds=True, after=digest(content))
    (root / CHANGING / "old/0").unlink()
    (root / CHANGING / "old/1").symlink_to("../../home")


def old_becomes_a_link_to_a_folder_that_is_removed(root: Path) -> None:
    (root.parent / "home/empty").mkdir()
    steps_through(root, "x", folders=("x/empty",))
    (root / CHANGING / "old/0").unlink()
    (root / CHANGING / "old/0").symlink_to("../../home")


def a_step_is_a_folder(root: Path) -> None:
    steps_through(root, "x", folders=("x",))


def old_is_a_pipe(root: Path) -> None:
    forge(root)
    os.mkfifo(root / CHANGING / "old/1")


def thousands_of_folders(root: Path) -> None:
    # Deeper than any path may be long: each is made in the one before.
    forge(root)
    before = os.getcwd()
    os.chdir(root / CHANGING)
    for _ in range(1500):
        os.mkdir("f")
        os.chdir("f")
    os.chdir(before)


def thousands_of_folders_and_no_journal(root: Path) -> None:
    thousands_of_folders(root)
    (root / CHANGING / "journal").unlink()


PATHS = [
    "a/" * 100_000 + "a",
    "a" * 1025,
    *("../outside", "/etc/passwd", "app/../../outside", "./edited", "app//edited", "", ".", "app/"),
    *(".git/hooks/x", ".GIT/hooks/x", ".git./hooks/x", ".git /hooks/x", "app/.git/config", "GIT~1/config"),
    *(
        ".venv/bin/python",
        ".Venv/bin/python",
        f"{CHANGING}/journal",
        "a\\b",
        "a:b",
        "a\0b",
        "\u0131",
    ),
]
TEXTS = [
    *(b"", b"{", b"[]", b"null", b"7", b'"steps"', b"\xff\xfe", b"[" * 100_000, b'{"steps": []}'),
    *(b'{"steps": 1, "folders": []}', b'{"steps": [1], "folders": []}', b'{"steps": [], "folders": [1]}'),
    b'{"steps": [], "folders": [["a"]]}',
    b'{"steps": [], "folders": []}' + b" " * 5_000_000,
]
FORGERIES: dict[str, Callable[[Path], None]] = {
    **{f"path {path!r}": partial(forge, path=path) for path in PATHS},
    **{f"text {text[:40]!r}": partial(write_journal, text=text) for text in TEXTS},
    "path is a number": lambda root: forge(root, path=1),
    "path is a list": lambda root: forge(root, path=["edited"]),
    "adds is a word": lambda root: forge(root, adds="yes"),
    "after is a number": lambda root: forge(root, after=1),
    "through a link": a_link,
    "more than 10,000 steps": lambda root: steps_through(root, *(f"f{n}" for n in range(10_001))),
    "more than 10,000 folders": lambda root: steps_through(
        root, "edited", folders=tuple(f"f{n}" for n in range(10_000))
    ),
    "old becomes a link": old_becomes_a_link,
    "old becomes a link, in other letters": old_becomes_a_link_in_other_letters,
    "old becomes a folder": old_becomes_a_folder,
    "old becomes a link, and a file goes": old_becomes_a_link_to_what_is_deleted,
    "old becomes a link, and a folder goes": old_becomes_a_link_to_a_folder_that_is_removed,
    "a step is a folder": a_step_is_a_folder,
    "old is a pipe": old_is_a_pipe,
    "thousands of folders": thousands_of_folders,
    "thousands of folders, no journal": thousands_of_folders_and_no_journal,
    "old is a link": old_is_a_link,
    "all is a link": all_is_a_link,
    "a pipe": a_pipe,
    "a pipe, done": a_pipe_done,
    "a file": a_file,
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=[name[:60] for name in FORGERIES])
def test_a_forged_journal_moves_nothing(root: Path, home: Path, forgery: Callable[[Path], None]) -> None:
    forgery(root)
    before = listed(root.parent)

    with pytest.raises(Refused) as caught:
        finish_interrupted(root)

    assert (caught.value.code, caught.value.exit_code) == ("damaged_journal", 3)
    assert listed(root.parent) == before
    assert (home / ".gitconfig").read_text().startswith("[user]")


def test_what_became_a_link_after_the_journal_was_read_is_not_followed(root: Path, home: Path) -> None:
    (home / "file").write_text("theirs")
    (home / "empty").mkdir()
    steps = [Step("x/file", File(b"forged"), None), Step("y/file", None, File(b"theirs"))]
    write_journal(root, b"")
    (root / "x").symlink_to(home)
    (root / "y").symlink_to(home)
    before = snapshot(root.parent)

    for step in steps:
        with pytest.raises(Refused) as caught:
            roll_back(root, journal_of([step], ["x/empty"]))
        assert (caught.value.code, caught.value.paths) == ("half_changed", (step.path,))
        assert snapshot(root.parent) == before
        (root / CHANGING / "old/0").unlink(missing_ok=True)
        before = snapshot(root.parent)
    roll_back(root, journal_of([], ["x/empty"]))
    assert (home / "empty").is_dir()
    write_journal(root, b"")
    complete(root, journal_of([Step("x/empty/file", File(b""), None)], []))
    assert (home / "empty").is_dir()


@pytest.mark.parametrize("command", [["update", "--check"], ["list"], ["doctor"]])
def test_every_command_refuses_a_journal_with_thousands_of_folders(
    macchiato: Macchiato, project: Path, command: list[str]
) -> None:
    thousands_of_folders_and_no_journal(project)

    assert macchiato(*command, folder=project) == Ran(
        3,
        "",
        f"error: {project}/{CHANGING}/f is not what macchiato leaves when it is killed\n"
        "  it is not a regular file\n"
        "  look into it, and remove it when nothing of yours is there\n",
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
@pytest.mark.parametrize("foreign", ["", "/journal", "/old", "/new"])
def test_somebody_else_s_journal_moves_nothing(killed: Path, foreign: str) -> None:
    os.chown(f"{killed}/{CHANGING}{foreign}", 12345, -1)

    with pytest.raises(Refused) as caught:
        finish_interrupted(killed)

    assert (caught.value.code, caught.value.exit_code) == ("foreign_project", 3)
    assert files(killed) == AFTER


def test_the_command_line_says_what_is_wrong_with_a_journal(macchiato: Macchiato, project: Path) -> None:
    forge(project, path="../outside")

    assert macchiato("update", "--check", folder=project) == Ran(
        3,
        "",
        f"error: {project}/{CHANGING}/journal is not what macchiato leaves when it is killed\n"
        "  it is damaged\n"
        "  look into it, and remove it when nothing of yours is there\n",
    )


def test_the_next_command_puts_back_and_says_so(macchiato: Macchiato, project: Path) -> None:
    step = Step("app/users.py", File((project / "app/users.py").read_bytes()), None)
    before = snapshot(project)
    (project / CHANGING / "old").mkdir(parents=True)
    (project / CHANGING / "journal").write_bytes(dump_journal(journal_of([step], [])))
    (project / "app/users.py").rename(project / CHANGING / "old/0")

    ran = macchiato("remove-namespace", "nothing", folder=project / "app")

    assert ran.out == "note      a macchiato command was killed here: what it had begun is taken back\n"
    assert snapshot(project) == before


@pytest.mark.parametrize("edited", ["edited", "gone/deep/file"])
def test_what_was_edited_after_the_kill_is_not_overwritten(killed: Path, edited: str) -> None:
    (killed / edited).write_text("edited since")
    before = snapshot(killed)

    for _ in range(2):
        with pytest.raises(Refused) as caught:
            finish_interrupted(killed)

        assert (caught.value.code, caught.value.exit_code) == ("half_changed", 3)
        assert caught.value.paths == (edited,)
        assert snapshot(killed) == before
    (killed / edited).unlink()
    assert finish_interrupted(killed) is True
    assert files(killed) == BEFORE


def test_an_added_file_that_was_edited_after_the_kill_stays(killed: Path) -> None:
    (killed / "added/deep/file").write_text("edited since")

    assert finish_interrupted(killed) is True

    assert files(killed) == BEFORE | {"added/deep/file": b"edited since"}
    assert not (killed / CHANGING).exists()


def test_what_was_removed_after_the_kill_comes_back(killed: Path) -> None:
    (killed / "edited").unlink()
    (killed / "gone/deep").rmdir()
    (killed / "gone").rmdir()

    assert finish_interrupted(killed) is True

    assert files(killed) == BEFORE
    assert sorted(os.listdir(killed)) == ["edited", "gone", "untouched"]


def test_a_folder_that_is_known_by_a_link_is_put_back(killed: Path) -> None:
    (killed.parent / "link").symlink_to(killed)

    assert finish_interrupted(killed.parent / "link") is True

    assert files(killed) == BEFORE


def test_every_path_of_a_template_may_stand_in_a_journal(rendered: Path, root: Path) -> None:
    paths = [path.relative_to(rendered).as_posix() for path in rendered.rglob("*") if path.is_file()]
    steps = [Step(path, None, File(b"")) for path in paths]
    write_journal(root, dump_journal(journal_of(steps, [])))
    (root / CHANGING / "old/0").unlink()

    assert finish_interrupted(root) is True


def refuse_links(*_: object, **__: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_without_hard_links_all_is_changed_or_put_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "link", refuse_links)
    last = Step("untouched", File(b"not what is there"), None)
    with pytest.raises(Refused):
        change_files(root, [*STEPS, last])
    assert files(root) == BEFORE

    kill_after_the_steps(root)
    assert finish_interrupted(root) is True
    assert files(root) == BEFORE

    change(root)
    assert files(root) == AFTER
    assert sorted(os.listdir(root)) == ["added", "edited", "untouched"]
