"""Where the templates are: inside the installed package, or in the checkout of an editable install."""

from __future__ import annotations

from pathlib import Path

from macchiato_cli.errors import MacchiatoError

# What tools and people leave behind when they run a template in place. pyproject.toml keeps the same
# out of the wheel, and each copier.yml out of Copier's hands (tests/packaging compares the three).
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


def template(kind: str) -> Path:
    """The folder of the template `project` or `namespace`.

    Raises:
        MacchiatoError: macchiato was installed without its templates.
    """
    package = Path(__file__).resolve().parent
    for root in (package / "_templates", package.parent / "templates"):
        if (root / kind / "copier.yml").is_file():
            return root / kind
    raise MacchiatoError(
        f"this installation of macchiato has no template {kind}",
        code="no_templates",
        reasons=(f"looked in {package / '_templates'}",),
        tries=("pip install --force-reinstall macchiato-cli",),
    )
