"""The repository's own tools run the template in place, so they need all that it needs."""

from __future__ import annotations

import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from macchiato_cli.templates import LEFT_BEHIND

CHECKOUT = Path(__file__).parents[2]


def requirements(lines: list[str]) -> dict[str, Requirement]:
    """By name; the same one twice becomes one with the extras and limits of both."""
    merged: dict[str, Requirement] = {}
    for line in lines:
        requirement = Requirement(line)
        known = merged.setdefault(canonicalize_name(requirement.name), requirement)
        known.extras |= requirement.extras
        known.specifier &= requirement.specifier
    return merged


def test_the_dev_extra_has_all_that_the_template_needs_in_the_same_versions() -> None:
    ours = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    theirs = tomllib.loads((CHECKOUT / "templates/project/pyproject.toml").read_text())["project"]
    installed = requirements(ours["dependencies"] + ours["optional-dependencies"]["dev"])
    needed = requirements([*theirs["dependencies"], *chain(*theirs["optional-dependencies"].values())])

    differing = [
        str(requirement)
        for name, requirement in needed.items()
        if name not in installed
        or not requirement.extras <= installed[name].extras
        or not set(map(str, requirement.specifier)) <= set(map(str, installed[name].specifier))
    ]
    assert differing == []


def test_the_wheel_leaves_out_what_rendering_leaves_out() -> None:
    hatch = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]

    # copier.yml is the only file that is shipped and not rendered.
    assert ["copier.yml", *hatch["exclude"]] == list(LEFT_BEHIND)
