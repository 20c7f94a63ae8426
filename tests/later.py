"""The version after this one: a checkout with changed templates, which knows all versions before it."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

from macchiato_cli import __version__
from macchiato_cli.templates import released

CHECKOUT = Path(__file__).parents[1]
LATER = "99.0.0"


def make_later(folder: Path) -> Path:
    """Make the checkout, in a folder that does not exist yet: the templates differ in each way they can."""
    ignored = shutil.ignore_patterns("__pycache__", ".*_cache", ".venv", ".env", "*.sqlite3*", "*.egg-info")
    for name in ("macchiato_cli", "templates"):
        shutil.copytree(CHECKOUT / name, folder / name, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy2(CHECKOUT / name, folder)
    (folder / "tests").symlink_to(CHECKOUT / "tests")
    freeze(folder / "templates")
    edit(folder / "macchiato_cli/__init__.py", re.escape(__version__), LATER)
    project, namespace = folder / "templates/project", folder / "templates/namespace"
    # A line of the core that everybody has, and one in the middle of what owners edit.
    edit(project / "app/core/results.py", r'^"""', '"""Later: ')
    edit(project / "app/settings.py", r"le=65535\)\] = 3000", "le=65535)] = 3100")
    edit(project / ".env.example", "^PORT=3000$", "PORT=3100")
    edit(project / "tests/test_settings.py", '"port": 3000', '"port": 3100')
    edit(project / "app/logs.py", r"\Z", "\n# The end.\n")
    (project / "tests/test_logs.py").unlink()
    (project / "app/later").mkdir()
    (project / "app/later/__init__.py").write_text("")
    (project / "app/later/greeting.py").write_text(
        '"""What the later version adds."""\n\nGREETING = "[= greeting =]"\n'
    )
    edit(project / "copier.yml", r"\Z", "greeting:\n  type: str\n  default: hello\n")
    rename(project, "app/body_limit.py", "app/body_size.py")
    rename(namespace, "tests/test_[= module =].py", "tests/test_[= module =]_socket.py")
    edit(namespace / "clients/[= module =].py", r"\A", "# Later.\n")
    (project / "scripts/later").write_text("#!/bin/sh\necho later\n")
    (project / "scripts/later").chmod(0o755)
    (folder / "templates/renames.yml").write_text(
        f"{LATER}:\n"
        "  project:\n"
        "    app/body_limit.py: app/body_size.py\n"
        "  namespace:\n"
        '    "tests/test_[= module =].py": "tests/test_[= module =]_socket.py"\n'
    )
    return folder


def release() -> ModuleType:
    """scripts/release.py, which is no package's."""
    spec = importlib.util.spec_from_file_location("release", CHECKOUT / "scripts/release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def freeze(templates: Path) -> None:
    """What a release of this version does, unless it has been done."""
    if __version__ not in released(templates):
        (templates / f".history/{__version__}.tar.xz").write_bytes(release().archive(templates))


def edit(path: Path, pattern: str, text: str) -> None:
    """Replace the first match, which has to be there."""
    edited, count = re.subn(pattern, lambda _: text, path.read_text(), count=1, flags=re.MULTILINE)
    assert count == 1, f"{pattern} is not in {path}"
    path.write_text(edited)


def rename(template: Path, old: str, new: str) -> None:
    """Rename a module of a template, and whatever imports it."""
    (template / old).rename(template / new)
    before, after = (Path(name).stem for name in (old, new))
    for path in template.rglob("*.py"):
        text = path.read_text()
        if (changed := re.sub(rf"\b{re.escape(before)}\b", lambda _: after, text)) != text:
            path.write_text(changed)
