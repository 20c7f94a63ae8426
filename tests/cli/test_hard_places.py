"""Updates where the disk is full, or a folder or file may not be written."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from macchiato_cli.journal import CHANGING
from tests.cli.conftest import Macchiato, Ran, snapshot


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
@pytest.mark.parametrize("free_kib", [0, 40])
def test_a_full_disk_leaves_the_project_as_it_was(
    later: Macchiato, rendered: Path, work: Path, free_kib: int
) -> None:
    command = ["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", str(work)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("may not mount here")
    try:
        demo = Path(shutil.copytree(rendered, work / "demo"))
        room = os.statvfs(work).f_bavail * os.statvfs(work).f_bsize - free_kib * 1024
        (work / "full").write_bytes(b"x" * room)
        before = snapshot(demo)
        ran = later("update", "-q", folder=demo)
        after = snapshot(demo)
        (work / "full").unlink()
        again = later("update", "-q", folder=demo)
    finally:
        subprocess.run(["umount", str(work)], check=True)

    assert ran == Ran(
        1, "", f"error: {demo} cannot be written: no space left on device\n  nothing was written\n"
    )
    assert after == before
    assert again == Ran(0, "", "")


@pytest.fixture
def ordinary(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root's right to write everywhere."""
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere")
        limits = ["--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
        monkeypatch.setattr(Macchiato, "command", ("setpriv", *limits, *Macchiato.command))


@pytest.mark.usefixtures("ordinary")
@pytest.mark.parametrize("folder", [".", "tests"])
def test_a_folder_that_may_not_be_written_leaves_the_project_as_it_was(
    later: Macchiato, project: Path, folder: str
) -> None:
    (project / folder).chmod(0o555)
    before = snapshot(project)

    ran = later("update", "-q", folder=project)

    assert ran == Ran(
        1, "", f"error: {project} cannot be written: permission denied\n  nothing was written\n"
    )
    assert snapshot(project) == before
    (project / folder).chmod(0o755)
    assert later("update", "-q", folder=project) == Ran(0, "", "")


@pytest.mark.usefixtures("ordinary")
def test_an_updated_file_keeps_its_permissions_also_when_read_only(later: Macchiato, project: Path) -> None:
    (project / "app/settings.py").chmod(0o444)
    # More than a umask would leave.
    (project / "tests/test_settings.py").chmod(0o666)

    assert later("update", "-q", folder=project) == Ran(0, "", "")

    assert f"{(project / 'app/settings.py').stat().st_mode:o}" == "100444"
    assert f"{(project / 'tests/test_settings.py').stat().st_mode:o}" == "100666"
    assert "3100" in (project / "app/settings.py").read_text()
    assert not (project / CHANGING).exists()
