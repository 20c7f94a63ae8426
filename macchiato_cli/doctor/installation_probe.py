"""Which Python this is, and whether what is required is installed: lines of JSON on the standard output.

It is given `{"needed": [...], "dev": [...]}` on the standard input, requirements as pyproject.toml has them.
It runs in the project's own environment, which may be anything, also an old Python: so the standard library
is all that it may rely on, and nothing newer than Python 3.8 may be in it.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from importlib import metadata

try:
    from packaging import requirements
except ImportError:
    requirements = None  # type: ignore[assignment]

_NAMES_SHOWN = 5


def main(needed: list[str], dev: list[str]) -> None:
    """Tell of the interpreter first: that is known whatever is installed."""
    print(
        json.dumps({"python": list(sys.version_info[:3]), "version": platform.python_version()}), flush=True
    )
    missing = [problem for line in needed for problem in problems(line)]
    missing_for_dev = [problem for line in dev for problem in problems(line)]
    print(
        json.dumps(
            {
                "needed": shortened(missing),
                "dev": shortened(missing_for_dev),
                "versions": requirements is not None,
            }
        )
    )


def problems(line: str) -> list[str]:
    """What is missing or has the wrong version, for one requirement and its extras."""
    if requirements is None:
        # Its marker cannot be read, so it may well be meant for another platform.
        name = re.match(r"[A-Za-z0-9._-]+", line)
        return [] if not name or ";" in line or version_of(name[0]) else [f"{name[0]} is not installed"]
    requirement = requirements.Requirement(line)
    if requirement.marker and not requirement.marker.evaluate():
        return []
    installed = version_of(requirement.name)
    if installed is None:
        return [f"{requirement.name} is not installed"]
    if not requirement.specifier.contains(installed, prereleases=True):
        return [f"{requirement.name} is {installed}, not {requirement.specifier}"]
    return [problem for extra in requirement.extras for problem in problems_of_extra(requirement.name, extra)]


def problems_of_extra(name: str, extra: str) -> list[str]:
    """The same for what an extra adds: pydantic[email] needs email-validator."""
    found: list[str] = []
    for line in metadata.requires(name) or []:
        marker = requirements.Requirement(line).marker if requirements else None
        if marker and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""}):
            found += problems(line.split(";")[0])
    return found


def version_of(name: str) -> str | None:
    """The installed version; a folder without metadata, which a killed installer leaves, is no version."""
    try:
        return metadata.version(name) or None
    except metadata.PackageNotFoundError:
        return None


def shortened(found: list[str]) -> list[str]:
    """The first few, and how many there are."""
    more = len(found) - _NAMES_SHOWN
    return [*found[:_NAMES_SHOWN], f"and {more} more"] if more > 0 else found


if __name__ == "__main__":
    main(**json.loads(sys.stdin.buffer.read()))
