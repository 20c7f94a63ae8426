"""The project's client for Redis: whether it is there, in a version that works."""

from __future__ import annotations

import os
from importlib import metadata
from importlib.util import find_spec

MODULE = "redis"
_LARGEST_PYPROJECT = 1024 * 1024
_EXTRA = "redis"


def problem() -> str | None:
    """What is wrong with it; nothing where pyproject.toml has no extra for it.

    What reads REDIS_URL there, nobody knows.
    """
    wanted = _requirements()
    if wanted is None:
        return None
    # services.py knows what installs it here.
    install = f': pip install -e ".[{_EXTRA}]"'
    if find_spec(MODULE) is None:
        return f"the client for Redis is not installed{install}"
    for line in wanted:
        if other := _other_version(line):
            return f"the client for Redis is {other}{install}"
    return None


def _requirements() -> list[str] | None:
    import tomllib

    if not os.path.isfile("pyproject.toml"):
        return None
    try:
        with open("pyproject.toml", "rb") as stream:
            text = stream.read(_LARGEST_PYPROJECT).decode()
        return [str(line) for line in tomllib.loads(text)["project"]["optional-dependencies"][_EXTRA]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _other_version(line: str) -> str | None:
    """Which version is installed, and which is wanted; None where these agree, or cannot be compared."""
    try:
        from packaging.requirements import InvalidRequirement, Requirement
    except ImportError:
        return None
    try:
        wanted = Requirement(line)
        installed = metadata.version(wanted.name)
    except (InvalidRequirement, metadata.PackageNotFoundError):
        return None
    if wanted.name != MODULE or wanted.specifier.contains(installed, prereleases=True):
        return None
    return f"{installed}, not {wanted.specifier}"
