"""`govcloud people`: list people, set passwords and create tokens on the machine; deactivate over the API."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.acts import Group, add_acts
from orchestrator.cli.machine import database
from orchestrator.cli.references import person_id
from orchestrator.cli.showing import print_json, print_table

if TYPE_CHECKING:
    from orchestrator.client.models import PersonDetail

app = typer.Typer(
    no_args_is_help=True,
    help="People, passwords and tokens, on the machine itself; `deactivate` acts as the signed-in person.",
)
OPERATOR = "operator:command-line"


@app.command("list")
def list_people() -> None:
    """List all people with their roles."""
    from orchestrator.core.clock import today
    from orchestrator.departments import queries

    with database() as session:
        rows = [
            (
                person.username,
                person.name_zh,
                person.organisation_code,
                person.status,
                ", ".join(sorted(queries.roles_on(session, person.id, today(session)))),
            )
            for person in queries.everybody(session)
        ]
    print_table(("user name", "name", "organisation", "status", "roles"), rows)


@app.command()
def password(username: str) -> None:
    """Set a person's password; it is prompted for, never an argument."""
    from orchestrator.workflows.people import accounts

    secret = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    with database() as session:
        accounts.set_password(session, username, secret, OPERATOR)
    typer.echo(f"{username} has a new password.")


@app.command()
def token(
    username: str,
    name: Annotated[str, typer.Option(help="Purpose of the token.")] = "command line",
    days: Annotated[float, typer.Option(help="Days until it expires.")] = 1,
) -> None:
    """Create a token with all rights of a person and print it once."""
    from orchestrator.workflows.people import accounts

    with database() as session:
        actor = accounts.actor_named(session, username)
        scopes = [permission.value for permission in actor.permissions]
        secret, _ = accounts.create_token(session, actor, name, scopes, timedelta(days=days))
    typer.echo(secret)


def _acted(person: "PersonDetail", *, as_json: bool) -> None:
    if as_json:
        print_json(person)
    else:
        typer.echo(f"{person.username} is {person.status}.")


add_acts(Group(app, "people", "person", "The user name.", person_id, _acted, "Reason, kept in the audit."))
