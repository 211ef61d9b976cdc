"""`govcloud database`: upgrade the database to the newest revision, or check its revision."""

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
    """Check the tables against the models; exit code 1 if they differ."""
    from orchestrator.cli.machine import settings_here
    from orchestrator.schema import revisions
    from orchestrator.wiring import database_url

    revisions.check(database_url(settings_here()))
