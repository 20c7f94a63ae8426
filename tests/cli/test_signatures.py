"""Parameters given on the command line: what is read, what is refused, and what is made of them."""

from __future__ import annotations

import ast
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from app.core.listeners import GIVEN
from macchiato_cli.errors import BadName
from macchiato_cli.names import EventName, NamespaceName, event_names, right_events
from macchiato_cli.parameters import Parameter
from macchiato_cli.project import NamespaceRecord, dump_namespace, read_namespace
from macchiato_cli.reserved import GIVEN_TO_LISTENERS, MODEL_ATTRIBUTES
from macchiato_cli.scaffold import namespace_files
from macchiato_cli.signatures import LONGEST_NAME, MOST_PARAMETERS
from tests.cli.conftest import Macchiato, Ran, made_by, snapshot

PROJECT = Path(__file__).parents[2] / "templates" / "project"

# What is typed, and how it is written after that.
READ = {
    "f()": "f()",
    "say.it (text: str)": "say.it(text: str)",
    "f(text:str,urgent:bool=False,)": "f(text: str, urgent: bool = False)",
    "f(a: list[ list[int] ], b: dict[str, float|None])": "f(a: list[list[int]], b: dict[str, float | None])",
    "f(a: None | str, *rest: int | None)": "f(a: str | None, *rest: int | None)",
    "f(a: int = -0x10, b: float = 1, c: float = 1e-7)": "f(a: int = -16, b: float = 1, c: float = 1e-07)",
    "f(a: list[str] | None = None, b: bool = True)": "f(a: list[str] | None = None, b: bool = True)",
    "f(a: str = 'it is', b: str = \"it's\")": 'f(a: str = "it is", b: str = "it\'s")',
    "f(a: str = '\"x\" y', b: str = 'a, (b')": 'f(a: str = \'"x" y\', b: str = "a, (b")',
    "f(a: str = 'caf\u00e9\\n\\\\')": 'f(a: str = "caf\\xe9\\n\\\\")',
    "f(type: str, id: int)": "f(type: str, id: int)",
}

TYPES = "str, int, float, bool, list[T], dict[str, T] and T | None are the types"
# What is typed, what is wrong with it, and what would do.
REFUSED = [
    ("f(text: str", "its parameters begin with ( and do not end with )", "f(text: str)"),
    ("f(text: str) x", "its parameters begin with ( and do not end with )", "f(text: str)"),
    ("f(text)", f"text has no type: {TYPES}", "f(text: str)"),
    ("f(text: strr)", f'"strr" is not a type that text can have: {TYPES}', "f(text: str)"),
    ("f(a: 'str')", f"\"'str'\" is not a type that a can have: {TYPES}", "f(a: str)"),
    ("f(a: dict[int, str])", f'"dict[int, str]" is not a type that a can have: {TYPES}', "f(a: str)"),
    ("f(a: int | str)", f'"int | str" is not a type that a can have: {TYPES}', "f(a: str)"),
    ("f(a: int = 'x')", "\"'x'\", the default of a, is not of type int", "f(a: int)"),
    ("f(a: int = True)", '"True", the default of a, is not of type int', "f(a: int)"),
    ("f(a: str = None)", '"None", the default of a, is not of type str', "f(a: str)"),
    ("f(a: float = 1e999)", '"1e309", the default of a, is not of type float', "f(a: float)"),
    ("f(a: int = 2**70)", '"2 ** 70", the default of a, is not a literal', "f(a: int)"),
    (f"f(a: int = {2**53})", f'"{2**53}", the default of a, is not of type int', "f(a: int)"),
    ("f(a: int = exit())", '"exit()", the default of a, is not a literal', "f(a: int)"),
    (
        "f(a: list[str] = [])",
        '"[]", the default of a, would be shared by all: list[str] | None = None is not',
        "f(a: list[str])",
    ),
    (
        "f(api_token: str = 'x')",
        "api_token sounds like a secret, so it has no default in code",
        "f(api_token: str)",
    ),
    ("f(class: str)", '"class" is a Python keyword', "f(the_class: str)"),
    (
        "f(userId: int = 5)",
        '"userId" is not a parameter\'s name: lower case, with _ between words',
        "f(user_id: int = 5)",
    ),
    (
        "f(_a: int)",
        '"_a" is not a parameter\'s name: lower case, with _ between words',
        "f(a: int)",
    ),
    ("f(a: int, a: str)", '"a" is there twice', "f(a: int, the_a: str)"),
    ("f(client: str)", 'every listener is given "client" already', "f(the_client: str)"),
    (
        "f(user_name: str)",
        '"user_name" is what the others hear the sender\'s name as',
        "f(the_user_name: str)",
    ),
    ("f(f_event: str)", '"f_event" has a meaning of its own in the listener', "f(the_f_event: str)"),
    ("f(list: list[str])", '"list" has a meaning of its own in the listener', "f(the_list: list[str])"),
    ("f(json: str)", 'pydantic\'s models have "json" of their own', "f(the_json: str)"),
    ("f(l: int)", '"l" looks like a digit', "f(the_l: int)"),
    (f"f({'a' * 31}: int)", f'"{"a" * 31}" has 31 characters, and 30 are the limit', f"f({'a' * 30}: int)"),
    ("f(a: int = 1, b: str)", "b has no default, and comes after one that has", "f(b: str, a: int = 1)"),
    ("f(**rest: int)", 'clients send a list of arguments, which "**rest: int" is not for', "f()"),
    ("f(a: int, /)", 'clients send a list of arguments, which "/" is not for', "f(a: int)"),
    ("f(*, a: int)", 'clients send a list of arguments, which "*" is not for', "f(a: int)"),
    ("f(*a: int, b: int)", "*a takes all that follows, so it must be the last one", "f(b: int, *a: int)"),
    ("f(*a: int = 1)", '"*a: int = 1" is not a parameter, such as text: str', "f(a: str)"),
    ("f(a: int) -> (int)", '"a: int) -> (int" is not a parameter, such as text: str', "f(a: str)"),
    ("f(a: int): x = 1 #)", '"a: int): x = 1 #" is not a parameter, such as text: str', "f(a: str)"),
    (
        "f(a:\n int)",
        "its parameters must be printable, and 2000 characters at most",
        "f(text: str)",
    ),
    (
        f"f(a: {'list[' * 12}int{']' * 12})",
        "the type and the default of a have 75 characters, and 60 are the limit",
        "f(a: str)",
    ),
    (
        f"f({', '.join(f'a{n}: int' for n in range(21))})",
        "it has 21 parameters, and 20 are the limit",
        f"f({', '.join(f'a{n}: int' for n in range(20))})",
    ),
]


