"""Freezes the templates: `templates/.history/<version>.tar.xz`, and its digest in SHA256SUMS.

What is frozen stays as it is for ever: projects that were made from it are updated with it as the base.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
from fnmatch import fnmatch
from pathlib import Path

from macchiato_cli import __version__
from macchiato_cli.templates import LEFT_BEHIND, released, version_key

CHECKOUT = Path(__file__).resolve().parents[1]
KINDS = ("project", "namespace")


def main() -> None:
    """Freeze what is in the checkout, unless its version has been released already."""
    templates = CHECKOUT / "templates"
    versions = released(templates)
    if __version__ in versions:
        if members(read_archive(templates, __version__)) == members(archive(templates)):
            print(f"{__version__} is frozen already, and the templates are what they were")
            return
        sys.exit(
            f"error: {__version__} has been released with other templates\n"
            "  change the version in macchiato_cli/__init__.py, then try again"
        )
    if versions and version_key(__version__) < version_key(versions[-1]):
        sys.exit(f"error: {__version__} is earlier than {versions[-1]}, which has been released")
    frozen = archive(templates)
    history = templates / ".history"
    history.mkdir(exist_ok=True)
    (history / f"{__version__}.tar.xz").write_bytes(frozen)
    with (history / "SHA256SUMS").open("a") as sums:
        sums.write(f"{hashlib.sha256(frozen).hexdigest()}  {__version__}.tar.xz\n")
    print(f"froze {__version__}: {len(members(frozen))} files, {len(frozen)} bytes")


def archive(templates: Path) -> bytes:
    """Both templates as a .tar.xz: the same bytes from the same files, whoever makes it, when and where."""
    paths = sorted(path for kind in KINDS for path in (templates / kind).rglob("*"))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:xz", preset=9) as frozen:
        for path in paths:
            name = path.relative_to(templates)
            if path.is_file() and not _is_left_behind(name):
                member = tarfile.TarInfo(name.as_posix())  # Its date is 1970, its owner 0.
                member.size = path.stat().st_size
                member.mode = 0o755 if os.access(path, os.X_OK) else 0o644
                frozen.addfile(member, io.BytesIO(path.read_bytes()))
    return buffer.getvalue()


def read_archive(templates: Path, version: str) -> bytes:
    """What is frozen for the version."""
    return (templates / ".history" / f"{version}.tar.xz").read_bytes()


def members(frozen: bytes) -> dict[str, tuple[int, bytes]]:
    """What is in an archive: permissions and bytes by name."""
    with tarfile.open(fileobj=io.BytesIO(frozen)) as opened:
        files = ((member, opened.extractfile(member)) for member in opened.getmembers())
        return {member.name: (member.mode, file.read()) for member, file in files if file is not None}


def _is_left_behind(path: Path) -> bool:
    return any(
        fnmatch(part, pattern) for part in path.parts for pattern in LEFT_BEHIND if pattern != "copier.yml"
    )


if __name__ == "__main__":
    main()
