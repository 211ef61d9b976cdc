"""`govcloud clock`: the product's own clock, for sample cities that live in the past."""

from datetime import datetime, timedelta

import typer

from orchestrator.cli.machine import database

app = typer.Typer(no_args_is_help=True, help="The product's clock.")


@app.command()
def show() -> None:
    """Show the product's clock, in Asia/Shanghai."""
    from orchestrator.core import clock

    with database() as session:
        typer.echo(f"{clock.now(session).astimezone(clock.CITY):%Y-%m-%d %H:%M:%S}")


@app.command("set")
def set_(instant: datetime) -> None:
    """Set the clock to an instant of Asia/Shanghai; only for sample data."""
    from orchestrator.core import clock

    with database() as session:
        clock.set_to(session, instant.replace(tzinfo=clock.CITY))


@app.command()
def advance(days: float) -> None:
    """Move the clock forward."""
    from orchestrator.core import clock

    with database() as session:
        clock.advance(session, timedelta(days=days))
