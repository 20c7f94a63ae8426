"""`macchiato client`: clients of what the project's own code declares, written whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.cli.borrowed_environment import make_environment
from tests.cli.conftest import Macchiato, Ran, snapshot

LISTENER = """
@dev_user_socket.listener("addTask")
async def on_add_task(
    wrapper: SocketWrapper[UserMetadata], client: Client[UserMetadata], metadata: UserMetadata, title: Text
) -> int:
    return len(title)
"""
TYPED = "clients/typed/dev_user.py"


@pytest.fixture(scope="module")
def with_environment(rendered: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ready") / "demo"
    shutil.copytree(rendered, folder)
    make_environment(folder)
    return folder


@pytest.fixture
def ready(with_environment: Path, work: Path) -> Path:
    """A fresh project with an environment."""
    return Path(shutil.copytree(with_environment, work / "demo", symlinks=True))


@pytest.fixture
def changed(ready: Path) -> Path:
    """The same, with a listener of its owner's."""
    with (ready / "app/namespaces/dev_user.py").open("a") as module:
        module.write(LISTENER)
    return ready


def test_what_is_rendered_is_what_is_generated(macchiato: Macchiato, ready: Path) -> None:
    longest = "aB" * 17
    for arguments in (
        ("chat", "--event", "sendMessage", "--event", "typing"),
        ("lobby", "--public"),
        ("several", "--public", "--event", "a", "--event", "b:c"),
        # Called as what is in its own module.
        *(("message",), ("tokenAuth", "--public"), ("any",)),
        (longest, "--event", longest),
        (f"{longest}c", "--event", longest, "--public"),
    ):
        assert macchiato("add-namespace", *arguments, "-q", folder=ready) == Ran(0, "", "")
    before = snapshot(ready / "clients")

    ran = macchiato("client", "python", "--check", "--json", folder=ready)

    assert ran.code == 0, ran.out
    assert len(json.loads(ran.out)["unchanged"]) == 9
    assert macchiato("client", "python", "-q", folder=ready) == Ran(0, "", "")
    assert snapshot(ready / "clients") == before


def test_a_stale_client_is_named_and_made_anew(macchiato: Macchiato, changed: Path) -> None:
    before = snapshot(changed)

    assert macchiato("client", "python", "--check", folder=changed) == Ran(
        1,
        "",
        f"error: this client is not what the contract says\n  {TYPED}\n  try: macchiato client python\n",
    )
    assert macchiato("client", "python", "--dry-run", folder=changed) == Ran(
        0, f"update    {TYPED}\nnote      this was a dry run: nothing was written\n", ""
    )
    without_caches = {path: text for path, text in snapshot(changed).items() if "__pycache__" not in path}
    assert without_caches == {path: text for path, text in before.items() if "__pycache__" not in path}
    assert macchiato("client", "python", folder=changed / "app") == Ran(0, f"updated   {TYPED}\n", "")
    assert 'Literal["addTask"]' in (changed / TYPED).read_text()
    assert macchiato("client", "python", "--check", folder=changed) == Ran(0, f"unchanged {TYPED}\n", "")


def test_the_client_of_a_namespace_that_is_gone_goes(macchiato: Macchiato, ready: Path) -> None:
    macchiato("add-namespace", "chat", folder=ready)
    (ready / "app/namespaces/chat.py").unlink()
    own = ready / "clients/typed/own.py"
    own.write_text("MINE = 1\n")

    ran = macchiato("client", "python", folder=ready)

    assert ran == Ran(0, f"removed   clients/typed/chat.py\nunchanged {TYPED}\n", "")
    assert own.read_text() == "MINE = 1\n"


def test_a_file_that_is_nobodys_client_is_never_overwritten(macchiato: Macchiato, changed: Path) -> None:
    (changed / TYPED).write_text("MINE = 1\n")
    (changed / "client.ts").write_text("const mine = 1;\n")
    for arguments, path in (((), TYPED), (("-o", "client.ts"), "client.ts")):
        language = "typescript" if arguments else "python"
        assert macchiato("client", language, *arguments, folder=changed) == Ran(
            3,
            "",
            "error: files of yours are in the way\n"
            f"  {path}\n"
            "  macchiato only overwrites clients that it has made: rename or remove these first\n",
        )
    assert (changed / TYPED).read_text() == "MINE = 1\n"
    assert (changed / "client.ts").read_text() == "const mine = 1;\n"