@pytest.mark.parametrize(("text", "written"), READ.items(), ids=READ)
def test_parameters_are_read_and_written_in_one_way(text: str, written: str) -> None:
    (event,) = event_names([text])

    assert event.typed == written
    assert event_names([written]) == (event,)


def test_a_name_alone_is_the_shorthand_and_no_event_without_arguments() -> None:
    assert event_names(["f"]) == (EventName("f", None),)
    assert event_names(["f()"]) == (EventName("f", ()),)


@pytest.mark.parametrize(("text", "reason", "suggestion"), REFUSED)
def test_a_wrong_signature_is_refused_with_one_that_would_do(text: str, reason: str, suggestion: str) -> None:
    with pytest.raises(BadName) as caught:
        event_names([text])

    assert (caught.value.reasons, caught.value.suggestion) == ((reason,), suggestion)
    assert caught.value.message.endswith(" cannot be an event")
    assert event_names([suggestion])[0].typed == suggestion


@settings(max_examples=300)
@given(
    text=st.lists(
        st.sampled_from([*"abl,:=*/()[]{}|'\"\\ 1-", "int", "str", "list[", "dict[str, ", "None", "class"]),
        max_size=25,
    ).map("".join)
)
def test_whatever_is_refused_comes_with_a_signature_that_is_not(text: str) -> None:
    try:
        (event,) = event_names([f"f({text})"])
    except BadName as error:
        (event,) = event_names([error.suggestion or ""])
    ast.parse(f"def {event.typed}: ...")


def test_what_is_reserved_is_what_the_core_and_pydantic_have() -> None:
    own = {name for name in dir(BaseModel) if not name.startswith(("_", "model_"))}

    assert (GIVEN, frozenset(own)) == (GIVEN_TO_LISTENERS, MODEL_ATTRIBUTES)


def test_a_wrong_signature_is_refused_with_a_command_that_works(macchiato: Macchiato, project: Path) -> None:
    before = snapshot(project)

    ran = macchiato(
        "add-namespace", "chat", "--event", "say(text: strr, to: str = 'Ada')", "--public", folder=project
    )

    assert ran == Ran(
        2,
        "",
        "error: \"say(text: strr, to: str = 'Ada')\" cannot be an event\n"
        f'  "strr" is not a type that text can have: {TYPES}\n'
        "  try: macchiato add-namespace chat --event 'say(text: str, to: str = \"Ada\")' --public\n",
    )
    assert snapshot(project) == before
    right = shlex.split(ran.err.splitlines()[-1].removeprefix("  try: macchiato "))
    assert macchiato(*right, "-n", folder=project).code == 0


