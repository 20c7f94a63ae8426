"""`macchiato list`: what the project's own code says, also where that is broken or never ends."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from macchiato_cli.errors import MacchiatoError
from macchiato_cli.namespaces import Broken, import_namespaces
from tests.cli.borrowed_environment import make_environment
from tests.cli.conftest import Macchiato, Ran
from tests.cli.terminal import Terminal

# As its author has it: wrappers of its own, one that another module made, types of all kinds.
MANY = """
from typing import Annotated, Literal, Optional
from pydantic import BaseModel, Field
from ..core import Client, SocketWrapper
from .dev_user import dev_user_socket
class Task(BaseModel):
    title: str
async def on_words(wrapper: object, client: object, metadata: object, *words: str) -> None: ...
one = SocketWrapper(socket_namespace="one", listeners={"words": on_words})
two: SocketWrapper[None] = SocketWrapper[None](
    socket_namespace="two",
)
added = two.event("added", Task, Annotated[str, Field(max_length=3)])
sure = two.question("sure", list[Task], answer=bool)
@two.listener("add", errors=["no_time"])
async def on_add(
    wrapper: object, client: object, metadata: object,
    task: Task, tags: list[Annotated[str, Field(max_length=3)]], untyped,
    mode: Literal["a", "b"] = "a", when: "int | None" = None, by: Optional[dict[str, Task]] = None,
) -> "list[Task]": ...
"""

ADD = (
    "add(task: Task, tags: list[str], untyped: Any, mode: Literal['a', 'b'] = 'a', when: int | None = None,"
    " by: dict[str, Task] | None = None) -> list[Task]"
)
EVENT = len(ADD) + 2


@pytest.fixture
def ready(project: Path) -> Path:
    """A fresh project with an environment."""
    make_environment(project)
    return project


# Imports nothing but the core, so that little time will do for it on a busy machine, too.
LIGHT = 'from ..core import SocketWrapper\ndev_user_socket = SocketWrapper(socket_namespace="devUser")\n'


def add_module(root: Path, name: str, text: str) -> None:
    (root / f"app/namespaces/{name}.py").write_text(text)


def test_outside_of_a_project_it_says_how_to_make_one(macchiato: Macchiato, work: Path) -> None:
    ran = macchiato("list")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {work} is not inside a macchiato project\n")


def test_without_an_environment_it_says_how_to_make_one(macchiato: Macchiato, project: Path) -> None:
    assert macchiato("list", folder=project / "app") == Ran(
        1,
        "",
        "error: this project has no environment yet: .venv is not there\n"
        f"  try: cd {project}\n"
        f"       {sys.executable} -m venv --upgrade-deps .venv\n"
        "       .venv/bin/python -m pip install -e '.[dev]'\n"
        "       macchiato list\n",
    )


def test_an_environment_that_cannot_start_is_said(macchiato: Macchiato, project: Path) -> None:
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").write_text("#!/bin/sh\necho cannot find libpython >&2\nexit 127\n")
    (project / ".venv/bin/python").chmod(0o755)

    ran = macchiato("list", folder=project)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[:2] == [
        f"error: {project}/.venv/bin/python cannot be started: cannot find libpython",
        "  try: rm -r .venv",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_nothing_of_somebody_else_s_is_run(macchiato: Macchiato, project: Path, home: Path) -> None:
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").write_text(f"#!/bin/sh\ntouch {home}/was-run\n")
    (project / ".venv/bin/python").chmod(0o755)
    os.chown(project / ".venv/bin/python", pwd.getpwnam("nobody").pw_uid, -1)

    assert macchiato("list", "-q", folder=project).code == 3
    assert not (home / "was-run").exists()


def test_modules_that_do_not_import_are_broken_and_hide_no_other(macchiato: Macchiato, ready: Path) -> None:
    add_module(ready, "a_syntax_error", "def f(:\n")
    add_module(ready, "b_missing_module", "import nope\n")
    add_module(ready, "c_deeper", "from .. import helper\n")
    (ready / "app/helper.py").write_text("\n1 / 0\n")
    add_module(ready, "d_exit", "\nimport sys\nsys.exit(3)\n")
    add_module(ready, "e_interrupt", "raise KeyboardInterrupt\n")
    add_module(ready, "f_odd", "class Odd(BaseException):\n  def __str__(self): return 1 / 0\nraise Odd\n")
    add_module(ready, "g_lines", "raise ValueError('a\\n  b\\x1b[2J')\n")
    add_module(ready, "h_no_listener", "from .dev_user import dev_user_socket as w\nw.listener('x')(len)\n")
    add_module(ready, "i_end", "import os\nos._exit(1)\n")
    (ready / "app/namespaces/j_package").mkdir()
    (ready / "app/namespaces/j_package/__init__.py").write_text("1 / 0\n")

    ran = macchiato("list", folder=ready)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "namespace  guard          client key  event                    where\n"
        "/devUser   require_token  user_id                              app/namespaces/dev_user.py:10\n"
        "                                      sayStuff(text: str)      app/namespaces/dev_user.py:28\n"
        "                                      <- sayingStuff(Message)  app/namespaces/dev_user.py:25\n"
        "broken    app/namespaces/a_syntax_error.py:1  SyntaxError: invalid syntax\n"
        "broken    app/namespaces/b_missing_module.py:1  ModuleNotFoundError: No module named 'nope'\n"
        "broken    app/namespaces/c_deeper.py  ZeroDivisionError: division by zero, at app/helper.py:2\n"
        "broken    app/namespaces/d_exit.py:3  SystemExit: 3\n"
        "broken    app/namespaces/e_interrupt.py:1  KeyboardInterrupt\n"
        "broken    app/namespaces/f_odd.py:3  app.namespaces.f_odd.Odd: <exception str() failed>\n"
        "broken    app/namespaces/g_lines.py:1  ValueError: a b\\x1b[2J\n"
        "broken    app/namespaces/h_no_listener.py:2  TypeError: the listener of 'x' must be declared with"
        " `async def`\n"
        "broken    app/namespaces/i_end.py  its import ended the interpreter, with 1\n"
        "broken    app/namespaces/j_package/__init__.py:1  ZeroDivisionError: division by zero\n"
    )


def test_a_module_that_never_ends_is_broken_and_hides_no_other(ready: Path) -> None:
    add_module(ready, "dev_user", LIGHT)
    endless = "while True:\n    try:\n        time.sleep(0.01)\n    except BaseException:\n        pass\n"
    add_module(ready, "a_endless", f"import time\n{endless}")
    add_module(ready, "b_asleep", "import time\nprint('x' * 100_000)\ntime.sleep(1000)\n")

    found = import_namespaces(ready, ready / ".venv/bin/python", again="", module_limit_s=2)

    assert [each.module for each in found.broken] == ["app.namespaces.a_endless", "app.namespaces.b_asleep"]
    assert {each.error for each in found.broken} == {"its import did not end within 2 s"}
    assert (found.broken[1].file, found.broken[1].line) == ("app/namespaces/b_asleep.py", 3)
    assert [each["namespace"] for each in found.found] == ["/devUser"]


def test_all_modules_together_have_a_limit(ready: Path) -> None:
    add_module(ready, "dev_user", LIGHT)
    add_module(ready, "z_asleep", "import time\ntime.sleep(1000)\n")
    before = time.monotonic()

    found = import_namespaces(ready, ready / ".venv/bin/python", again="", limit_s=6)

    assert time.monotonic() - before < 60
    path = "app/namespaces/z_asleep.py"
    assert found.broken == [
        Broken("app.namespaces.z_asleep", path, "its import did not end in time", path, None)
    ]
    assert [each["namespace"] for each in found.found] == ["/devUser"]


def test_a_core_that_never_ends_is_an_error(ready: Path) -> None:
    (ready / "app/core/__init__.py").write_text("import time\ntime.sleep(1000)\n")

    with pytest.raises(MacchiatoError) as caught:
        import_namespaces(ready, ready / ".venv/bin/python", again="", limit_s=1)

    assert caught.value.reasons == ("the import of app.core did not end in time",)


def test_a_broken_core_is_the_command_s_failure(macchiato: Macchiato, ready: Path) -> None:
    (ready / "app/core/results.py").write_text("import nope\n")

    assert macchiato("list", folder=ready) == Ran(
        1,
        "",
        "error: the project's app cannot be imported, so nothing is known of its namespaces\n"
        "  app/core/results.py:1: ModuleNotFoundError: No module named 'nope'\n",
    )


def test_wrappers_and_listeners_are_those_of_the_code(macchiato: Macchiato, ready: Path) -> None:
    add_module(ready, "many", MANY)
    # What it prints, and what it leaves running, is nobody's business; nor is another project's path.
    add_module(
        ready,
        "noisy",
        'import sys, threading, time\nprint(\'{"nothing": 1}\', flush=True)\nprint("x", file=sys.stderr)\n'
        "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
        'import os\nassert not {"PYTHONPATH", "VIRTUAL_ENV"} & os.environ.keys()\n',
    )
    before = time.monotonic()

    ran = macchiato("list", folder=ready / "app", PYTHONPATH="/elsewhere", VIRTUAL_ENV="/elsewhere")

    assert time.monotonic() - before < 20

    assert (ran.code, ran.err) == (0, "")
    assert [line.split(maxsplit=3) for line in ran.out.splitlines() if line[0] != " "] == [
        ["namespace", "guard", "client", f"key  {'event':<{EVENT}}where"],
        ["/devUser", "require_token", "user_id", "namespaces/dev_user.py:10"],
        ["/one", "accept_everybody", "-", "namespaces/many.py:9"],
        ["/two", "accept_everybody", "-", "namespaces/many.py:10"],
    ]
    assert [line.strip() for line in ran.out.splitlines() if line[0] == " "] == [
        f"{'sayStuff(text: str)':<{EVENT}}namespaces/dev_user.py:28",
        f"{'<- sayingStuff(Message)':<{EVENT}}namespaces/dev_user.py:25",
        f"{'words(*words: str)':<{EVENT}}namespaces/many.py:8",
        f"{ADD}  namespaces/many.py:15",
        f"{'<- added(Task, str)':<{EVENT}}namespaces/many.py:13",
        f"{'<- sure(list[Task]) -> bool':<{EVENT}}namespaces/many.py:14",
    ]


def test_for_programs_it_is_one_json_object(macchiato: Macchiato, ready: Path) -> None:
    (ready / "app/namespaces/dev_user.py").unlink()
    add_module(ready, "dev_user", MANY.replace("from .dev_user import dev_user_socket\n", ""))
    add_module(ready, "bad", "import nope\n")

    ran = macchiato("list", "--json", folder=ready)

    def parameter(name: str, type_name: str, default: str | None = None, *, rest: bool = False) -> object:
        return {"name": name, "type": type_name, "default": default, "rest": rest}

    module = {"module": "app.namespaces.dev_user", "guard": "accept_everybody", "client_key": None}
    file = "app/namespaces/dev_user.py"
    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == {
        "ok": True,
        "command": "list",
        "path": str(ready),
        "namespaces": [
            {
                "namespace": "/one",
                **module,
                "file": file,
                "line": 8,
                "events": [
                    {
                        "event": "words",
                        "parameters": [parameter("words", "str", rest=True)],
                        "answer": "None",
                        "file": file,
                        "line": 7,
                    }
                ],
                "heard": [],
            },
            {
                "namespace": "/two",
                **module,
                "file": file,
                "line": 9,
                "events": [
                    {
                        "event": "add",
                        "parameters": [
                            parameter("task", "Task"),
                            parameter("tags", "list[str]"),
                            parameter("untyped", "Any"),
                            parameter("mode", "Literal['a', 'b']", "'a'"),
                            parameter("when", "int | None", "None"),
                            parameter("by", "dict[str, Task] | None", "None"),
                        ],
                        "answer": "list[Task]",
                        "file": file,
                        "line": 14,
                    }
                ],
                "heard": [
                    {
                        "event": "added",
                        "types": ["Task", "str"],
                        "answer": None,
                        "file": file,
                        "line": 12,
                    },
                    {
                        "event": "sure",
                        "types": ["list[Task]"],
                        "answer": "bool",
                        "file": file,
                        "line": 13,
                    },
                ],
            },
        ],
        "broken": [
            {
                "module": "app.namespaces.bad",
                "path": "app/namespaces/bad.py",
                "error": "ModuleNotFoundError: No module named 'nope'",
                "file": "app/namespaces/bad.py",
                "line": 1,
            }
        ],
        "notes": [],
    }


def test_quiet_it_says_nothing(macchiato: Macchiato, ready: Path) -> None:
    add_module(ready, "bad", "import nope\n")

    assert macchiato("list", "-q", folder=ready) == Ran(0, "", "")


def test_without_a_namespace_it_says_how_to_add_one(macchiato: Macchiato, ready: Path) -> None:
    (ready / "app/namespaces/dev_user.py").unlink()

    assert macchiato("list", folder=ready) == Ran(
        0, "note      there is no namespace yet: macchiato add-namespace chat\n", ""
    )


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (
            "90",
            "namespace  guard          client key  event                  where\n"
            "/devUser   require_token  user_id                            app/namespaces/dev_user.py:10\n"
            "                                      sayStuff(text: str,    app/namespaces/dev_user.py:28\n"
            "                                      quite: str)\n"
            "                                      <-                     app/namespaces/dev_user.py:25\n"
            "                                      sayingStuff(Message)",
        ),
        (
            "50",
            "namespac            client\n"
            "e         guard     key       event     where\n"
            "/devUser  require_  user_id             app/namesp\n"
            "          token                         aces/dev_u\n"
            "                                        ser.py:10\n"
            "                              sayStuff  app/namesp\n"
            "                              (text:    aces/dev_u\n"
            "                              str,      ser.py:28\n"
            "                              quite:\n"
            "                              str)\n"
            "                              <-        app/namesp\n"
            "                              sayingSt  aces/dev_u\n"
            "                              uff(Mess  ser.py:25\n"
            "                              age)",
        ),
    ],
)
def test_on_a_terminal_the_columns_fold_and_lose_nothing(
    macchiato: Macchiato, ready: Path, columns: str, expected: str
) -> None:
    path = ready / "app/namespaces/dev_user.py"
    path.write_text(path.read_text().replace("    text: Text,\n", "    text: Text, quite: Text,\n"))
    macchiato.folder = ready

    with Terminal(macchiato, "list", COLUMNS=columns) as terminal:
        assert terminal.finish() == 0
        assert terminal.screen.text == expected


def test_a_signal_ends_what_hangs(macchiato: Macchiato, ready: Path) -> None:
    add_module(ready, "asleep", "import pathlib, time\npathlib.Path('started').touch()\ntime.sleep(1000)\n")
    macchiato.folder = ready
    process = macchiato.start("list")
    while not (ready / "started").exists():
        time.sleep(0.01)

    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)

    assert (process.returncode, out, err) == (130, "", "interrupted: nothing was written\n")
    left = subprocess.run(["pgrep", "-f", str(ready)], capture_output=True, text=True, check=False)
    assert left.stdout == ""


# What a module does to what is told of it.

SECRET = "s3cr3t-'of'-tokens-s3cr3t-of-tokens-1234"


def test_no_secret_of_the_project_is_told(macchiato: Macchiato, ready: Path) -> None:
    (ready / ".env").write_text(f'TOKEN_SECRET="{SECRET}"\nDATABASE_URL=sqlite:///app.sqlite3\n')
    add_module(
        ready,
        "odd",
        "from ..settings import load_settings\n"
        'raise RuntimeError("cannot connect with " + load_settings().token_secret.get_secret_value())\n',
    )
    add_module(
        ready,
        "told",
        "from typing import Literal\nfrom ..core import SocketWrapper\n"
        f"async def on(w: object, c: object, m: object, a: Literal[{SECRET!r}] = {SECRET!r}) -> None: ...\n"
        'told = SocketWrapper(socket_namespace="told", listeners={"on": on})\n',
    )

    ran = [macchiato(*words, folder=ready) for words in (("list", "--json"), ("list",), ("doctor",))]

    assert all("s3cr3t" not in each.out + each.err for each in ran)
    found = json.loads(ran[0].out)
    assert [each["error"] for each in found["broken"]] == ["RuntimeError: cannot connect with ***"]
    (event,) = found["namespaces"][1]["events"]
    (parameter,) = event["parameters"]
    assert (parameter["type"].count("***"), parameter["default"].count("***")) == (1, 1)
    assert "RuntimeError: cannot connect with ***" in ran[1].out
    assert "RuntimeError: cannot connect with ***" in ran[2].out


def test_the_last_words_of_an_interpreter_tell_no_secret(macchiato: Macchiato, project: Path) -> None:
    (project / ".env").write_text(f'TOKEN_SECRET="{SECRET}"\n')
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/python").write_text("#!/bin/sh\ncat .env >&2\nexit 1\n")
    (project / ".venv/bin/python").chmod(0o755)

    ran = macchiato("list", folder=project)

    assert ran.err.splitlines()[0].endswith('cannot be started: TOKEN_SECRET="***"')


def test_what_is_no_text_is_described_as_one(macchiato: Macchiato, ready: Path) -> None:
    add_module(
        ready,
        "odd",
        "from ..core import SocketWrapper\n"
        'odd = SocketWrapper(socket_namespace="odd")\nodd.client_connection_key = float("nan")\n',
    )

    plain, ran = macchiato("list", folder=ready), macchiato("list", "--json", folder=ready)

    assert (plain.code, plain.err, ran.code) == (0, "", 0)
    assert [each["client_key"] for each in json.loads(ran.out)["namespaces"]] == ["user_id", "nan"]


@pytest.mark.parametrize(
    "line",
    [
        '{"module": "app.namespaces.hostile", "namespaces": [{"namespace": 1}]}\\n',
        '{"module": [], "error": 1}\\n',
        '{"nothing": 5}\\n',
        '{"end": true}\\n',
        '{"importing": 5}\\n',
        '{"module": "app.namespaces.hostile", "error": NaN, "file": null, "line": null}',
        '{"half',
        '{"a":' * 5 + "[" * 100_000 + "\\n{",
    ],
)
def test_a_module_that_forges_its_answer_is_broken_and_hides_no_other(ready: Path, line: str) -> None:
    (ready / "line").write_text(line.replace("\\n", "\n"))
    forge = (
        "import os\nfor fd in range(3, 20):\n    try:\n        if os.lseek(fd, 0, 1) > 0:\n"
        "            os.write(fd, open('line', 'rb').read())\n    except OSError:\n        pass\n"
    )
    add_module(ready, "a_hostile", forge)

    found = import_namespaces(ready, ready / ".venv/bin/python", again="")

    path = "app/namespaces/a_hostile.py"
    assert found.broken[0] == Broken(
        "app.namespaces.a_hostile", path, "its answer cannot be read", path, None
    )
    if "end" not in line:
        assert [each["namespace"] for each in found.found] == ["/devUser"]
