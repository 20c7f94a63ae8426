"""`macchiato new`: what is refused, what is made, what is said."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from macchiato_cli import __version__
from tests.cli.conftest import Macchiato, Ran, snapshot

IS_ROOT = os.name == "posix" and os.geteuid() == 0
QUICK = ("--no-install", "--no-git")


def test_a_folder_with_files_is_refused_and_its_files_are_named(macchiato: Macchiato, work: Path) -> None:
    (work / "demo").mkdir()
    for number in range(13):
        (work / "demo" / f"note{number:02}.txt").write_text("mine")
    before = snapshot(work)

    assert macchiato("new", "demo") == Ran(
        3,
        "",
        f"error: {work}/demo is not empty\n"
        "  it holds note00.txt, note01.txt, note02.txt, note03.txt, note04.txt, note05.txt, note06.txt, "
        "note07.txt, note08.txt, note09.txt, and 3 more\n"
        "  try: macchiato new another-name\n",
    )
    assert snapshot(work) == before


def test_a_project_is_not_made_twice(macchiato: Macchiato, project: Path) -> None:
    before = snapshot(project)
    top = sorted(os.listdir(project))
    names = ", ".join(top[:10]) + (f", and {len(top) - 10} more" if len(top) > 10 else "")

    assert macchiato("new", "demo") == Ran(
        3,
        "",
        f"error: {project} is a macchiato project already\n"
        f"  it holds {names}\n"
        "  try: cd demo\n"
        "       macchiato add-namespace chat\n"
        "       macchiato run\n",
    )
    assert macchiato("new", ".", folder=project).err.endswith(
        "  try: macchiato add-namespace chat\n       macchiato run\n"
    )
    assert snapshot(project) == before


@pytest.mark.parametrize("kind", ["file", "link to a file", "link to nowhere"])
def test_something_else_at_the_target_is_refused(macchiato: Macchiato, work: Path, kind: str) -> None:
    if kind == "file":
        (work / "demo").write_text("mine")
    else:
        (work / "demo").symlink_to(__file__ if kind == "link to a file" else work / "nowhere")
    before = snapshot(work)

    assert macchiato("new", "demo") == Ran(3, "", f"error: {work}/demo is not a folder\n")
    assert snapshot(work) == before


def test_a_file_among_the_parents_is_refused(macchiato: Macchiato, work: Path) -> None:
    (work / "file").write_text("mine")

    assert macchiato("new", "file/deep/demo") == Ran(3, "", f"error: {work}/file is not a folder\n")


@pytest.mark.skipif(IS_ROOT, reason="root may write everywhere")
def test_a_parent_without_permission_is_refused(macchiato: Macchiato, work: Path) -> None:
    work.chmod(0o500)

    assert macchiato("new", "demo") == Ran(
        1, "", f"error: {work}/demo cannot be made: you may not write to {work}\n"
    )


def test_a_parent_on_a_read_only_file_system_is_refused(macchiato: Macchiato) -> None:
    ran = macchiato("new", "/proc/demo", *QUICK)

    assert (ran.code, ran.err.splitlines()[1:]) == (1, ["  nothing was written"])
    assert ran.err.startswith("error: /proc/demo cannot be written: ")


def test_a_bad_name_is_refused_before_anything_else(macchiato: Macchiato, work: Path) -> None:
    assert macchiato("new", "my server") == Ran(
        2,
        "",
        'error: "my server" cannot be a project name\n'
        "  it may hold ASCII letters and digits, with - _ and . between them\n"
        "  try: macchiato new 'my server' --name my-server\n",
    )
    assert macchiato("new", "demo", "--namespace", "9lives") == Ran(
        2,
        "",
        'error: "9lives" cannot be a namespace name\n'
        "  it becomes Python code, so it must start with a letter (a to z)\n"
        "  try: macchiato new demo --namespace lives9\n",
    )
    options = ["--namespace", "9lives", "--no-git", "-y", "-n"]
    assert macchiato("new", "my server", "--name", "a b", *options).err.splitlines()[-1] == (
        "  try: macchiato new 'my server' --name a-b --namespace lives9 --no-git --dry-run --yes"
    )
    assert macchiato("new", "my server", "--namespace", "chat", "-q").err.splitlines()[-1] == (
        "  try: macchiato new 'my server' --name my-server --namespace chat --quiet"
    )
    assert os.listdir(work) == []


def test_terminal_escapes_in_a_name_are_shown_not_obeyed(macchiato: Macchiato) -> None:
    ran = macchiato("new", "\x1b[2Jdemo")

    assert ran.err.splitlines()[0] == 'error: "\\x1b[2Jdemo" cannot be a project name'


def test_terminal_escapes_in_a_path_are_shown_not_obeyed(macchiato: Macchiato, work: Path) -> None:
    path = "caf\u00e9 \u3000/\x1b]0;x\x07\n\u202e/demo"

    ran, as_json = macchiato("new", path, *QUICK), macchiato("new", path, *QUICK, "--json")

    printed = "caf\u00e9 \u3000/\\x1b]0;x\\x07\\n\\u202e/demo"
    assert f" files in {printed}\n" in ran.out
    assert f"  cd '{printed}'\n" in ran.out
    assert as_json.code == 3
    assert json.loads(as_json.out)["message"] == f"{work}/{path} is a macchiato project already"
    assert macchiato("new", path).err.startswith(f"error: {work}/{printed} is a macchiato project already\n")


def test_missing_parents_are_not_left_behind_by_a_failure(macchiato: Macchiato, work: Path) -> None:
    # A name that is too long for the file system, but only once its parents are there.
    ran = macchiato("new", f"a/b/{'x' * 300}", "--name", "demo", *QUICK)

    assert (ran.code, ran.out) == (1, "rendering demo ...\n")
    assert ran.err.endswith(" cannot be written: file name too long\n  nothing was written\n")
    assert os.listdir(work) == []


def test_without_a_terminal_a_missing_path_is_named(macchiato: Macchiato) -> None:
    assert macchiato("new") == Ran(2, "", "error: PATH is missing\n  try: macchiato new myproj\n")


def test_a_dry_run_shows_every_file_and_writes_none(macchiato: Macchiato, work: Path, rendered: Path) -> None:
    ran = macchiato("new", "demo", "--dry-run")

    created = {line.removeprefix("create    ") for line in ran.out.splitlines() if line.startswith("create ")}
    assert created == {
        path.relative_to(rendered).as_posix() for path in rendered.rglob("*") if path.is_file()
    }
    assert ran.out.splitlines()[-1] == "note      this was a dry run: nothing was written"
    assert os.listdir(work) == []


def test_a_project_is_made_and_told(macchiato: Macchiato, work: Path) -> None:
    ran = macchiato("new", "demo", *QUICK)

    count = sum(path.is_file() for path in (work / "demo").rglob("*"))
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[:9] == [
        "rendering demo ...",
        f"created   {count} files in demo",
        "",
        "demo",
        "├── app/            the server; its namespaces are in app/namespaces",
        "├── clients/        a client for the terminal, one for each namespace",
        "├── tests/          a real server, real clients",
        "├── .env            settings and a fresh secret, not in git",
        "├── pyproject.toml  dependencies and tools",
    ]
    following = lines.index("Next:")
    assert lines[following + 1] == "  cd demo"
    assert lines[-5:] == [
        "  macchiato run",
        "  .venv/bin/python clients/dev_user.py --name Ada   # in a second terminal",
        "",
        "The same, without questions:",
        "  macchiato new demo --no-install --no-git",
    ]


def test_quiet_says_nothing(macchiato: Macchiato) -> None:
    assert macchiato("new", "demo", "-q", *QUICK) == Ran(0, "", "")


def test_the_first_namespace_may_have_another_name(macchiato: Macchiato, work: Path) -> None:
    ran = macchiato("new", "demo", "--namespace", "teamChat", "--name", "talk", *QUICK)

    assert ran.code == 0
    assert ran.out.endswith("  macchiato new demo --name talk --namespace teamChat --no-install --no-git\n")
    assert (work / "demo/app/namespaces/team_chat.py").is_file()
    assert not (work / "demo/app/namespaces/dev_user.py").exists()
    assert (work / "demo/.macchiato/project.yml").read_text().splitlines()[1:] == [
        "template: project",
        f"version: {__version__}",
        "answers:",
        "  name: talk",
        "  namespace: teamChat",
    ]
    assert (work / "demo/.macchiato/namespaces/team_chat.yml").read_text().splitlines()[1:] == [
        "template: namespace",
        f"version: {__version__}",
        "answers:",
        "  name: teamChat",
        "  events:",
        "  - sayStuff",
        "  public: false",
    ]


def test_no_file_names_the_machine_it_was_made_on(project: Path, work: Path) -> None:
    checkout = str(Path(__file__).parents[2])
    texts = [path.read_bytes() for path in project.rglob("*") if path.is_file()]

    assert [text for text in texts if str(work).encode() in text or checkout.encode() in text] == []


def test_the_secrets_are_fresh_private_and_only_in_env(macchiato: Macchiato, work: Path) -> None:
    macchiato("new", "one", "-q", *QUICK)
    macchiato("new", "two", "-q", *QUICK)
    secrets = [
        re.findall(rf"^{setting}=(.*)$", (work / name / ".env").read_text(), re.M)[0]
        for setting in ("TOKEN_SECRET", "POSTGRES_PASSWORD")
        for name in ("one", "two")
    ]

    assert [len(secret) for secret in secrets] == [64] * 4
    assert len(set(secrets)) == 4
    assert stat.S_IMODE((work / "one/.env").stat().st_mode) == 0o600
    assert "TOKEN_SECRET=\n" in (work / "one/.env.example").read_text()
    without = (work / "one/.env").read_text().replace(secrets[0], "").replace(secrets[2], "")
    example = (work / "one/.env.example").read_text()
    assert without == example.replace("\nENVIRONMENT=production\n", "\nENVIRONMENT=development\n")
    assert without != example


def test_permissions_follow_the_umask(macchiato: Macchiato, work: Path) -> None:
    before = os.umask(0o027)
    try:
        macchiato("new", "demo", "-q", *QUICK)
    finally:
        os.umask(before)

    modes = {f"{stat.S_IMODE(path.stat().st_mode):o}" for path in (work / "demo").rglob("*")}
    assert f"{stat.S_IMODE((work / 'demo').stat().st_mode):o}" == "750"
    assert modes <= {"750", "640", "600"}


def test_an_empty_folder_is_filled_and_stays_the_same_folder(
    macchiato: Macchiato, work: Path, rendered: Path
) -> None:
    demo = work / "demo"
    demo.mkdir(mode=0o711)
    demo.chmod(0o711)
    inode = demo.stat().st_ino

    ran = macchiato("new", ".", *QUICK, folder=demo)

    assert ran.code == 0
    assert (demo.stat().st_ino, stat.S_IMODE(demo.stat().st_mode)) == (inode, 0o711)
    assert snapshot(demo) == snapshot(rendered)
    assert "  cd " not in ran.out


def test_a_folder_with_only_a_repository_is_filled(macchiato: Macchiato, work: Path, rendered: Path) -> None:
    subprocess.run(["git", "init", "-q", "demo"], cwd=work, check=True)

    ran = macchiato("new", "demo", "--no-install")

    assert ran.code == 0
    assert (
        f"note      no git repository was made: it is inside the git repository of {work}/demo\n" in ran.out
    )
    assert snapshot(rendered).items() <= snapshot(work / "demo").items()


def test_missing_parents_are_made(macchiato: Macchiato, work: Path, rendered: Path) -> None:
    assert macchiato("new", "a/b/demo", "-q", *QUICK) == Ran(0, "", "")
    assert snapshot(work / "a/b/demo") == snapshot(rendered)


def test_rendering_neither_calls_git_nor_sees_the_user_s_copier_settings(
    macchiato: Macchiato, work: Path, home: Path, rendered: Path
) -> None:
    fake = home / "bin"
    fake.mkdir()
    (fake / "git").write_text("#!/bin/sh\necho called >> $HOME/git-was-called\nexit 1\n")
    (fake / "git").chmod(0o755)
    (home / ".config/copier").mkdir(parents=True)
    (home / ".config/copier/settings.yml").write_text("defaults:\n  project_name: theirs\n")

    ran = macchiato("new", "demo", "-q", *QUICK, PATH=f"{fake}:/usr/bin:/bin")

    assert ran == Ran(0, "", "")
    assert not (home / "git-was-called").exists()
    assert snapshot(work / "demo") == snapshot(rendered)
    assert not [path for path in home.iterdir() if path.name.startswith("macchiato-")]


def test_a_program_called_git_in_the_current_folder_is_not_called(
    macchiato: Macchiato, work: Path, home: Path, rendered: Path
) -> None:
    (work / "git").write_text("#!/bin/sh\necho called >> $HOME/git-was-called\nexit 1\n")
    (work / "git").chmod(0o755)

    assert macchiato("new", "demo", "-q", *QUICK) == Ran(0, "", "")
    assert not (home / "git-was-called").exists()
    assert snapshot(work / "demo") == snapshot(rendered)


def test_a_reader_that_leaves_does_not_stop_the_work(
    macchiato: Macchiato, work: Path, rendered: Path
) -> None:
    command = " ".join([*macchiato.command, "new", "demo", *QUICK])

    ended = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | true"],
        cwd=work,
        env=macchiato.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert snapshot(work / "demo") == snapshot(rendered)


def test_output_survives_a_terminal_that_knows_ascii_only(macchiato: Macchiato) -> None:
    ran = macchiato("new", "demo", *QUICK, LANG="C", LC_ALL="C", PYTHONIOENCODING="ascii")

    assert (ran.code, ran.err) == (0, "")
    assert ran.out.isascii()