def test_a_typed_event_is_kept_with_its_parameters(macchiato: Macchiato, project: Path) -> None:
    typed = ["add-namespace", "chat", "--event", "say( text:str, times : int=2 )", "--event", "typing"]

    ran = macchiato(*typed, folder=project)

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[-1] == (
        "  macchiato add-namespace chat --event 'say(text: str, times: int = 2)' --event typing"
    )
    record = (project / ".macchiato/namespaces/chat.yml").read_text()
    assert "  events:\n  - 'say(text: str, times: int = 2)'\n  - typing\n" in record
    kept = read_namespace(project, "chat")
    say = EventName("say", (Parameter("text", "str"), Parameter("times", "int", "2")))
    assert kept is not None
    assert kept.events == (say, EventName("typing"))
    rendered = namespace_files(kept)
    assert {path: (project / path).read_bytes() for path in rendered} == {
        path: file.content for path, file in rendered.items()
    }
    assert macchiato(*typed, folder=project).out.startswith("unchanged namespace chat is there already")
    before = snapshot(project)
    other = macchiato("add-namespace", "chat", "--event", "say", "--event", "typing", folder=project)
    assert (other.code, other.err.splitlines()[1]) == (
        3,
        "  it was made with a token and with the events say(text: str, times: int = 2), typing",
    )
    assert snapshot(project) == before


@pytest.mark.parametrize(
    "event", ["say(text: str", "say(text)", "say(text: str, text: int)", "say(text:str)", "9(a: str)"]
)
def test_a_record_with_a_wrong_signature_is_damaged(macchiato: Macchiato, project: Path, event: str) -> None:
    path = project / ".macchiato/namespaces/dev_user.yml"
    path.write_text(path.read_text().replace("- sayStuff", f"- '{event}'"))

    ran = macchiato("add-namespace", "devUser", folder=project)

    assert (ran.code, ran.err.splitlines()[0]) == (
        3,
        'error: "dev_user.yml" is not a record that macchiato wrote',
    )


def test_a_project_of_an_earlier_version_is_to_be_updated_first(macchiato: Macchiato, work: Path) -> None:
    root = made_by("0.4.0", work / "demo")
    before = snapshot(root)

    assert macchiato("add-namespace", "chat", "--event", "say(to: int)", "-q", folder=root) == Ran(
        3,
        "",
        "error: this project is of macchiato 0.4.0, whose events have no parameters of their own\n"
        "  say(to: int) needs what later versions bring\n"
        "  try: macchiato update\n",
    )
    assert snapshot(root) == before
    assert macchiato("add-namespace", "chat", "--event", "say", "-q", folder=root).code == 0


# The longest of all: names, types with defaults, lists of them; and what classes could be called.
LONGEST = "aB" * 17
ALL = ", ".join(f"{'a' * (LONGEST_NAME - 2)}{n:02}: {'list[' * 9}bool{']' * 9}" for n in range(19))
WIDE = f"{LONGEST}({ALL}, *{'b' * LONGEST_NAME}: {'dict[str, ' * 5}str{']' * 5})"
ODD_NAMES = ["client(text: str)", "none()", "a-1()", "a1()", "message(text: str)", "text(copies: int)"]


@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("chat", ["sendMessage(text: str, urgent: bool = False)", "typing", "ping()"]),
        ("chat", ["draw(x: float, y: float | None, *more: dict[str, int])"]),
        ("lobby", ["message(text: str)", "seen"]),
        ("odd", ODD_NAMES),
        (LONGEST, [WIDE]),
        (LONGEST, [LONGEST]),
        *(("a" * 35, ["a" * length, f"{'b' * length}(a: int)"]) for length in range(9, 22)),
    ],
)
def test_what_is_made_is_what_the_formatter_writes(tmp_path: Path, name: str, events: list[str]) -> None:
    record = NamespaceRecord(NamespaceName(name), event_names(events), public=name == "lobby")

    for path, file in namespace_files(record).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(file.content)

    (tmp_path / "pyproject.toml").write_bytes((PROJECT / "pyproject.toml").read_bytes())
    for module in ("core", "middlewares"):
        (tmp_path / f"app/{module}.py").touch()
    for command in (["check"], ["format", "--check", "--diff"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--no-cache", "."]
        done = subprocess.run(ruff, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_more_events_than_a_record_can_keep_are_refused(tmp_path: Path) -> None:
    # Each a quote, which YAML writes twice, and a lot of them.
    many = [f'f{n}(a: str = "{chr(39) * 40}")' for n in range(300)]

    with pytest.raises(BadName) as caught:
        event_names(many)

    kept = right_events(many)
    assert caught.value.message == f'"f{len(kept)}" is one event too many for a namespace'
    record = NamespaceRecord(NamespaceName("chat"), event_names(kept), public=False)
    path = tmp_path / ".macchiato/namespaces/chat.yml"
    path.parent.mkdir(parents=True)
    path.write_bytes(dump_namespace(record))
    assert read_namespace(tmp_path, "chat") == record


def test_no_more_than_the_longest_is_accepted() -> None:
    assert len((event_names([WIDE])[0].parameters) or ()) == MOST_PARAMETERS
