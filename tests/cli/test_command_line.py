"""What holds for every command: JSON, usage errors, help, unexpected errors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from macchiato_cli import __version__
from tests.cli.borrowed_environment import make_environment
from tests.cli.conftest import Macchiato, Ran


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["new", "--json"], 2, {"code": "missing_argument", "message": "PATH is missing"}),
        (["new", "x y", "--json"], 2, {"code": "bad_name", "message": '"x y" cannot be a project name'}),
        (
            ["new", "a", "--jsno", "--json"],
            2,
            {"code": "usage", "message": "no such option: --jsno (Possible options: --json)"},
        ),
        (["--json", "new", "a"], 2, {"code": "usage", "try": ["macchiato --help"]}),
        (["nwe", "--json"], 2, {"code": "usage", "message": "no such command 'nwe'. Did you mean 'new'?"}),
        (["new", "a", "b", "--json"], 2, {"code": "usage"}),
        (["new", "full", "--json"], 3, {"code": "target_not_empty"}),
        (["add-namespace", "chat", "--json"], 1, {"code": "not_a_project"}),
    ],
)
def test_a_failure_is_one_json_object_on_stdout(
    macchiato: Macchiato, work: Path, arguments: list[str], code: int, expected: dict[str, object]
) -> None:
    (work / "full").mkdir()
    (work / "full/note").touch()

    ran = macchiato(*arguments)

    assert (ran.code, ran.err) == (code, "")
    found = json.loads(ran.out)
    assert list(found) == ["ok", "code", "exit_code", "message", "reasons", "paths", "try"]
    assert (found["ok"], found["exit_code"]) == (False, code)
    assert expected == {key: found[key] for key in expected}


def test_what_was_noted_before_an_error_is_told_with_it(macchiato: Macchiato, project: Path) -> None:
    for folder in ("old", "new"):
        (project / ".macchiato-changing" / folder).mkdir(parents=True)
    (project / ".macchiato-changing/journal").write_text('{"steps": [], "folders": []}')

    ran = macchiato("add-namespace", "9lives", "--json", folder=project)

    found = json.loads(ran.out)
    assert (ran.code, ran.err, found["code"]) == (2, "", "bad_name")
    assert found["notes"] == ["a macchiato command was killed here: what it had begun is taken back"]


def test_an_option_of_the_server_s_is_none_of_the_command_s(macchiato: Macchiato, work: Path) -> None:
    ran = macchiato("run", "--", "--json")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {work} is not inside a macchiato project\n")


def test_new_tells_all_in_one_json_object(macchiato: Macchiato, work: Path) -> None:
    ran = macchiato("new", "demo", "--json", "--no-git", "--no-install")

    found = json.loads(ran.out)
    files = sorted(found.pop("files"))
    following = found.pop("next")
    assert (ran.code, ran.err) == (0, "")
    assert found == {
        "ok": True,
        "command": "new",
        "dry_run": False,
        "path": str(work / "demo"),
        "name": "demo",
        "namespace": "devUser",
        "done": [],
        "again": "macchiato new demo --no-install --no-git",
        "notes": [],
    }
    assert following[0] == "cd demo"
    demo = work / "demo"
    assert files == sorted(path.relative_to(demo).as_posix() for path in demo.rglob("*") if path.is_file())


def test_add_namespace_tells_all_in_one_json_object(macchiato: Macchiato, project: Path) -> None:
    ran = macchiato("add-namespace", "chat", "--json", folder=project)

    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == {
        "ok": True,
        "command": "add-namespace",
        "dry_run": False,
        "path": str(project),
        "namespace": "chat",
        "events": ["sayStuff"],
        "public": False,
        "created": [
            "app/namespaces/chat.py",
            "clients/chat.py",
            "clients/typed/chat.py",
            "tests/test_chat.py",
            ".macchiato/namespaces/chat.yml",
        ],
        "kept": [],
        "again": "macchiato add-namespace chat",
        "notes": [],
    }


def test_an_unknown_option_says_where_help_is(macchiato: Macchiato) -> None:
    assert macchiato("new", "demo", "--frobnicate") == Ran(
        2, "", "error: no such option: --frobnicate\n  try: macchiato new --help\n"
    )


def test_an_unexpected_error_has_no_traceback_but_a_hint(macchiato: Macchiato, work: Path) -> None:
    script = (
        "import sys; from macchiato_cli import execution, project\n"
        "project.find_project = lambda start: 1 / 0\n"
        "sys.argv = ['macchiato', 'add-namespace', 'chat']\n"
        "sys.exit(execution.execute(sys.argv[1:]))\n"
    )

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script],
            cwd=work,
            env=macchiato.environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    quiet, loud = run(), run(MACCHIATO_DEBUG="1")
    message = (
        "error: ZeroDivisionError: division by zero\n"
        "  this is a fault of macchiato's; MACCHIATO_DEBUG=1 shows where\n"
        "  try: MACCHIATO_DEBUG=1 macchiato add-namespace chat\n"
    )
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (1, "", message)
    assert loud.stderr.startswith("Traceback (most recent call last):\n")
    assert loud.stderr.endswith(message)


def test_a_deleted_current_folder_is_said(macchiato: Macchiato, work: Path) -> None:
    command = " ".join(macchiato.command)

    ended = subprocess.run(
        ["sh", "-c", f"mkdir gone; cd gone; rmdir ../gone; {command} new demo"],
        cwd=work,
        env=macchiato.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr.splitlines()[-2:]) == (
        1,
        ["error: the current folder is not there any more", "  try: cd ~"],
    )


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(macchiato: Macchiato, arguments: list[str]) -> None:
    assert macchiato(*arguments) == Ran(
        0,
        "Usage: macchiato [OPTIONS] COMMAND [ARGS]...\n"
        "\n"
        "  Authenticated, tested, typed Socket.IO servers, from one command.\n"
        "\n"
        "Options:\n"
        "  --version             Print the version and exit.\n"
        "  --install-completion  Install completion for the current shell.\n"
        "  --show-completion     Show completion for the current shell, to copy it or\n"
        "                        customize the installation.\n"
        "  -h, --help            Show this message and exit.\n"
        "\n"
        "Commands:\n"
        "  new               Make a project: server, client, tests.\n"
        "  add-namespace     Add a namespace to the project.\n"
        "  remove-namespace  Remove a namespace that nobody edited.\n"
        "  list              List the namespaces: guards, events, where they are.\n"
        "  client            Make typed clients from what the server declares.\n"
        "  update            Merge what later templates brought into the project.\n"
        "  run               Run the project's server, with reload.\n"
        "  doctor            Check all that the project needs to run.\n",
        "",
    )


def test_the_version_is_told(macchiato: Macchiato) -> None:
    assert macchiato("--version") == Ran(0, f"macchiato {__version__}\n", "")
    assert macchiato("--version", "new") == Ran(0, f"macchiato {__version__}\n", "")


HEAVY = {"copier", "rich", "pydantic", "yaml", "jinja2", "plumbum", "prompt_toolkit"}


def heavy_imports(macchiato: Macchiato, folder: Path, *arguments: str, code: int = 0) -> set[str]:
    """Which of the heavy libraries a command imports."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "macchiato_cli", *arguments],
        cwd=folder,
        env=macchiato.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    imported = {line.split("|")[2].strip().split(".")[0] for line in ended.stderr.splitlines() if "|" in line}
    assert "typer" in imported
    return imported & HEAVY


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["new", "--help"], ["run", "--help"]])
def test_help_and_version_import_nothing_heavy(
    macchiato: Macchiato, work: Path, arguments: list[str]
) -> None:
    assert heavy_imports(macchiato, work, *arguments) == set()


