"""The settings, and what they name: the port, the database, Redis."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from macchiato_cli.bounded import Answer
from macchiato_cli.doctor import services_probe
from macchiato_cli.doctor.check import Check, broken, note

_NAMES = ("settings", "port", "database", "redis")


def probe_command(python: Path) -> list[str]:
    """The command that tries them."""
    return [str(python), services_probe.__file__]


def check_services(answer: Answer) -> list[Check]:
    """What the probe found, and that it found nothing where it was stopped."""
    checks = {
        line["name"]: Check(line["name"], line["state"], line["found"], tuple(line["tries"]))
        for line in answer.objects
        if _is_check(line)
    }
    if "settings" not in checks:
        return [
            broken("settings", f"app.settings cannot be tried: {answer.last_words}"),
            note("port", "not known: the settings cannot be used"),
            note("database", "not known: the settings cannot be used"),
        ]
    for name in ("port", "database"):
        checks.setdefault(name, broken(name, f"could not be checked: {answer.last_words}"))
    return list(checks.values())


def _is_check(line: dict[str, Any]) -> bool:
    """Whether the probe has said it: the project's own code can write there, too."""
    found, tries = line.get("found"), line.get("tries")
    return (
        line.get("name") in _NAMES
        and line.get("state") in ("ok", "note", "broken")
        and isinstance(found, str)
        and isinstance(tries, list)
        and all(isinstance(command, str) for command in line["tries"])
    )
