"""Which names are accepted, what they become, and what is suggested instead of the others."""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from app.core.transport import RESERVED_EVENTS
from macchiato_cli.errors import BadName
from macchiato_cli.names import EventName, NamespaceName, event_names, namespace_name, project_name
from macchiato_cli.reserved import SERVER_EVENTS, SOCKETIO_EVENTS

TEMPLATE = Path(__file__).parents[2] / "templates" / "project"

REFUSED_NAMESPACES = [
    ("", "it is empty", "chat"),
    ("9lives", "it becomes Python code, so it must start with a letter (a to z)", "lives9"),
    ("42", "it becomes Python code, so it must start with a letter (a to z)", "chat"),
    ("_chat", "it becomes Python code, so it must start with a letter (a to z)", "chat"),
    ("/devUser", "it becomes Python code, so it must start with a letter (a to z)", "devUser"),
    ("../chat", "it becomes Python code, so it must start with a letter (a to z)", "chat"),
    ("a..b", "it may hold ASCII letters, digits, - and _ only", "aB"),
    ("my chat", "it may hold ASCII letters, digits, - and _ only", "myChat"),
    ("chat\n", "it may hold ASCII letters, digits, - and _ only", "chat"),
    ("caf\u00e9", "it may hold ASCII letters, digits, - and _ only", "cafe"),
    ("\u4f60\u597d", "it becomes Python code, so it must start with a letter (a to z)", "chat"),
    ("chat{{7*7}}", "it may hold ASCII letters, digits, - and _ only", "chat77"),
    ("[= 1 =]", "it becomes Python code, so it must start with a letter (a to z)", "chat"),
    ("a\\b", "it may hold ASCII letters, digits, - and _ only", "aB"),
    ("dev__user", "each of - and _ must stand between letters or digits", "devUser"),
    ("chat-", "each of - and _ must stand between letters or digits", "chat"),
    ("class", '"class" is a Python keyword', "myClass"),
    ("Match", '"match" is a Python keyword', "myMatch"),
    ("asyncio", 'clients/asyncio.py would hide the Python module "asyncio"', "myAsyncio"),
    ("socketio", 'clients/socketio.py would hide the Python module "socketio"', "mySocketio"),
    ("core", 'the project has a module "core" of its own', "myCore"),
    ("users", 'the project has a module "users" of its own', "myUsers"),
    ("COM1", '"com1" cannot be a file name on Windows', "myCOM1"),
    ("nul", '"nul" cannot be a file name on Windows', "myNul"),
    ("a" * 36, "it has 36 characters, and 35 are the limit", "a" * 35),
]


@pytest.mark.parametrize(("text", "reason", "suggestion"), REFUSED_NAMESPACES)
def test_a_namespace_is_refused_with_a_reason_and_a_suggestion(
    text: str, reason: str, suggestion: str
) -> None:
    with pytest.raises(BadName) as caught:
        namespace_name(text)

    assert caught.value.reasons == (reason,)
    assert caught.value.suggestion == suggestion
    assert caught.value.tries == (f"macchiato add-namespace {suggestion}",)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("wire", "module", "object_"),
    [
        ("devUser", "dev_user", "dev_user_socket"),
        ("dev-user", "dev_user", "dev_user_socket"),
        ("DevUser", "dev_user", "dev_user_socket"),
        ("chat", "chat", "chat_socket"),
        ("HTTPRoom2", "http_room2", "http_room2_socket"),
        ("a" * 35, "a" * 35, "a" * 35 + "_socket"),
    ],
)
def test_a_namespace_has_one_spelling_in_python(wire: str, module: str, object_: str) -> None:
    name = namespace_name(wire)

    assert (name, name.module, name.object) == (NamespaceName(wire), module, object_)


@pytest.mark.parametrize(
    ("texts", "message", "reason"),
    [
        (["connect"], '"connect" cannot be an event name', "Socket.IO keeps that name for itself"),
        (["newListener"], '"newListener" cannot be an event name', "Socket.IO keeps that name for itself"),
        (["closing"], '"closing" cannot be an event name', "the server uses that name itself"),
        (["renewToken"], '"renewToken" cannot be an event name', "the server uses that name itself"),
        (["say", "say"], '"say" is there twice', "one listener, on_say, answers one event"),
        (
            ["say.stuff", "sayStuff"],
            '"sayStuff" and "say.stuff" are the same event',
            "one listener, on_say_stuff, answers one event",
        ),
        (
            ["sayStuff", "sayingStuff"],
            '"sayingStuff" and "sayStuff" cannot be told apart',
            'the other clients would hear both as "sayingStuff"',
        ),
    ],
)
def test_events_are_refused_with_a_reason(texts: list[str], message: str, reason: str) -> None:
    with pytest.raises(BadName) as caught:
        event_names(texts)

    assert (caught.value.message, caught.value.reasons) == (message, (reason,))


