"""Records become files: the same record, the same bytes, today and when a later version updates it.

The templates of all released versions read these answers: give new ones, never rename or drop one.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from macchiato_cli.client.rendered import typed_client
from macchiato_cli.errors import MacchiatoError, Refused
from macchiato_cli.event_source import event_answers
from macchiato_cli.plan import File
from macchiato_cli.project import (
    PROJECT_RECORD,
    NamespaceRecord,
    ProjectRecord,
    dump_namespace,
    dump_project,
    namespace_record,
)
from macchiato_cli.render import render
from macchiato_cli.templates import template


def project_files(record: ProjectRecord) -> dict[str, File]:
    """The project without any namespace; its record comes last."""
    answers = {
        "project_name": record.name,
        "namespace": record.namespace.wire,
        "module": record.namespace.module,
        "client": record.namespace.client,
    }
    with template("project", record.version) as folder:
        files = render(folder, answers)
    return files | {PROJECT_RECORD: File(dump_project(record))}


def namespace_files(record: NamespaceRecord) -> dict[str, File]:
    """One namespace: server module, client script, test; its record comes last.

    Raises:
        Refused: Its templates are of a version that knows no parameters.
    """
    guarded = {
        "middleware": "require_token",
        "metadata": "UserMetadata",
        "authentication": "log_in",
        "client_connection_key": '"user_id"',
    }
    public = {
        "middleware": "allow_anyone",
        "metadata": "VisitorMetadata",
        "authentication": "introduce",
        "client_connection_key": "None",
    }
    events = event_answers(record.name, record.events)
    answers = {
        "namespace": record.name.wire,
        "module": record.name.module,
        "object": record.name.object,
        "client": record.name.client,
        **events,
        "typed_client": typed_client(record, events["events"]),
        **(public if record.public else guarded),
    }
    with template("namespace", record.version) as folder:
        _check_knows_parameters(folder, record)
        files = render(folder, answers)
    return files | {namespace_record(record.name.module): File(dump_namespace(record))}


def _check_knows_parameters(folder: Path, record: NamespaceRecord) -> None:
    typed = [event.typed for event in record.events if event.parameters is not None]
    if typed and "\nsays_text:\n" not in (folder / "copier.yml").read_text():
        raise Refused(
            f"this project is of macchiato {record.version}, whose events have no parameters of their own",
            code="project_behind",
            reasons=(f"{', '.join(typed)} needs what later versions bring",),
            tries=("macchiato update",),
        )


def settings_file(example: File) -> File:
    """`.env`, for its owner's eyes only: the example's settings for development, and fresh secrets."""
    lines = example.content.decode().splitlines(keepends=True)
    for name in ("TOKEN_SECRET", "POSTGRES_PASSWORD"):
        place = [number for number, line in enumerate(lines) if line.strip() == f"{name}="]
        if len(place) != 1:
            raise MacchiatoError(
                f"the template's .env.example has no line {name}= for the secret", code="broken_template"
            )
        lines[place[0]] = f"{name}={secrets.token_urlsafe(48)}\n"
    # As scripts/setup does: whoever makes a project is about to develop it.
    text = "".join(lines).replace("\nENVIRONMENT=production\n", "\nENVIRONMENT=development\n")
    return File(text.encode(), private=True)
