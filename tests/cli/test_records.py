"""Records in .macchiato/ that somebody damaged, forged, or wrote with a later version."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from macchiato_cli import __version__
from macchiato_cli.errors import MacchiatoError
from macchiato_cli.names import EventName, NamespaceName
from macchiato_cli.project import (
    NamespaceRecord,
    ProjectRecord,
    dump_namespace,
    dump_project,
    read_namespace,
    read_project,
)
from macchiato_cli.record_file import load_record
from macchiato_cli.scaffold import namespace_files, project_files
from tests.cli.conftest import RECORD, Macchiato, Ran, snapshot

# Each mapping holds the one before twice: 25 lines, and 2 to the 25 keys to copy.
MERGE_BOMB = "a0: &a0 {k: v}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 26)
)


def write_record(root: Path, text: str | bytes) -> Path:
    path = root / ".macchiato/project.yml"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is not the record of a project"),
        ("- a\n- b\n", "it is not the record of a project"),
        ("template: [", "it is not YAML"),
        (b"\xff\xfe\x00", "it is not YAML"),
        ("!!python/object/apply:os.system ['touch /tmp/macchiato-was-here']", "it is not YAML"),
        ("x: 2020-99-99", "it is not YAML"),
        ("[" * 16_000, "it is nested too deeply"),
        (MERGE_BOMB, "it has aliases or merge keys"),
        (f"{RECORD}x: &a y\n", "it has aliases or merge keys"),
        (f"{RECORD}<<: {{a: b}}\n", "it has aliases or merge keys"),
        (f"{RECORD}!!merge x: {{a: b}}\n", "it has aliases or merge keys"),
        ("#" * 20_000, "it has more than 16384 bytes"),
        (f"a: 1{':1' * 8000}.5", "it is not YAML"),
        (RECORD.replace("project", "namespace"), "it is not the record of a project"),
        (RECORD.replace("0.1.0", "0.1"), "its version is not one of macchiato's"),
        (RECORD.replace("0.1.0", "../../0.1.0"), "its version is not one of macchiato's"),
        (RECORD.replace("0.1.0", "[0, 1, 0]"), "its version is not one of macchiato's"),
        (RECORD.replace("demo", "../demo"), "its answers are not those of a project"),
        (RECORD.replace("demo", "1.5"), "its answers are not those of a project"),
        (RECORD.replace("  name: demo\n", ""), "its answers are not those of a project"),
        (RECORD.replace("devUser", "dev/User"), "its answers are not those of a project"),
        (RECORD.replace("devUser", "{a: b}"), "its answers are not those of a project"),
        ("template: project\nversion: 0.1.0\nanswers: [a]\n", "its answers are not those of a project"),
    ],
)
def test_a_damaged_record_is_refused_with_its_reason(tmp_path: Path, text: str | bytes, reason: str) -> None:
    path = write_record(tmp_path, text)

    with pytest.raises(MacchiatoError) as caught:
        read_project(tmp_path)

    assert caught.value.code == "damaged_record"
    assert caught.value.reasons == (reason, f"it is {path}")


def test_a_record_that_is_no_file_is_refused_and_not_waited_for(macchiato: Macchiato, project: Path) -> None:
    path = project / ".macchiato/namespaces/chat.yml"
    os.mkfifo(path)

    ran = macchiato("add-namespace", "chat", folder=project)

    assert ran == Ran(
        3,
        "",
        'error: "chat.yml" is not a record that macchiato wrote\n'
        "  it is not a regular file\n"
        f"  it is {path}\n"
        f"  try: git checkout -- {path}\n",
    )


def test_the_command_for_a_damaged_record_works_in_a_folder_with_blanks(tmp_path: Path) -> None:
    (tmp_path / "my $(work)").mkdir()
    path = write_record(tmp_path / "my $(work)", "template: [")

    with pytest.raises(MacchiatoError) as caught:
        read_project(tmp_path / "my $(work)")

    assert caught.value.tries == (f"git checkout -- '{path}'",)


def test_a_record_of_a_later_version_asks_for_an_upgrade(tmp_path: Path) -> None:
    path = write_record(tmp_path, RECORD.replace("0.1.0", "0.10.0"))

    with pytest.raises(MacchiatoError) as caught:
        read_project(tmp_path)

    assert caught.value.exit_code == 3
    assert caught.value.message == f"{path} was written by macchiato 0.10.0, and this is {__version__}"
    assert caught.value.tries == ("uv tool upgrade macchiato-cli", "pip install --upgrade macchiato-cli")


@pytest.mark.parametrize(
    "answers",
    [
        {"name": "other", "events": ["a"], "public": False},
        {"name": "chat", "events": [], "public": False},
        {"name": "chat", "events": "abc", "public": False},
        {"name": "chat", "events": [1], "public": False},
        {"name": "chat", "events": ["a", "a"], "public": False},
        {"name": "chat", "events": ["a"], "public": "no"},
        {"name": "chat", "events": ["a"]},
    ],
)
def test_a_damaged_namespace_record_is_refused(tmp_path: Path, answers: dict[str, object]) -> None:
    path = tmp_path / ".macchiato/namespaces/chat.yml"
    path.parent.mkdir(parents=True)
    path.write_text(f"template: namespace\nversion: 0.1.0\nanswers: {answers!r}\n".replace("False", "false"))

    with pytest.raises(MacchiatoError) as caught:
        read_namespace(tmp_path, "chat")

    assert caught.value.code == "damaged_record"


@pytest.mark.parametrize(
    "text",
    [
        dump_project(ProjectRecord("demo", NamespaceName("devUser"))),
        *(
            RECORD.replace("demo", name).encode()
            for name in (
                "yes",
                "No",
                "NULL",
                "y",
                "on",
                "1.5",
                "1e3",
                "_1",
                "'a'",
                "a.b-c_d",
                "a: b",
                "~",
                "a #b",
            )
        ),
        RECORD.replace("0.1.0", "0x1").encode(),
        RECORD.replace("project", "true").encode(),
        RECORD.replace("  name", "\tname").encode(),
        RECORD.encode() + b"  name: other\n",
    ],
)
def test_a_record_says_the_same_without_yaml(tmp_path: Path, text: bytes) -> None:
    path = write_record(tmp_path, text)
    try:
        meant = yaml.safe_load(text)
    except yaml.YAMLError:
        with pytest.raises(MacchiatoError):
            load_record(path)
    else:
        assert load_record(path) == meant


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    project = ProjectRecord("on", NamespaceName("devUser"))
    namespace = NamespaceRecord(NamespaceName("teamChat"), (EventName("a"), EventName("null")), public=True)
    write_record(tmp_path, dump_project(project))
    (tmp_path / ".macchiato/namespaces").mkdir()
    (tmp_path / ".macchiato/namespaces/team_chat.yml").write_bytes(dump_namespace(namespace))

    assert read_project(tmp_path) == project
    assert read_namespace(tmp_path, "team_chat") == namespace
    assert read_namespace(tmp_path, "other") is None


def test_a_project_can_be_rendered_again_from_its_records(project: Path) -> None:
    namespace = read_namespace(project, "dev_user")
    assert namespace is not None

    files = project_files(read_project(project)) | namespace_files(namespace)

    assert {path: file.content for path, file in files.items()} == {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and path.name != ".env"
    }


def test_a_damaged_project_is_left_alone(macchiato: Macchiato, project: Path) -> None:
    path = write_record(project, "template: [")
    before = snapshot(project)

    ran = macchiato("add-namespace", "chat", folder=project)

    assert (ran.code, ran.out) == (3, "")
    assert ran.err == (
        'error: "project.yml" is not a record that macchiato wrote\n'
        "  it is not YAML\n"
        f"  it is {path}\n"
        f"  try: git checkout -- {path}\n"
    )
    assert snapshot(project) == before


def test_a_deleted_record_of_the_project_is_told_as_such(macchiato: Macchiato, project: Path) -> None:
    path = project / ".macchiato/project.yml"
    path.unlink()
    before = snapshot(project)

    ran = macchiato("add-namespace", "chat", folder=project / "app")

    assert ran == Ran(
        3,
        "",
        f"error: {project} has lost its record, .macchiato/project.yml\n"
        "  those of its namespaces are still there\n"
        f"  try: git checkout -- {path}\n",
    )
    assert snapshot(project) == before


def test_a_record_of_the_project_that_is_no_file_is_refused(macchiato: Macchiato, project: Path) -> None:
    path = project / ".macchiato/project.yml"
    path.unlink()
    path.mkdir()

    ran = macchiato("list", folder=project)

    assert ran == Ran(
        3,
        "",
        'error: "project.yml" is not a record that macchiato wrote\n'
        "  it is not a regular file\n"
        f"  it is {path}\n"
        f"  try: git checkout -- {path}\n",
    )


def test_a_name_that_became_reserved_later_is_read_nonetheless(tmp_path: Path) -> None:
    write_record(tmp_path, RECORD.replace("demo", "uvicorn").replace("devUser", "asyncio"))

    assert read_project(tmp_path) == ProjectRecord("uvicorn", NamespaceName("asyncio"), "0.1.0")