def test_the_default_event_is_heard_as_the_original_has_it() -> None:
    events = event_names(["sayStuff", "chat:typing"])

    assert [(event.wire, event.function, event.heard) for event in events] == [
        ("sayStuff", "on_say_stuff", "sayingStuff"),
        ("chat:typing", "on_chat_typing", "chat:typing"),
    ]


@pytest.mark.parametrize(
    ("text", "reason", "suggestion"),
    [
        ("", "it is empty", "my-project"),
        ("my project", "it may hold ASCII letters and digits, with - _ and . between them", "my-project"),
        ("-x", "it may hold ASCII letters and digits, with - _ and . between them", "x"),
        ("demo\n", "it may hold ASCII letters and digits, with - _ and . between them", "demo"),
        ("caf\u00e9", "it may hold ASCII letters and digits, with - _ and . between them", "cafe"),
        ("FastAPI", "the project itself installs a package of that name", "my-FastAPI"),
        ("python_socketio", "the project itself installs a package of that name", "my-python-socketio"),
        ("aux", "it cannot be a folder name on Windows", "my-aux"),
    ],
)
def test_a_project_name_is_refused_with_a_reason_and_a_suggestion(
    text: str, reason: str, suggestion: str
) -> None:
    with pytest.raises(BadName) as caught:
        project_name(text)

    assert (caught.value.reasons, caught.value.suggestion) == ((reason,), suggestion)


def _one_event(text: str) -> EventName:
    return event_names([text])[0]


# Plain text seldom is nearly right; what people mistype is.
ANY_TEXT = (
    st.text(max_size=80)
    | st.text("aZ09_-.:/ \\\u00e9{[=", max_size=60)
    | st.sampled_from(sorted(sys.stdlib_module_names))
)


@pytest.mark.parametrize("accept", [namespace_name, _one_event, project_name])
@given(text=ANY_TEXT)
def test_whatever_is_refused_comes_with_a_name_that_is_not(
    accept: Callable[[str], object], text: str
) -> None:
    try:
        accept(text)
    except BadName as error:
        accept(error.suggestion or "")


@given(text=ANY_TEXT)
def test_an_accepted_namespace_is_an_identifier_and_a_plain_file_name(text: str) -> None:
    try:
        module = namespace_name(text).module
    except BadName:
        return
    assert re.fullmatch(r"[a-z][a-z0-9_]*", module)
    assert module.isidentifier()


def _distributions_of_the_template() -> set[str]:
    """What the template's dependencies install here, theirs included."""
    project = tomllib.loads((TEMPLATE / "pyproject.toml").read_text())["project"]
    waiting = [Requirement(line) for line in project["dependencies"]]
    waiting += [Requirement(line) for extra in project["optional-dependencies"].values() for line in extra]
    found: dict[tuple[str, frozenset[str]], None] = {}
    while waiting:
        requirement = waiting.pop()
        key = (requirement.name.lower().replace("_", "-"), frozenset(requirement.extras))
        if key not in found:
            found[key] = None
            for line in importlib.metadata.requires(requirement.name) or ():
                needed = Requirement(line)
                extras = requirement.extras or {""}
                if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                    waiting.append(needed)
    return {name for name, _ in found}


def test_no_project_is_called_like_something_that_it_installs() -> None:
    for name in _distributions_of_the_template():
        with pytest.raises(BadName):
            project_name(name)


def test_no_client_script_hides_a_module_that_the_project_installs() -> None:
    distributions = _distributions_of_the_template()
    installed = {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if any(re.sub(r"[-_.]+", "-", owner).lower() in distributions for owner in owners)
    }
    accepted = []
    for module in sorted(installed):
        try:
            accepted.append(namespace_name(module).module)
        except BadName:
            continue
    assert accepted == []


def test_an_event_that_the_server_reserves_is_refused() -> None:
    assert SOCKETIO_EVENTS | SERVER_EVENTS == RESERVED_EVENTS


def test_no_namespace_takes_the_files_of_the_project_itself() -> None:
    taken = {path.stem for path in (TEMPLATE / "clients").glob("*.py")}
    taken |= {path.stem.removeprefix("test_") for path in (TEMPLATE / "tests").glob("*.py")}
    taken |= {path.stem for path in (TEMPLATE / "app" / "namespaces").glob("[a-z]*.py")}
    accepted = []
    for module in sorted(taken):
        try:
            accepted.append(namespace_name(module).module)
        except BadName:
            continue
    assert accepted == []
