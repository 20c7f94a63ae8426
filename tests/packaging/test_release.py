"""The frozen templates: what every update of an existing project starts from."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest
import yaml

from macchiato_cli import __version__
from macchiato_cli.renames import renames
from macchiato_cli.templates import released, templates_root, version_key
from tests.later import make_later, release

HISTORY = templates_root() / ".history"
archive, members = release().archive, release().members


def test_what_has_been_released_is_never_changed() -> None:
    lines = (HISTORY / "SHA256SUMS").read_text().splitlines()
    recorded = {name: digest for digest, name in (line.split("  ") for line in lines)}

    assert len(recorded) == len(lines)
    assert recorded == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in HISTORY.glob("*.tar.xz")
    }
    # The first of all, which has projects: whoever replaces the file and its line has to come past here.
    assert recorded["0.1.0.tar.xz"].startswith("3061f1b2dd986042")


def test_changed_templates_have_a_new_version() -> None:
    frozen = HISTORY / f"{__version__}.tar.xz"
    if not frozen.exists():
        assert version_key(__version__) > version_key(released(templates_root())[-1])
        return
    now, then = members(archive(templates_root())), members(frozen.read_bytes())
    changed = sorted(path for path in now.keys() | then.keys() if now.get(path) != then.get(path))

    assert changed == [], f"{__version__} has been released: change macchiato_cli/__init__.py"


def test_an_archive_has_the_same_bytes_whoever_makes_it_and_when(tmp_path: Path) -> None:
    copies = [tmp_path / "one", tmp_path / "two"]
    for copy, umask in zip(copies, (0o022, 0o077), strict=True):
        before = os.umask(umask)
        try:
            for path in sorted(templates_root().rglob("*"), reverse=umask == 0o077):
                target = copy / path.relative_to(templates_root())
                if path.is_file() and "_cache" not in str(path):
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(path.read_bytes())
                    target.chmod(0o777 & ~umask if os.access(path, os.X_OK) else 0o666 & ~umask)
                    os.utime(target, (umask, umask))
        finally:
            os.umask(before)
    (copies[1] / "project/.venv").mkdir()
    (copies[1] / "project/.venv/pyvenv.cfg").write_text("left behind")
    (copies[1] / "project/app/__pycache__").mkdir(exist_ok=True)
    (copies[1] / "project/app/__pycache__/main.pyc").write_text("left behind")

    assert archive(copies[0]) == archive(copies[1]) == archive(templates_root())


@pytest.mark.parametrize("version", released(templates_root()))
def test_an_archive_holds_both_templates_and_nothing_that_escapes(version: str) -> None:
    with tarfile.open(HISTORY / f"{version}.tar.xz") as frozen:
        names = [member.name for member in frozen.getmembers() if member.isfile()]
        assert len(names) == len(frozen.getmembers())

    assert {name.split("/")[0] for name in names} == {"project", "namespace"}
    assert {"project/copier.yml", "namespace/copier.yml"} <= set(names)
    assert [name for name in names if ".." in name.split("/") or name.startswith("/")] == []


def test_every_rename_is_from_something_that_was_to_something_that_is() -> None:
    versions = [*released(templates_root()), __version__]
    texts = yaml.safe_load((templates_root() / "renames.yml").read_text())

    wrong = []
    for version, kinds in texts.items():
        earlier = [each for each in versions if version_key(each) < version_key(version)]
        for kind, named in kinds.items():
            was, becomes = (names_in(each, kind) for each in (earlier[-1], version))
            wrong += [
                (version, old, new) for old, new in named.items() if old not in was or new not in becomes
            ]
    assert wrong == []


def names_in(version: str, kind: str) -> set[str]:
    frozen = HISTORY / f"{version}.tar.xz"
    content = frozen.read_bytes() if frozen.exists() else archive(templates_root())
    return {name.removeprefix(f"{kind}/") for name in members(content) if name.startswith(f"{kind}/")}


def test_renames_are_followed_through_several_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "renames.yml").write_text(
        '1.0.0:\n  namespace: {"a/[= module =].py": "b/[= module =].py", swapped: other, other: swapped}\n'
        '1.10.0:\n  namespace: {"b/[= module =].py": "c.py"}\n  project: {x: y}\n'
        "1.9.0:\n  project: {y: z, w: x}\n"
    )
    monkeypatch.setattr("macchiato_cli.renames.templates_root", lambda: tmp_path)

    def named(kind: str, since: str, until: str) -> dict[str, str]:
        return renames(kind, since=since, until=until, module="chat")

    assert named("namespace", "0.9.0", "2.0.0") == {
        "a/chat.py": "c.py",
        "swapped": "other",
        "other": "swapped",
    }
    assert named("namespace", "1.0.0", "1.10.0") == {"b/chat.py": "c.py"}
    assert named("namespace", "0.9.0", "1.0.0")["a/chat.py"] == "b/chat.py"
    assert named("project", "1.0.0", "1.10.0") == {"w": "y", "y": "z"}
    assert named("project", "1.10.0", "1.10.0") == {}


def test_a_release_freezes_once_and_refuses_changed_templates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = release()
    shutil.copytree(templates_root(), tmp_path / "templates", ignore=shutil.ignore_patterns(".*_cache"))
    for path in (tmp_path / f"templates/.history/{__version__}.tar.xz",):
        path.unlink(missing_ok=True)
    monkeypatch.setattr(script, "CHECKOUT", tmp_path)

    script.main()
    script.main()
    (tmp_path / "templates/project/README.md").write_text("changed")
    with pytest.raises(SystemExit) as caught:
        script.main()

    frozen = tmp_path / f"templates/.history/{__version__}.tar.xz"
    digest = hashlib.sha256(frozen.read_bytes()).hexdigest()
    assert (frozen.parent / "SHA256SUMS").read_text().endswith(f"{digest}  {__version__}.tar.xz\n")
    first, second = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"froze {re.escape(__version__)}: \d+ files, \d+ bytes", first)
    assert second == f"{__version__} is frozen already, and the templates are what they were"
    assert str(caught.value).startswith(f"error: {__version__} has been released with other templates\n")


def test_a_release_never_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later, script = make_later(tmp_path / "later"), release()
    (later / "templates/.history/99.0.0.tar.xz").write_bytes(archive(later / "templates"))
    (later / f"templates/.history/{__version__}.tar.xz").unlink()
    monkeypatch.setattr(script, "CHECKOUT", later)

    with pytest.raises(SystemExit, match=f"error: {re.escape(__version__)} is earlier than 99.0.0"):
        script.main()


@pytest.mark.parametrize("kind", ["project", "namespace"])
def test_no_version_has_a_folder_where_another_has_a_file(kind: str) -> None:
    paths = {
        name for version in (*released(templates_root()), __version__) for name in names_in(version, kind)
    }
    folders = {str(parent) for path in paths for parent in Path(path).parents}

    # An update would have to write into what is a file for everybody who has the earlier version.
    assert paths & folders == set()
