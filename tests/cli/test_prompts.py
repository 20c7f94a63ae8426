"""Questions: judged while they are answered, left without a trace, and never asked without a terminal."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Macchiato, Ran, snapshot
from tests.cli.terminal import Terminal

FOLDER = "Folder of the new project:"
NAME = "Name of the namespace:"
QUICK = ["--no-install", "--no-git"]
HINT = "project called as its folder, namespace devUser (macchiato new --help)"
STOPPED = "interrupted: nothing was written"


def test_an_answer_that_will_not_do_is_told_while_typing_and_not_accepted(
    macchiato: Macchiato, work: Path, rendered: Path
) -> None:
    with Terminal(macchiato, "new", *QUICK) as terminal:
        terminal.shows(f"{FOLDER}\n{HINT}")
        terminal.type("de m")
        refused = (
            f'{FOLDER} de m\n"de m" cannot be a project name\n'
            "  it may hold ASCII letters and digits, with - _ and . between them\n"
            "  try: de-m"
        )
        terminal.shows(refused)
        terminal.type("\r")
        terminal.read_until("\a")
        terminal.shows(refused)
        assert os.listdir(work) == []
        terminal.type("\x7f\x7f")
        terminal.shows(f"{FOLDER} de\ncreates de: project de, namespace devUser")
        terminal.type("mo\r")

        assert terminal.finish() == 0
        assert terminal.has_its_modes()
    assert terminal.screen.text.startswith(f"{FOLDER} demo\ncreated ")
    assert terminal.screen.text.endswith(
        "\nThe same, without questions:\n  macchiato new demo --no-install --no-git"
    )
    assert snapshot(work / "demo") == snapshot(rendered)


def test_a_folder_in_the_way_is_told_while_typing(macchiato: Macchiato, work: Path) -> None:
    (work / "full").mkdir()
    (work / "full/note").touch()
    with Terminal(macchiato, "new", *QUICK) as terminal:
        terminal.read_until(FOLDER)
        terminal.type("full")
        terminal.shows(f"{FOLDER} full\n{work}/full is not empty\n  it holds note")
        terminal.type("er")
        terminal.shows(f"{FOLDER} fuller\ncreates fuller: project fuller, namespace devUser")


def test_what_is_not_asked_is_told(macchiato: Macchiato, home: Path) -> None:
    (home / "bin").mkdir()
    (home / "bin/uv").symlink_to("/bin/false")
    options = ["--name", "shop-server", "--namespace", "chat", "-n"]
    rest = "namespace chat, git repository, dependencies installed with uv"
    with Terminal(macchiato, "new", *options, PATH=f"{home}/bin:/usr/bin:/bin") as terminal:
        terminal.shows(f"{FOLDER}\nproject shop-server, {rest} (macchiato new --help)")
        terminal.type("a/b")
        terminal.shows(f"{FOLDER} a/b\ncreates a/b: project shop-server, {rest}")


def test_the_name_of_a_namespace_is_asked_for_in_the_same_way(macchiato: Macchiato, project: Path) -> None:
    macchiato.folder = project
    with Terminal(macchiato, "add-namespace", "--public", "--event", "post") as terminal:
        terminal.shows(f"{NAME}\npublic, event post (macchiato add-namespace --help)")
        terminal.type("9lives\r")
        terminal.shows(
            f'{NAME} 9lives\n"9lives" cannot be a namespace name\n'
            "  it becomes Python code, so it must start with a letter (a to z)\n"
            "  try: lives9"
        )
        terminal.type("\x15chatRoom")
        terminal.shows(f"{NAME} chatRoom\nadds /chatRoom in app/namespaces/chat_room.py: public, event post")
        terminal.type("\r")

        assert terminal.finish() == 0
    assert terminal.screen.text.endswith(
        "\nThe same, without questions:\n  macchiato add-namespace chatRoom --event post --public"
    )
    assert (project / "app/namespaces/chat_room.py").is_file()


def test_what_no_answer_could_put_right_is_told_before_asking(macchiato: Macchiato, project: Path) -> None:
    for arguments, message in [
        (["new", "--name", "a b"], 'error: "a b" cannot be a project name\n'),
        (["new", "--namespace", "9"], 'error: "9" cannot be a namespace name\n'),
        (["add-namespace", "--event", "a b"], 'error: "a b" cannot be an event name\n'),
    ]:
        macchiato.folder = project
        with Terminal(macchiato, *arguments) as terminal:
            assert terminal.finish() == 2
        assert terminal.seen.startswith(message)


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_leaving_the_question_writes_nothing(macchiato: Macchiato, work: Path, key: str) -> None:
    with Terminal(macchiato, "new") as terminal:
        terminal.read_until(FOLDER)
        terminal.type(key)

        assert terminal.finish() == 130
        assert terminal.has_its_modes()
    assert terminal.screen.text == f"{FOLDER}\n{STOPPED}"
    assert os.listdir(work) == []


def test_ctrl_d_in_an_answer_does_not_leave(macchiato: Macchiato) -> None:
    with Terminal(macchiato, "new", *QUICK) as terminal:
        terminal.read_until(FOLDER)
        terminal.type("abc\x02\x04")  # One to the left, and delete.
        terminal.shows(f"{FOLDER} ab\ncreates ab: project ab, namespace devUser")


@pytest.mark.parametrize(
    ("number", "term"),
    [(signal.SIGINT, "xterm"), (signal.SIGTERM, "xterm"), (signal.SIGHUP, "xterm"), (signal.SIGTERM, "dumb")],
)
def test_a_signal_ends_the_question(
    macchiato: Macchiato, work: Path, number: signal.Signals, term: str
) -> None:
    with Terminal(macchiato, "new", TERM=term) as terminal:
        terminal.read_until(FOLDER)
        if term == "xterm":
            terminal.type("demo")
            terminal.read_until("creates demo")
        terminal.process.send_signal(number)

        assert terminal.finish() == 130
        assert terminal.has_its_modes()
    assert terminal.seen.endswith(f"{STOPPED}\n")
    assert "Traceback" not in terminal.seen
    assert os.listdir(work) == []


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_terminal_that_goes_away_ends_the_question(macchiato: Macchiato, work: Path, term: str) -> None:
    with Terminal(macchiato, "new", TERM=term) as terminal:
        terminal.read_until(FOLDER)
        terminal.hang_up()

        assert terminal.process.wait(20) != 0
        assert term == "dumb" or terminal.process.returncode == 130
    assert os.listdir(work) == []


@pytest.mark.skipif(not shutil.which("bash", path="/usr/bin:/bin"), reason="needs bash")
def test_a_question_can_be_suspended_and_resumed(macchiato: Macchiato, work: Path) -> None:
    command = f"{sys.executable} -m macchiato_cli"
    macchiato.command = (shutil.which("bash", path="/usr/bin:/bin") or "", "--norc", "-i")
    with Terminal(macchiato, PS1="$ ", BASH_SILENCE_DEPRECATION_WARNING="1") as terminal:
        terminal.read_until("$ ")
        terminal.type(f"{command} new\n")
        terminal.read_until(HINT[:10])
        terminal.type("demo\x1a")
        terminal.read_until("Stopped")
        terminal.type("fg; echo left with $?\n")
        terminal.read_until("creates demo")
        terminal.type("\x03")
        terminal.read_until("left with 130")
    assert os.listdir(work) == []


def test_line_ends_in_what_is_pasted_are_no_enter(macchiato: Macchiato, work: Path) -> None:
    with Terminal(macchiato, "new", *QUICK) as terminal:
        terminal.read_until(FOLDER)
        terminal.type("\x1b[200~ my\r\nshop\n\x1b[201~")
        terminal.shows(
            f'{FOLDER} my shop\n"my shop" cannot be a project name\n'
            "  it may hold ASCII letters and digits, with - _ and . between them\n"
            "  try: my-shop"
        )
    assert os.listdir(work) == []


@pytest.mark.parametrize(
    ("typed", "shown", "message"),
    [
        # A terminal would obey them.
        (
            "\x1b[200~a/\x1b[31mred\x1b[201~",
            "a/^[[31mred",
            r'"a/\x1b[31mred" has characters that cannot be seen',
        ),
        ("a\x11\0/b", "a^@/b", r'"a\x00/b" has characters that cannot be seen'),
        (b"\xff/b", "?/b", r'"\udcff/b" has characters that cannot be seen'),
        ("~nobody-has-this-name/b", "~nobody-has-this-name/b", None),
    ],
)
def test_an_answer_that_no_folder_can_have_is_told(
    macchiato: Macchiato, typed: str | bytes, shown: str, message: str | None
) -> None:
    message = message or f'"{shown}" begins with a home folder that is not there'
    with Terminal(macchiato, "new", *QUICK) as terminal:
        terminal.read_until(FOLDER)
        terminal.type(typed)
        terminal.shows(f"{FOLDER} {shown}\n{message}")
        terminal.type("\r")
        terminal.read_until("\a")
        terminal.type("\x03")

        assert terminal.finish() == 130
    assert "Traceback" not in terminal.seen


def test_letters_of_other_languages_are_shown(macchiato: Macchiato) -> None:
    with Terminal(macchiato, "new", *QUICK) as terminal:
        terminal.read_until(FOLDER)
        terminal.type("café")
        terminal.shows(
            f'{FOLDER} café\n"café" cannot be a project name\n'
            "  it may hold ASCII letters and digits, with - _ and . between them\n"
            "  try: cafe"
        )
        terminal.type("/shop")
        terminal.shows(f"{FOLDER} café/shop\ncreates café/shop: project shop, namespace devUser")


@pytest.mark.parametrize(("lines", "columns"), [("5", "12"), ("1", "3"), ("0", "0")])
def test_a_small_terminal_will_do(macchiato: Macchiato, work: Path, lines: str, columns: str) -> None:
    with Terminal(macchiato, "new", LINES=lines, COLUMNS=columns) as terminal:
        terminal.read_until("t:")
        terminal.type("a b\r")
        terminal.read_until("\a")
        terminal.type("\x03")

        assert terminal.finish() == 130
        assert terminal.has_its_modes()
    assert terminal.seen.endswith(f"{STOPPED}\n")
    assert os.listdir(work) == []


def test_a_very_long_answer_is_refused(macchiato: Macchiato, work: Path) -> None:
    with Terminal(macchiato, "new", *QUICK) as terminal:
        terminal.read_until(FOLDER)
        terminal.type("\x1b[200~" + "x" * 3000 + "\x1b[201~")
        terminal.read_until("it has 3000 characters, and 64 are the limit")
        terminal.type("\r")
        terminal.read_until("\a")
        terminal.type("\x15ok")
        terminal.read_until("creates ok")
        terminal.type("\x03")

        assert terminal.finish() == 130
    assert os.listdir(work) == []


def test_a_fault_ends_the_question_and_is_told_once(macchiato: Macchiato) -> None:
    script = (
        "import sys; from macchiato_cli import execution, new\n"
        "new.is_folder_already = lambda folder: 1 / 0\n"
        "sys.exit(execution.execute(['new']))\n"
    )
    macchiato.command = (sys.executable, "-c", script)
    with Terminal(macchiato) as terminal:
        terminal.read_until(FOLDER)
        terminal.type("a")

        assert terminal.finish() == 1
        assert terminal.has_its_modes()
    assert terminal.screen.text.startswith(f"{FOLDER} a\nerror: ZeroDivisionError: division by zero\n")
    assert "Traceback" not in terminal.seen


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_move_its_cursor_gets_a_plain_question(
    macchiato: Macchiato, project: Path, term: str
) -> None:
    macchiato.folder = project
    with Terminal(macchiato, "add-namespace", TERM=term, NO_COLOR="1") as terminal:
        terminal.read_until(f"{NAME} ")
        terminal.type(b"\n")
        terminal.read_until(f"Ctrl-C\n{NAME} ")
        terminal.type(b"\xff\n")
        terminal.read_until(f"seen\n{NAME} ")
        terminal.type("9lives\n")
        terminal.read_until(f"lives9\n{NAME} ")
        assert "\x1b" not in terminal.raw.replace("\x1b[1m", "").replace("\x1b[0m", "")
        terminal.type("chat\n")

        assert terminal.finish() == 0
    assert terminal.seen.startswith(
        f"guarded, event sayStuff (macchiato add-namespace --help)\n{NAME} \n"
        "error: an answer is needed, or Ctrl-C\n"
    )
    assert terminal.seen.endswith("The same, without questions:\n  macchiato add-namespace chat\n")
    assert (project / "app/namespaces/chat.py").is_file()


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [(["new", "-y"], {}), (["new"], {"CI": "1"}), (["new", "--json"], {}), (["add-namespace", "--yes"], {})],
)
def test_nothing_is_asked_where_no_answer_is_wanted(
    macchiato: Macchiato, project: Path, arguments: list[str], variables: dict[str, str]
) -> None:
    macchiato.folder = project
    with Terminal(macchiato, *arguments, **variables) as terminal:
        assert terminal.finish() == 2
    missing, example = ("PATH", "new myproj") if arguments[0] == "new" else ("NAME", "add-namespace chat")
    if "--json" in arguments:
        assert f'"message": "{missing} is missing"' in terminal.seen
    else:
        assert terminal.seen == f"error: {missing} is missing\n  try: macchiato {example}\n"


@pytest.mark.parametrize("redirected", ["stdin", "stdout"])
def test_nothing_is_asked_where_only_one_side_is_a_terminal(macchiato: Macchiato, redirected: str) -> None:
    master, slave = pty.openpty()
    pipe_read, pipe_write = os.pipe()  # Nobody writes into it: a read would wait.
    try:
        ended = subprocess.run(
            [*macchiato.command, "new"],
            cwd=macchiato.folder,
            env=macchiato.environment | {"TERM": "xterm"},
            stdin=pipe_read if redirected == "stdin" else slave,
            stdout=subprocess.PIPE if redirected == "stdout" else slave,
            stderr=subprocess.PIPE,
            text=True,
            timeout=20,
            check=False,
        )
    finally:
        for descriptor in (master, slave, pipe_read, pipe_write):
            os.close(descriptor)

    expected = Ran(2, "", "error: PATH is missing\n  try: macchiato new myproj\n")
    assert Ran(ended.returncode, ended.stdout or "", ended.stderr) == expected
