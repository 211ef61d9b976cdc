"""`govcloud people`: who is known, passwords, tokens; for whoever runs the machine."""

from datetime import timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from orchestrator.core.clock import today
from orchestrator.core.db import create_database_engine, transaction
from orchestrator.departments import queries
from orchestrator.settings import Settings
from orchestrator.wiring import database_url
from orchestrator.workflows import administering

app = typer.Typer(no_args_is_help=True, help="People, passwords and tokens.")
OPERATOR = "operator:command-line"


@app.command("list")
def list_people() -> None:
    """Everybody with roles."""
    table = Table("user name", "name", "organisation", "roles")
    with transaction(create_database_engine(database_url(Settings()))) as session:
        for person in queries.everybody(session):
            roles = ", ".join(sorted(queries.roles_on(session, person.id, today(session))))
            table.add_row(person.username, person.name_zh, person.organisation_code, roles)
    Console().print(table)


@app.command()
def password(username: str) -> None:
    """Give a person a password; it is asked for, never an argument."""
    secret = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    with transaction(create_database_engine(database_url(Settings()))) as session:
        administering.set_password(session, username, secret, OPERATOR)
    typer.echo(f"{username} has a new password.")


@app.command()
def token(
    username: str,
    name: Annotated[str, typer.Option(help="What the token is for.")] = "command line",
    days: Annotated[float, typer.Option(help="How long it lives.")] = 1,
) -> None:
    """Make a token with all rights of a person and print it once."""
    with transaction(create_database_engine(database_url(Settings()))) as session:
        actor = administering.actor_named(session, username)
        scopes = [permission.value for permission in actor.permissions]
        secret, _ = administering.create_token(session, actor, name, scopes, timedelta(days=days))
    typer.echo(secret)
