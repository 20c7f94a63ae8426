"""The commands: what may be typed, and what it means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from macchiato_cli import __version__
from macchiato_cli.completion import languages, namespaces_here
from macchiato_cli.plain_values import Command, Group
from macchiato_cli.report import Report

if TYPE_CHECKING:
    from macchiato_cli.names import NamespaceName

app = typer.Typer(
    cls=Group,
    help="Authenticated, tested, typed Socket.IO servers, from one command.",
    # Help in Rich's boxes would cost as much again as the whole command.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Show what would be done, do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, ask nothing.")]


@app.callback()
def macchiato(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(f"macchiato {__version__}")
        raise typer.Exit


@app.command(cls=Command)
def new(
    context: typer.Context,
    path: Annotated[str | None, typer.Argument(metavar="PATH", help="The folder to make.")] = None,
    name: Annotated[str | None, typer.Option(help="The project's name, if not the folder's.")] = None,
    namespace: Annotated[str, typer.Option(help="The first namespace.")] = "devUser",
    no_install: Annotated[bool, typer.Option("--no-install", help="Make no environment.")] = False,
    no_git: Annotated[bool, typer.Option("--no-git", help="Make no repository.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make a project: server, client, tests."""
    from macchiato_cli.names import namespace_name, project_name
    from macchiato_cli.new import NewProject, Place, chosen, find_place, make_project, new_command, would_make
    from macchiato_cli.prompts import ask, need_terminal

    report = _report(context, quiet=quiet, as_json=as_json)
    options = _given(
        no_install=no_install, no_git=no_git, dry_run=dry_run, yes=yes, quiet=quiet, json=as_json
    )

    def place_at(typed: str) -> Place:
        command = new_command(typed, name, namespace, options)
        return find_place(typed, name, command=lambda _: command)

    suggested = new_command(path or "myproj", name, namespace, options)
    first = namespace_name(namespace, command=lambda _: suggested)
    if path is None:
        need_terminal("PATH", example="macchiato new myproj", never=yes or as_json)
        if name is not None:
            project_name(name, command=lambda _: suggested)
        rest = chosen(first, with_git=not no_git, with_install=not no_install)
        place = ask(
            "Folder of the new project:",
            place_at,
            report,
            hint=f"project {name or 'called as its folder'}, {rest} (macchiato new --help)",
            outcome=lambda place: f"{would_make(place)}, {rest}",
        )
    else:
        place = place_at(path)
    project = NewProject(place, first, with_git=not no_git, with_install=not no_install)
    make_project(project, report, dry_run=dry_run)


@app.command(cls=Command)
def add_namespace(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Such as chat.")] = None,
    event: Annotated[
        list[str] | None,
        typer.Option(
            metavar="EVENT",
            help="What clients send: say, or 'say(text: str)'; may be repeated.",
            show_default="sayStuff",
        ),
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Let clients in without a token.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Add a namespace to the project."""
    from macchiato_cli.addition import NewNamespace, add_to_project, addition_command
    from macchiato_cli.names import DEFAULT_EVENT, event_names, namespace_name, right_events
    from macchiato_cli.prompts import ask, need_terminal

    report = _report(context, quiet=quiet, as_json=as_json)
    options = _given(public=public, dry_run=dry_run, yes=yes, quiet=quiet, json=as_json)

    def named(typed: str) -> NamespaceName:
        return namespace_name(
            typed, command=lambda right: addition_command(right, right_events(event or []), options)
        )

    root = _project(report)
    if name is None:
        need_terminal("NAME", example="macchiato add-namespace chat", never=yes or as_json)
        event_names(event or [], command=lambda right: addition_command("chat", right, options))
        rest = f"{'public' if public else 'guarded'}, event {', '.join(event or [DEFAULT_EVENT])}"
        called = ask(
            "Name of the namespace:",
            named,
            report,
            hint=f"{rest} (macchiato add-namespace --help)",
            outcome=lambda called: f"adds /{called.wire} in app/namespaces/{called.module}.py: {rest}",
        )
    else:
        called = named(name)
    events = event_names(event or [], command=lambda right: addition_command(called.wire, right, options))
    add_to_project(NewNamespace(root, called, events, public), report, dry_run=dry_run)


@app.command(cls=Command)
def remove_namespace(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=namespaces_here)],
    force: Annotated[bool, typer.Option("--force", help="Also remove files that you edited.")] = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Remove a namespace that nobody edited."""
    from macchiato_cli.removal import remove_from_project

    report = _report(context, quiet=quiet, as_json=as_json)
    remove_from_project(_project(report), name, report, force=force, dry_run=dry_run)


@app.command("list", cls=Command)
def list_(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """List the namespaces: guards, events, where they are."""
    from macchiato_cli.listing import list_namespaces

    report = _report(context, quiet=quiet, as_json=as_json)
    list_namespaces(_project(report), report)


@app.command(cls=Command)
def client(
    context: typer.Context,
    language: Annotated[
        str, typer.Argument(metavar="LANGUAGE", help="python or typescript.", autocompletion=languages)
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="One file, for any project; else python: clients/typed, typescript: standard output.",
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only tell whether it is up to date.")] = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make typed clients from what the server declares."""
    from macchiato_cli.client.command import make_client

    report = _report(context, quiet=quiet, as_json=as_json)
    make_client(_project(report), language, report, output=output, check=check, dry_run=dry_run)


@app.command(cls=Command)
def update(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Only tell whether it is behind.")] = False,
    dry_run: DryRun = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Merge what later templates brought into the project."""
    from macchiato_cli.update import update_project

    report = _report(context, quiet=quiet, as_json=as_json)
    update_project(_project(report), report, check=check, dry_run=dry_run)


@app.command(cls=Command, context_settings={"allow_extra_args": True})
def run(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Instead of HOST in .env.")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Instead of PORT in .env.")] = None,
    no_reload: Annotated[bool, typer.Option("--no-reload", help="Do not restart on changes.")] = False,
) -> None:
    """Run the project's server, with reload.

    What follows -- is passed on to `python -m app`.
    """
    from macchiato_cli.server import run_server

    root = _project(_report(context, quiet=False, as_json=False))
    code = run_server(root, host=host, port=port, reload=not no_reload, arguments=context.args)
    raise typer.Exit(code)


@app.command(cls=Command)
def doctor(context: typer.Context, quiet: Quiet = False, as_json: Json = False) -> None:
    """Check all that the project needs to run."""
    from macchiato_cli.doctor import examine

    report = _report(context, quiet=quiet, as_json=as_json)
    examine(_project(report), report)


def _report(context: typer.Context, *, quiet: bool, as_json: bool) -> Report:
    """The report that this command and its errors are told with."""
    report: Report = context.obj
    report.quiet, report.as_json = quiet, as_json
    return report


def _project(report: Report) -> Path:
    """The project that we are in; when a killed command left it half changed, it is put back first."""
    from macchiato_cli.journal import is_unfinished
    from macchiato_cli.lock import locked
    from macchiato_cli.project import find_project
    from macchiato_cli.target import here

    root = find_project(here())
    if is_unfinished(root):
        with locked(root) as was_half_changed:
            if was_half_changed:
                report.note("a macchiato command was killed here: what it had begun is taken back")
        return find_project(here())
    return root


def _given(**flags: bool) -> list[str]:
    """The flags that were typed, as one types them."""
    return [f"--{name.replace('_', '-')}" for name, given in flags.items() if given]
