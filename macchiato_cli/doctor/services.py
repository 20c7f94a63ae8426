"""The settings, and what they name: the port, the database, Redis."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

from macchiato_cli.bounded import Answer
from macchiato_cli.doctor import services_probe
from macchiato_cli.doctor.check import Check, broken, note
from macchiato_cli.environment import install_commands

_NAMES = ("settings", "port", "database", "redis")
_OTHER_DATABASE = re.compile(r"(in \.env:|export) DATABASE_URL=")
# As our probes, and the settings of macchiato 0.1.0, say it: they do not know what installs here.
_EXTRA = re.compile(r': pip install -e "\.\[([a-z]+)\]"')


def probe_command(python: Path) -> list[str]:
    """The command that tries them."""
    return [str(python), services_probe.__file__]


def check_services(answer: Answer) -> list[Check]:
    """What the probe found, and that it found nothing where it was stopped."""
    checks = {
        line["name"]: _with_install(Check(line["name"], line["state"], line["found"], tuple(line["tries"])))
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


def _with_install(check: Check) -> Check:
    """The check; where an extra is missing, with the command that installs it into this project's .venv."""
    if not (missing := _EXTRA.search(check.found)):
        return check
    *command, _ = shlex.split(install_commands()[-1])
    install = shlex.join([*command, f".[dev,{missing[1]}]"])
    others = (each for each in check.tries if not _OTHER_DATABASE.match(each))
    return replace(check, found=_EXTRA.sub("", check.found), tries=(install, *others))


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
