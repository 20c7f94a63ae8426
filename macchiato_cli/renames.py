"""What the templates call otherwise than they did: a renamed file keeps its owner's edits."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from macchiato_cli.templates import templates_root, version_key

_MODULE = "[= module =]"


def renames(kind: str, *, since: str, until: str, module: str) -> dict[str, str]:
    """The paths that were renamed after a version: old to new, through all steps in between.

    Args:
        kind: The template, `project` or `namespace`.
        module: What stands for `[= module =]` in them.
    """
    by_version: Mapping[str, Mapping[str, Mapping[str, str]]] = yaml.safe_load(
        (templates_root() / "renames.yml").read_text()
    )
    named: dict[str, str] = {}
    for version in sorted(by_version, key=version_key):
        if version_key(since) < version_key(version) <= version_key(until):
            step = by_version[version].get(kind, {})
            first = {old: new for old, new in step.items() if old not in named.values()}
            named = first | {old: step.get(new, new) for old, new in named.items()}
    return {old.replace(_MODULE, module): new.replace(_MODULE, module) for old, new in named.items()}
