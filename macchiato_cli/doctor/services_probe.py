"""Whether the project's settings will do, and what they name answers: lines of JSON on the standard output.

It runs in the project's own environment, from its folder: so the standard library is all that it may import
but inside of functions. Each line is `{"name", "state", "found", "tries"}`, without the settings' secrets.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

_HERE = os.path.dirname(os.path.abspath(__file__))
# Longer than each check waits for anything it knows of; names that do not resolve can take for ever.
_LIMIT_S = 5

Finding = tuple[str, str, Sequence[str]]


class Answers:
    """The lines, one for each check, without the secrets."""

    def __init__(self, redaction: Any) -> None:
        self._redaction = redaction
        self._stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
        self._lock = threading.Lock()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        # What the project's modules print is not for those who read the answers.
        for descriptor in (1, 2):
            os.dup2(nowhere, descriptor)

    def add(self, name: str, examine: Callable[[], Finding]) -> None:
        """Make a check, and tell of it whatever happens."""
        try:
            state, found, tries = examine()
        except BaseException as error:
            state, found, tries = "broken", f"could not be checked: {type(error).__name__}: {error}", ()
        self.tell(name, state, found, remedies(tries))

    def tell(self, name: str, state: str, found: str, tries: Sequence[str] = ()) -> None:
        """One line."""
        texts = [self._safe(text) for text in (found, *tries)]
        with self._lock:
            self._stream.write(
                json.dumps({"name": name, "state": state, "found": texts[0], "tries": texts[1:]}) + "\n"
            )
            self._stream.flush()

    def _safe(self, text: str) -> str:
        text = self._redaction.applied_to(text)
        text = " ".join(text.split()) if text.count("\n") else text
        return text if len(text) <= 400 else f"{text[:397]}..."


def main() -> None:
    """The settings first, then what they name, side by side."""
    redactions = sibling("redaction", folder=os.path.dirname(_HERE))
    # As with `python -m app`; this file's own folder has nothing for the project.
    sys.path[:] = [os.getcwd(), *(path for path in sys.path if path != _HERE)]
    text = redactions.env_file_text(os.getcwd())
    readings = [redactions.plain_settings(text), *redactions.dotenv_settings(text), dict(os.environ)]
    redaction = redactions.of_settings(readings)
    answers = Answers(redaction)
    redis_url, redis_prefix = setting("REDIS_URL", readings), None
    checks: dict[str, Callable[[], Finding]] = {}
    try:
        settings = import_module("app.settings").load_settings()
    except BaseException as error:
        found, tries = explained(error)
        answers.tell("settings", "broken", found, tries)
        unknown = ["port", "database"]
        if "REDIS_URL cannot be used" in found:
            unknown, redis_url = [*unknown, "redis"], None
        for name in unknown:
            answers.tell(name, "note", "not known: the settings cannot be used")
    else:
        database_url = plain(settings.database_url)
        redis_url = plain(getattr(settings, "redis_url", None)) or redis_url
        redaction.hide(plain(settings.token_secret), plain(getattr(settings, "metrics_token", None)))
        redaction.hide_settings({"DATABASE_URL": database_url or "", "REDIS_URL": redis_url or ""})
        answers.tell("settings", "ok", "complete, and the secret is hard to guess")
        checks["port"] = lambda: sibling("port_check").check(settings.host, settings.port)
        redis_prefix = getattr(settings, "redis_prefix", None)
        checks["database"] = lambda: sibling("database_check").check(
            database_url, shared=bool(redis_url and redis_prefix)
        )
    if redis_url:
        checks["redis"] = lambda: sibling("redis_check").check(redis_url, redis_prefix)
    side_by_side(checks, answers)


def side_by_side(checks: Mapping[str, Callable[[], Finding]], answers: Answers) -> None:
    """Make the checks, each in a thread, since one that hangs must not keep the others waiting."""
    deadline = time.monotonic() + _LIMIT_S
    threads = {
        name: threading.Thread(target=answers.add, args=(name, examine), daemon=True)
        for name, examine in checks.items()
    }
    for thread in threads.values():
        thread.start()
    for name, thread in threads.items():
        thread.join(max(deadline - time.monotonic(), 0))
        if thread.is_alive():
            answers.tell(name, "broken", f"no answer within {_LIMIT_S} s")


def setting(name: str, readings: Sequence[Mapping[str, str]]) -> str | None:
    """Its text, whatever the case of its name; a later reading wins."""
    found = [text for settings in readings for key, text in settings.items() if key.upper() == name and text]
    return found[-1] if found else None


def plain(value: Any) -> str | None:
    """A setting's text, also where the project keeps it as a secret or as a URL."""
    if value is None:
        return None
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)


def explained(error: BaseException) -> tuple[str, list[str]]:
    """What the project's own loader says: what is wrong, and its remedies.

    Its text is blocks of `error: ...`, then indented reasons, then `try: ...`.
    """
    if not isinstance(error, SystemExit) or "error: " not in str(error):
        return f"app.settings does not work: {type(error).__name__}: {error}", []
    found: list[str] = []
    tries: list[str] = []
    for line in str(error).splitlines():
        if line.startswith("error: "):
            found.append(line.removeprefix("error: "))
        elif line.startswith(("  try: ", "       ")):
            tries.append(line.strip().removeprefix("try: "))
        elif line.startswith("  ") and found:
            found[-1] += f": {line.strip()}"
    return "; ".join(found), remedies(tries)


def remedies(tries: Sequence[str]) -> list[str]:
    """Remedies as one can type them, settings with their place; also those of macchiato 0.1.0's loader."""
    typable: list[str] = []
    for command in tries:
        if re.fullmatch(r"[A-Z][A-Z0-9_]*=\S+(, or \S+)?", command):
            # The environment wins over .env.
            place = "export" if os.environ.get(command.partition("=")[0]) else "in .env:"
            typable.append(f"{place} {command}")
        elif command.startswith("scripts/setup, "):
            # It only helps where there is no .env, and then nothing else is needed.
            typable += [] if os.path.exists(".env") else ["scripts/setup"]
        elif command.startswith("python -c ") and "secrets" in command:
            hint = "   # in .env: TOKEN_SECRET=..."
            typable += [f".venv/bin/{command}{hint}"] if os.path.exists(".env") else []
        else:
            typable.append(command)
    return typable


def sibling(name: str, *, folder: str = _HERE) -> Any:
    """A module of ours, or a package, which the project's own modules cannot get in the way of."""
    path = os.path.join(folder, name)
    path = os.path.join(path, "__init__.py") if os.path.isdir(path) else f"{path}.py"
    spec = spec_from_file_location(f"macchiato_{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = module_from_spec(spec)
    # Where the modules of a package look for each other.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
    # Without waiting for threads that hang.
    os._exit(0)