def test_one_file_goes_where_it_is_wanted(macchiato: Macchiato, changed: Path, work: Path) -> None:
    made = macchiato("client", "python", "-o", "../client.py", folder=changed)
    assert made == Ran(0, "created   ../client.py\n", "")
    text = (work / "client.py").read_text()
    assert "addTask" in text
    (work / "client.py").write_text(text.replace("addTask", "addTusk"))
    (work / "client.py").chmod(0o640)

    checked = macchiato("client", "python", "-o", "../client.py", "--check", folder=changed)
    again = macchiato("client", "python", "-o", "../client.py", folder=changed)

    assert checked == Ran(
        1,
        "",
        "error: this client is not what the contract says\n"
        "  ../client.py\n"
        "  try: macchiato client python -o ../client.py\n",
    )
    assert again == Ran(0, "updated   ../client.py\n", "")
    assert (work / "client.py").read_text() == text
    assert (work / "client.py").stat().st_mode & 0o777 == 0o640
    assert sorted(entry.name for entry in work.iterdir()) == ["client.py", "demo"]


def test_typescript_goes_to_the_standard_output(macchiato: Macchiato, ready: Path) -> None:
    macchiato("client", "typescript", "-o", "client.ts", folder=ready)
    text = (ready / "client.ts").read_text()

    assert macchiato("client", "typescript", folder=ready) == Ran(0, text, "")
    assert json.loads(macchiato("client", "typescript", "--json", folder=ready).out)["text"] == text


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ["ruby"],
            'error: there is no client for "ruby"\n'
            "  there are python and typescript\n"
            "  try: macchiato client --help\n",
        ),
        (
            ["typescript", "--check"],
            "error: --check needs a file\n"
            "  without -o FILE, the client goes to the standard output\n"
            "  try: macchiato client typescript -o client.ts --check\n",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(
    macchiato: Macchiato, ready: Path, arguments: list[str], error: str
) -> None:
    assert macchiato("client", *arguments, folder=ready) == Ran(2, "", error)


def test_a_type_without_a_schema_is_told_in_the_projects_own_words(macchiato: Macchiato, ready: Path) -> None:
    module = ready / "app/namespaces/dev_user.py"
    text = LISTENER.replace("-> int", "-> object").replace("title: Text", "title: Nothing")
    module.write_text(
        f"{module.read_text()}\nfrom collections.abc import Callable\nNothing = Callable[[], int]\n{text}"
    )
    before = snapshot(ready / "clients")

    ran = macchiato("client", "python", folder=ready)

    assert (ran.code, ran.out) == (1, "")
    assert ran.err.splitlines()[0] == "error: the project's contract cannot be read"
    assert ran.err.splitlines()[1].startswith(
        "  /devUser: the listener of 'addTask': title has no JSON Schema: "
    )
    assert snapshot(ready / "clients") == before


def test_what_else_keeps_the_contract_from_being_read(macchiato: Macchiato, ready: Path) -> None:
    module = ready / "app/namespaces/dev_user.py"
    text = module.read_text()
    for broken, reason in (
        ("import nope\n", "ModuleNotFoundError: No module named 'nope'"),
        ("import os\nos._exit(3)\n", "it ended with 3"),
        ("import os\nprint('{')\nos._exit(0)\n", "what it printed is no JSON"),
    ):
        module.write_text(broken + text)
        ran = macchiato("client", "typescript", folder=ready)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.splitlines()[:2] == ["error: the project's contract cannot be read", f"  {reason}"]
    module.write_text(f"print('importing')\nprint('{{')\n{text}")
    assert macchiato("client", "python", "--check", folder=ready).code == 0


def test_without_an_environment_it_says_how_to_make_one(macchiato: Macchiato, project: Path) -> None:
    ran = macchiato("client", "python", "--json", folder=project)

    found = json.loads(ran.out)
    assert (ran.code, found["code"], found["try"][-1]) == (1, "no_environment", "macchiato client python")


def test_what_is_older_than_contracts_needs_an_update(macchiato: Macchiato, ready: Path) -> None:
    shutil.rmtree(ready / "app/contract")

    assert macchiato("client", "python", folder=ready) == Ran(
        1,
        "",
        "error: this project cannot tell its contract: app/contract is not there\n  try: macchiato update\n",
    )


def test_a_file_that_cannot_be_written_is_named(macchiato: Macchiato, ready: Path, work: Path) -> None:
    for path, reason in (("no/such/client.ts", "no such file or directory"), ("app", "is a directory")):
        ran = macchiato("client", "typescript", "-o", path, folder=ready)
        assert (ran.code, ran.err.splitlines()[0]) == (1, f"error: {path} cannot be written: {reason}")
    (work / "real.ts").write_text("")
    os.symlink(work / "real.ts", ready / "link.ts")
    (work / "real.ts").unlink()
    assert macchiato("client", "typescript", "-o", "link.ts", folder=ready).code == 0
    assert (ready / "link.ts").is_symlink()
    assert (work / "real.ts").is_file()
