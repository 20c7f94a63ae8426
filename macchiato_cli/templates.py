"""The templates: today's in the installed package or the checkout, and those of every earlier version."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from macchiato_cli import __version__
from macchiato_cli.errors import MacchiatoError, Refused

# What tools and people leave behind when they run a template in place: never rendered, never frozen.
# pyproject.toml keeps the same out of the wheel (tests/packaging compares the two).
LEFT_BEHIND = (
    "copier.yml",
    "__pycache__",
    "*.py[co]",
    "*.egg-info",
    ".venv",
    ".env",
    ".coverage",
    ".DS_Store",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
    "*.sqlite3",
    "*.sqlite3-*",
)


@contextmanager
def template(kind: str, version: str = __version__) -> Generator[Path]:
    """The folder of the template `project` or `namespace`, as it was in a version.

    Raises:
        Refused: There was no such version.
        MacchiatoError: macchiato was installed without its templates.
    """
    root = templates_root()
    if version == __version__:
        yield root / kind
        return
    archive = root / ".history" / f"{version}.tar.xz"
    if not archive.is_file():
        raise Refused(
            f"there are no templates of macchiato {version}",
            code="unknown_version",
            reasons=(f"this is {__version__}, and knows {', '.join(released(root)) or 'no other'}",),
            tries=("git log -- .macchiato",),
        )
    import tarfile
    import tempfile

    with tempfile.TemporaryDirectory(prefix="macchiato-") as folder:
        with tarfile.open(archive) as frozen:
            # Python 3.11.3 and earlier know no filters; what is in here is our own.
            frozen.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
            frozen.extractall(folder)  # noqa: S202
        yield Path(folder, kind)


def released(root: Path) -> list[str]:
    """The versions whose templates are frozen in .history, in their order."""
    versions = [path.name.removesuffix(".tar.xz") for path in (root / ".history").glob("*.tar.xz")]
    return sorted(versions, key=version_key)


def version_key(version: str) -> tuple[int, ...]:
    """What versions are compared by: 0.10.0 comes after 0.9.0."""
    return tuple(int(part) for part in version.split("."))


def templates_root() -> Path:
    """The folder of all templates.

    Raises:
        MacchiatoError: macchiato was installed without them.
    """
    package = Path(__file__).resolve().parent
    for root in (package / "_templates", package.parent / "templates"):
        if all((root / kind / "copier.yml").is_file() for kind in ("project", "namespace")):
            return root
    raise MacchiatoError(
        "this installation of macchiato has no templates",
        code="no_templates",
        reasons=(f"looked in {package / '_templates'}",),
        tries=("pip install --force-reinstall macchiato-cli",),
    )
