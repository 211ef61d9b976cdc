"""`govcloud database`: bring it to the newest revision, or ask whether it is there."""

import typer

app = typer.Typer(no_args_is_help=True, help="Revisions of the database.")


@app.command()
def upgrade() -> None:
    """Apply every revision that the database lacks."""
    from orchestrator.cli.machine import settings_here
    from orchestrator.schema import revisions
    from orchestrator.wiring import database_url

    revisions.upgrade(database_url(settings_here()))
    typer.echo("The database is at the newest revision.")


@app.command()
def check() -> None:
    """Fail when the tables differ from the models."""
    from orchestrator.cli.machine import settings_here
    from orchestrator.schema import revisions
    from orchestrator.wiring import database_url

    revisions.check(database_url(settings_here()))