@pytest.mark.parametrize("command", ["list", "run"])
def test_a_command_that_renders_nothing_imports_only_what_shows_its_error(
    macchiato: Macchiato, project: Path, command: str
) -> None:
    # Both miss the environment, and say so.
    assert heavy_imports(macchiato, project, command, code=1) == {"rich"}


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"]])
def test_a_fresh_project_is_listed_with_nothing_heavy(
    macchiato: Macchiato, project: Path, arguments: list[str]
) -> None:
    make_environment(project)

    assert heavy_imports(macchiato, project, *arguments) == set()


def test_a_command_for_programs_does_without_rich(macchiato: Macchiato, project: Path) -> None:
    found = heavy_imports(macchiato, project, "add-namespace", "chat", "--json", "--dry-run")

    assert found == HEAVY - {"rich"}


def test_what_a_program_needs_is_imported_only_once_it_is_needed() -> None:
    script = "import sys, macchiato_cli.execution; print(*sorted(sys.modules))"

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    imported = [name for name in ended.stdout.split() if name.startswith("macchiato_cli.")]
    assert imported == [
        f"macchiato_cli.{name}"
        for name in ("cli", "completion", "errors", "execution", "interrupts", "plain_values", "report")
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("0", "Input should be greater than or equal to 1"),
        ("x", "Input should be a valid integer, unable to parse string as an integer"),
    ],
)
def test_a_value_that_is_no_text_is_checked(macchiato: Macchiato, value: str, message: str) -> None:
    assert macchiato("run", "--port", value) == Ran(
        2, "", f"error: invalid value for '--port': {message}\n  try: macchiato run --help\n"
    )


def test_what_must_be_typed_is_missed(macchiato: Macchiato) -> None:
    assert macchiato("remove-namespace") == Ran(
        2, "", "error: missing argument 'NAME'\n  try: macchiato remove-namespace --help\n"
    )


def test_no_garbage_is_looked_for_in_what_is_being_imported(macchiato: Macchiato, project: Path) -> None:
    script = (
        "import gc, sys\n"
        "found = set()\n"
        "def note(phase, info):\n"
        "    for name in ('typer', 'copier'):\n"
        "        if name in sys.modules and sys.modules[name].__spec__._initializing:\n"
        "            found.add(name)\n"
        "gc.callbacks.append(note)\n"
        "from macchiato_cli.__main__ import main\n"
        "sys.argv = ['macchiato', 'add-namespace', 'chat', '-q']\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    gc.callbacks.remove(note)\n"
        "    print('copier' in sys.modules, found, gc.isenabled())\n"
    )

    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=project,
        env=macchiato.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True set() True\n", "")
