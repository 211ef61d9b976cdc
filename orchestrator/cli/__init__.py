"""The command `govcloud`: one file a topic, each command a few lines over workflows or the API."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from orchestrator import __version__
from orchestrator.cli import audit, clock, content, database, people, serving
from orchestrator.core.account import AccountError, become_unprivileged, is_root
from orchestrator.core.errors import BusinessError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Provision and migrate government cloud systems: reviewed, approved, billed and audited.",
)
app.command("up")(serving.up)
app.command("web")(serving.web)
app.command("worker")(serving.worker)
app.command("load")(content.load)
app.add_typer(database.app, name="database")
app.add_typer(audit.app, name="audit")
app.add_typer(people.app, name="people")
app.add_typer(clock.app, name="clock")


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Entry point: as root, start again as the product's own account; show errors without a traceback."""
    try:
        if is_root():
            become_unprivileged()
        app()
    except (BusinessError, AccountError) as error:
        Console(stderr=True).print(f"[red]{type(error).__name__}[/red]: {error}", highlight=False)
        sys.exit(1)
