"""`macchiato client`: typed clients, made of a project's contract; or are they up to date?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from macchiato_cli.apply import change_files, stop_if_interrupted, write_file
from macchiato_cli.client import asking, python, typescript
from macchiato_cli.client.contract import Unreadable
from macchiato_cli.errors import USAGE, MacchiatoError, Refused, reason_of, shown
from macchiato_cli.lock import locked
from macchiato_cli.merge import in_lf
from macchiato_cli.plan import File, Obstacle, Step
from macchiato_cli.project import read_project
from macchiato_cli.report import Report
from macchiato_cli.target import present_files
from macchiato_cli.templates import template

LANGUAGES: Final = ("python", "typescript")
_FOLDER: Final = "clients/typed"
_RUNTIME: Final = f"{_FOLDER}/__init__.py"


def client_command(language: str, output: str | None, *options: str) -> str:
    """What to type for a client."""
    return shlex.join(["macchiato", "client", language, *(["-o", output] if output else []), *options])


def make_client(
    root: Path, language: str, report: Report, *, output: str | None, check: bool, dry_run: bool
) -> None:
    """Make the clients of one language: into a file, into the project, or on the standard output.

    Args:
        check: Write nothing; where a client is not what it would be, that is an error.

    Raises:
        MacchiatoError: The contract cannot be read, a file not be written, or a client is stale.
        Refused: A file that this does not make is in the way.
        Stopped: A signal came when all was written.
    """
    if language not in LANGUAGES:
        raise MacchiatoError(
            f"there is no client for {shown(language)}",
            code="usage",
            exit_code=USAGE,
            reasons=(f"there are {' and '.join(LANGUAGES)}",),
            tries=("macchiato client --help",),
        )
    if language == "typescript" and output is None and (check or dry_run):
        option = "--check" if check else "--dry-run"
        raise MacchiatoError(
            f"{option} needs a file",
            code="usage",
            exit_code=USAGE,
            reasons=("without -o FILE, the client goes to the standard output",),
            tries=(client_command(language, "client.ts", option),),
        )
    read_project(root)
    with report.waiting("reading the contract"):
        document = asking.contract_of(root, again=client_command(language, output))
    if output is not None:
        _into_file(root, Path(output), language, document, report, check=check, dry_run=dry_run)
    elif language == "python":
        _into_project(root, document, report, check=check, dry_run=dry_run)
    else:
        text = _made(lambda: typescript.file_of(document))
        report.text(text)
        report.result({"command": "client", "language": language, "path": str(root), "text": text})


def _into_file(
    root: Path,
    path: Path,
    language: str,
    document: Any,
    report: Report,
    *,
    check: bool,
    dry_run: bool,
) -> None:
    if language == "typescript":
        text = _made(lambda: typescript.file_of(document))
    else:
        runtime = _runtime()
        text = _made(lambda: python.file_of(document, runtime))
    there = _present(path)
    if there is not None and not _is_made(language, there):
        raise _in_the_way(language, [str(path)])
    is_new = there is None or in_lf(there) != text.encode()
    if check and is_new:
        raise _stale(language, [str(path)], str(path))
    if is_new and not dry_run and not check:
        write_file(path, File(text.encode()))
        stop_if_interrupted("the client is written", path)
    verb = "unchanged" if not is_new else "create" if there is None else "update"
    if is_new and not dry_run:
        verb += "d"
    report.did(verb, str(path))
    report.result(_result(root, language, {verb: [str(path)]}, check=check, dry_run=dry_run))


def _into_project(root: Path, document: Any, report: Report, *, check: bool, dry_run: bool) -> None:
    """Each namespace's module in clients/typed; those of namespaces that are gone go."""
    if not (root / _RUNTIME).is_file():
        raise MacchiatoError(
            f"{_RUNTIME} is not there, which typed clients need",
            code="no_runtime",
            reasons=("it comes with the project; a file that needs nothing of the project has it inside",),
            tries=(f"git checkout -- {_RUNTIME}", client_command("python", "client.py")),
            paths=(_RUNTIME,),
        )
    modules = _made(lambda: python.modules_of(document))
    wanted = {f"{_FOLDER}/{name}.py": File(text.encode()) for name, text in modules.items()}
    with locked(root):
        old = [f"{_FOLDER}/{found.name}" for found in sorted((root / _FOLDER).glob("*.py"))]
        present = present_files(root, sorted({*wanted, *old} - {_RUNTIME}))
        steps = _steps(wanted, present)
        stale = [step.path for step in steps]
        if check and stale:
            raise _stale("python", stale, None)
        if not dry_run and not check:
            change_files(root, steps)
            stop_if_interrupted("the typed clients are complete", root / _FOLDER)
    done: dict[str, list[str]] = {}
    for step in steps:
        verb = "remove" if step.after is None else "create" if step.before is None else "update"
        done.setdefault(verb if dry_run else f"{verb}d", []).append(step.path)
    unchanged = [path for path in wanted if path not in stale]
    if unchanged:
        done["unchanged"] = unchanged
    for verb, paths in done.items():
        for path in paths:
            report.did(verb, path, style="red" if verb.startswith("remove") else "green")
    if dry_run:
        report.note("this was a dry run: nothing was written")
    report.result(_result(root, "python", done, check=check, dry_run=dry_run))


