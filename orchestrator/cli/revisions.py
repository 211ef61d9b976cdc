"""`govcloud content`: proposed revisions of the content, and the decision of a second person."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from orchestrator.cli.connection import NoSuchThing, signed_in
from orchestrator.cli.references import MOST_A_PAGE
from orchestrator.cli.showing import AsJson, at, print_json, show_fields, show_list

if TYPE_CHECKING:
    from orchestrator.client.api import ApiClient
    from orchestrator.client.models import RevisionDetail, RevisionSummary

app = typer.Typer(no_args_is_help=True, help="Content revisions.")

Number = Annotated[int, typer.Argument(metavar="NUMBER", help="The number of the revision.")]
Reason = Annotated[str, typer.Option("--reason", help="Reason, shown to everyone who can see the revision.")]

_COLUMNS = ("number", "status", "changes", "waits_for", at("created_at"), "reason")


@app.command("list")
def list_revisions(as_json: AsJson = False) -> None:
    """List revisions, newest first."""
    with signed_in() as client:
        revisions = list(_revisions(client))
    show_list(revisions, _COLUMNS, as_json=as_json)


@app.command()
def show(number: Number, as_json: AsJson = False) -> None:
    """Show one revision with every difference."""
    with signed_in() as client:
        revision = client.read_revision(_id(client, number))
    show_fields(revision, _COLUMNS, as_json=as_json)
    if not as_json:
        columns = ("verdict", "kind", "key", "field", "before", "after")
        show_list(revision.differences, columns, as_json=False)


@app.command()
def approve(number: Number, as_json: AsJson = False) -> None:
    """Approve a revision for your authorities; the last approval loads it. Its author must not approve."""
    with signed_in() as client:
        _acted(client.approve_revision(_id(client, number)), as_json=as_json)


@app.command()
def reject(number: Number, reason: Reason, as_json: AsJson = False) -> None:
    """Reject the revision; it is not loaded."""
    from orchestrator.client.models import ReasonBody

    with signed_in() as client:
        _acted(client.reject_revision(_id(client, number), ReasonBody(reason=reason)), as_json=as_json)


def _revisions(client: "ApiClient") -> "Iterator[RevisionSummary]":
    """Yield all revisions, newest first."""
    from orchestrator.client.api import every

    return every(lambda page: client.list_revisions(cursor=page, limit=MOST_A_PAGE))


def _id(client: "ApiClient", number: int) -> UUID:
    for revision in _revisions(client):
        if revision.number == number:
            return revision.id
    raise NoSuchThing(f"There is no content revision {number}.")


def _acted(revision: "RevisionDetail", *, as_json: bool) -> None:
    if as_json:
        print_json(revision)
    else:
        waits = f"; it waits for {', '.join(revision.waits_for)}" if revision.waits_for else ""
        typer.echo(f"Revision {revision.number} is {revision.status}{waits}.")
