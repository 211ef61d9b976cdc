"""`govcloud requests`: write, endorse, submit and review requests."""

import uuid
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.acts import Group, add_acts
from orchestrator.cli.connection import signed_in
from orchestrator.cli.references import MOST_A_PAGE, request_id
from orchestrator.cli.request_files import read_request
from orchestrator.cli.showing import (
    MONTH,
    ORGANISATION,
    SYSTEM,
    AsJson,
    cny,
    print_json,
    print_table,
    show_fields,
    show_list,
)

if TYPE_CHECKING:
    from orchestrator.client.models import RequestDetail

app = typer.Typer(no_args_is_help=True, help="Resource requests.")

File = Annotated[Path, typer.Argument(help="A request as YAML or JSON.")]
Reference = Annotated[str, typer.Argument(metavar="REQUEST", help="Its number, e.g. GC-2019-0001, or id.")]
Key = Annotated[
    str | None,
    typer.Option(help="Idempotency key: repeat a call with the same key if its response was lost."),
]

NEXT = {
    "draft": "Hand it to your information officer: govcloud requests ask-endorsement {number}",
    "awaiting_endorsement": "The information officer endorses it: govcloud requests endorse {number}",
    "endorsed": "It can be submitted: govcloud requests submit {number}",
    "submitted": "The centre accepts it: govcloud requests accept {number}",
    "returned": "Correct it, have it endorsed and submit it again: govcloud requests edit {number} FILE",
    "under_review": "The centre decides: govcloud requests approve {number}",
    "approved": "The centre orders a plan: govcloud requests plan {number}",
    "cancelling": "The centre orders a plan that removes what was made: govcloud requests plan {number}",
    "planned": "An approver reads the plan: govcloud plans list",
    "in_trial": "When the trial is satisfactory: govcloud requests activate {number}",
}


@app.command("list")
def list_requests(
    search: Annotated[str, typer.Option(help="Part of number, title or system.")] = "",
    status: Annotated[
        list[str] | None, typer.Option(help="Only requests in this status; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the requests that you may see, newest first."""
    from orchestrator.client.api import every
    from orchestrator.client.models import RequestStatus

    statuses = [RequestStatus(value) for value in status or ()]
    page_size = min(limit, MOST_A_PAGE)
    with signed_in() as client:
        matches = every(
            lambda page: client.list_requests(search=search, status=statuses, cursor=page, limit=page_size)
        )
        requests = list(islice(matches, limit))
    show_list(requests, ("number", "status", ORGANISATION, SYSTEM, "title", MONTH), as_json=as_json)


@app.command()
def show(request: Reference, as_json: AsJson = False) -> None:
    """Show one request with its lines, price, policy results and hold."""
    with signed_in() as client:
        _show(client.read_request(request_id(client, request)), as_json=as_json)


@app.command()
def draft(file: File, as_json: AsJson = False) -> None:
    """Store a draft for your own organisation."""
    content = read_request(file)
    with signed_in() as client:
        _acted(client.draft_request(content), as_json=as_json)


@app.command()
def edit(
    request: Reference,
    file: File,
    version: Annotated[int | None, typer.Option(help="Refuse if the version has changed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rewrite a draft or a returned request."""
    content = read_request(file)
    with signed_in() as client:
        wanted = request_id(client, request)
        current = client.read_request(wanted).version if version is None else version
        _acted(client.edit_request(wanted, content, if_match=current), as_json=as_json)


@app.command()
def submit(request: Reference, key: Key = None, as_json: AsJson = False) -> None:
    """Submit a request: check the policy rules and hold quota, pool and budget."""
    with signed_in() as client:
        submitted = client.submit_request(
            request_id(client, request), idempotency_key=key or str(uuid.uuid4())
        )
        _acted(submitted, as_json=as_json)


def _acted(request: "RequestDetail", *, as_json: bool) -> None:
    if as_json:
        print_json(request)
        return
    typer.echo(f"{request.number} is {request.status}. {cny(request.monthly_fen)} a month.")
    _show_removals(request)
    next_step = NEXT.get(_stage(request))
    if next_step:
        typer.echo(next_step.format(number=request.number))


def _stage(request: "RequestDetail") -> str:
    """Return the key of `NEXT`: the status, refined by whether the current content is endorsed."""
    if request.status == "awaiting_endorsement" and request.endorser_id:
        return "endorsed"
    if request.status == "returned" and not request.endorser_id:
        return "awaiting_endorsement"
    return request.status


def _show(request: "RequestDetail", *, as_json: bool) -> None:
    year = ("this year", lambda shown: cny(shown.year_fen))
    plain = ("number", "id", "kind", "status", "version", ORGANISATION, SYSTEM, "title", "reason")
    show_fields(request, (*plain, MONTH, year, "catalogue_code"), as_json=as_json)
    if as_json:
        return
    pool = ("pool", lambda line: line.pool_code)
    columns = ("key", "label", pool, "count", "vcpu", "memory_gb", "disk_gb", "disk_tier", "backup_gb")
    show_list(request.lines, columns, as_json=False)
    _show_removals(request)
    for result in request.judgement:
        if result.verdict not in ("pass", "not_applicable"):
            typer.echo(f"{result.rule_id} {result.verdict}: {result.message_en}")
    if request.hold:
        print_table((f"{request.hold.status} hold", "amount"), _amounts(request.hold.amounts))
    for comment in request.comments:
        typer.echo(f"{comment.act}: {comment.text}")


def _show_removals(request: "RequestDetail") -> None:
    """Print the live resources that the request will destroy."""
    if request.removals:
        typer.echo(f"Its plan will destroy, with all data: {', '.join(request.removals)}")


def _amounts(amounts: dict[str, int]) -> list[tuple[str, object]]:
    return [
        (target, cny(amount) if target.startswith("budget:") else amount)
        for target, amount in sorted(amounts.items())
    ]


add_acts(
    Group(app, "requests", "request", "Its number, e.g. GC-2019-0001, or id.", request_id, _acted),
    besides={"submit"},
    names={"plans": "plan"},
)
