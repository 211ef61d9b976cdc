"""`govcloud content`: proposed revisions of the content, and the decision of a second person."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.connection import NoSuchThing, api, pages
from orchestrator.cli.showing import AsJson, at, print_json, show_fields, show_list

if TYPE_CHECKING:
    from orchestrator.api_client import ApiClient

app = typer.Typer(no_args_is_help=True, help="Content revisions.")

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The number of the revision.")]
Reason = Annotated[str, typer.Option("--reason", help="Reason, shown to everyone who can see the revision.")]

_COLUMNS = ("number", "status", "changes", "waits_for", at("created_at"), "reason")


@app.command("list")
def list_revisions(as_json: AsJson = False) -> None:
    """List revisions, newest first."""
    with api() as client:
        found = list(pages(client, "/content-revisions", limit=200))
    show_list(found, _COLUMNS, as_json=as_json)


@app.command()
def show(number: Number, as_json: AsJson = False) -> None:
    """Show one revision with every difference."""
    with api() as client:
        found = client.get(_path(client, number))
    show_fields(found, _COLUMNS, as_json=as_json)
    if not as_json:
        columns = ("verdict", "kind", "key", "field", "before", "after")
        show_list(found["differences"], columns, as_json=False)


@app.command()
def approve(number: Number, as_json: AsJson = False) -> None:
    """Approve a revision for your authorities; the last approval loads it. Its author must not approve."""
    with api() as client:
        _acted(client.post(f"{_path(client, number)}/approve"), as_json=as_json)


@app.command()
def reject(number: Number, reason: Reason, as_json: AsJson = False) -> None:
    """Reject the revision; it is not loaded."""
    with api() as client:
        _acted(client.post(f"{_path(client, number)}/reject", {"reason": reason}), as_json=as_json)


def _path(client: "ApiClient", number: int) -> str:
    for item in pages(client, "/content-revisions", limit=200):
        if item["number"] == number:
            return f"/content-revisions/{item['id']}"
    raise NoSuchThing(f"There is no content revision {number}.")


def _acted(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
    else:
        waits = f"; it waits for {', '.join(found['waits_for'])}" if found["waits_for"] else ""
        typer.echo(f"Revision {found['number']} is {found['status']}{waits}.")