def _steps(wanted: Mapping[str, File], present: Mapping[str, File | Obstacle]) -> list[Step]:
    """What there is to do.

    Raises:
        Refused: A file that this does not make is in the way.
    """
    ours = {
        path
        for path, there in present.items()
        if isinstance(there, File) and _is_made("python", there.content)
    }
    if foreign := [path for path in wanted if path in present and path not in ours]:
        raise _in_the_way("python", foreign)
    steps: list[Step] = []
    for path in sorted({*wanted, *present}):
        before, after = present.get(path), wanted.get(path)
        if isinstance(before, Obstacle) or (before and path not in ours):
            continue  # A module of its owner's own.
        if before is None or after is None or in_lf(before.content) != after.content:
            steps.append(Step(path, before, after))
    return steps


def _made(make: Any) -> Any:
    try:
        return make()
    except (Unreadable, RecursionError) as error:
        why = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise MacchiatoError("the project's contract is none", code="no_contract", reasons=(why,)) from error


def _runtime() -> str:
    with template("project") as folder:
        return (folder / _RUNTIME).read_text("utf-8")


def _present(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise MacchiatoError(
            f"{path} cannot be written: {reason_of(error)}", code="not_writable", paths=(str(path),)
        ) from error


def _is_made(language: str, content: bytes) -> bool:
    text = content[:1000].decode("utf-8", "replace")
    return python.is_made(text) if language == "python" else typescript.is_made(text)


def _in_the_way(language: str, paths: list[str]) -> Refused:
    return Refused(
        "files of yours are in the way",
        code="files_in_the_way",
        reasons=(*paths, "macchiato only overwrites clients that it has made: rename or remove these first"),
        paths=paths,
    )


def _stale(language: str, paths: list[str], output: str | None) -> MacchiatoError:
    which = "these clients are" if len(paths) > 1 else "this client is"
    return MacchiatoError(
        f"{which} not what the contract says",
        code="stale",
        reasons=paths,
        tries=(client_command(language, output),),
        paths=paths,
    )


def _result(
    root: Path, language: str, done: Mapping[str, list[str]], *, check: bool, dry_run: bool
) -> dict[str, object]:
    kinds = {"create": "created", "update": "updated", "remove": "removed"}
    by_kind = {kinds.get(verb, verb): paths for verb, paths in done.items()}
    return {
        "command": "client",
        "language": language,
        "check": check,
        "dry_run": dry_run,
        "path": str(root),
        **{kind: by_kind.get(kind, []) for kind in ("created", "updated", "removed", "unchanged")},
    }
