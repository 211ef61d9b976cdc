"""`govcloud clock`: the product's own clock, for sample cities that live in the past."""

from datetime import datetime, timedelta

import typer

from orchestrator.core import clock
from orchestrator.core.db import create_database_engine, transaction
from orchestrator.settings import Settings
from orchestrator.wiring import database_url

app = typer.Typer(no_args_is_help=True, help="The product's clock.")


@app.command()
def show() -> None:
    """What the product's clock shows, in Asia/Shanghai."""
    with transaction(create_database_engine(database_url(Settings()))) as session:
        typer.echo(f"{clock.now(session).astimezone(clock.CITY):%Y-%m-%d %H:%M:%S}")


@app.command("set")
def set_(instant: datetime) -> None:
    """Make the clock show an instant of Asia/Shanghai; only for sample data."""
    with transaction(create_database_engine(database_url(Settings()))) as session:
        clock.set_to(session, instant.replace(tzinfo=clock.CITY))


@app.command()
def advance(days: float) -> None:
    """Move the clock forward."""
    with transaction(create_database_engine(database_url(Settings()))) as session:
        clock.advance(session, timedelta(days=days))
