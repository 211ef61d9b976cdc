"""`govcloud content`: proposed revisions of the content, and the decision of a second person."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from orchestrator.cli.acts import Group, add_acts
from orchestrator.cli.connection import signed_in
from orchestrator.cli.references import MOST_A_PAGE, find
from orchestrator.cli.showing import AsJson, at, print_json, show_fields, show_list

if TYPE_CHECKING:
    from orchestrator.client.api import ApiClient
    from orchestrator.client.models import RevisionDetail, RevisionSummary

app = typer.Typer(no_args_is_help=True, help="Content revisions.")

Reference = Annotated[str, typer.Argument(metavar="REVISION", help="Its number or id.")]

_COLUMNS = ("number", "status", "changes", "waits_for", at("created_at"), "reason")


@app.command("list")
def list_revisions(as_json: AsJson = False) -> None:
    """List revisions, newest first."""
    with signed_in() as client:
        revisions = list(_revisions(client))
    show_list(revisions, _COLUMNS, as_json=as_json)


@app.command()
def show(revision: Reference, as_json: AsJson = False) -> None:
    """Show one revision with every difference."""
    with signed_in() as client:
        shown = client.read_revision(_id(client, revision))
    show_fields(shown, _COLUMNS, as_json=as_json)
    if not as_json:
        columns = ("verdict", "kind", "key", "field", "before", "after")
        show_list(shown.differences, columns, as_json=False)


def _revisions(client: "ApiClient") -> "Iterator[RevisionSummary]":
    """Yield all revisions, newest first."""
    from orchestrator.client.api import every

    return every(lambda page: client.list_revisions(cursor=page, limit=MOST_A_PAGE))


def _id(client: "ApiClient", reference: str) -> UUID:
    return find("content revision", reference, lambda: _revisions(client))


def _acted(revision: "RevisionDetail", *, as_json: bool) -> None:
    if as_json:
        print_json(revision)
    else:
        waits = f"; it waits for {', '.join(revision.waits_for)}" if revision.waits_for else ""
        typer.echo(f"Revision {revision.number} is {revision.status}{waits}.")


add_acts(Group(app, "content-revisions", "revision", "Its number or id.", _id, _acted))
