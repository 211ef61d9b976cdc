"""`govcloud requests`: write, endorse, submit and review requests."""

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.connection import api, find, pages
from orchestrator.cli.request_files import read_request
from orchestrator.cli.runs import Follow, show_ordered
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
    from orchestrator.api_client import ApiClient

app = typer.Typer(no_args_is_help=True, help="Resource requests.")

File = Annotated[Path, typer.Argument(help="A request as YAML or JSON.")]
Reference = Annotated[str, typer.Argument(metavar="REQUEST", help="Its number, e.g. GC-2019-0001, or id.")]
Key = Annotated[
    str | None,
    typer.Option(help="Idempotency key: repeat a call with the same key if its response was lost."),
]
Reason = Annotated[str, typer.Option("--reason", help="Reason, shown to everyone who can see the request.")]

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
    with api() as client:
        every = pages(client, "/requests", search=search, status=status, limit=min(limit, 200))
        found = [item for item, _ in zip(every, range(limit), strict=False)]
    show_list(found, ("number", "status", ORGANISATION, SYSTEM, "title", MONTH), as_json=as_json)


@app.command()
def show(request: Reference, as_json: AsJson = False) -> None:
    """Show one request with its lines, price, policy results and hold."""
    with api() as client:
        _show(client.get(f"/requests/{_id(client, request)}"), as_json=as_json)


@app.command()
def draft(file: File, as_json: AsJson = False) -> None:
    """Store a draft for your own organisation."""
    from orchestrator.client.encoding import encode

    wanted = encode(read_request(file))
    with api() as client:
        _acted(client.post("/requests", wanted), as_json=as_json)


@app.command()
def edit(
    request: Reference,
    file: File,
    version: Annotated[int | None, typer.Option(help="Refuse if the version has changed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Rewrite a draft or a returned request."""
    from orchestrator.client.encoding import encode

    wanted = encode(read_request(file))
    with api() as client:
        path = f"/requests/{_id(client, request)}"
        read = client.get(path)["version"] if version is None else version
        _acted(client.put(path, wanted, if_match=f'"{read}"'), as_json=as_json)


@app.command()
def submit(request: Reference, key: Key = None, as_json: AsJson = False) -> None:
    """Submit a request: check the policy rules and hold quota, pool and budget."""
    with api() as client:
        path = f"/requests/{_id(client, request)}/submit"
        _acted(client.post(path, idempotency_key=key or str(uuid.uuid4())), as_json=as_json)


@app.command()
def plan(request: Reference, follow: Follow = False, as_json: AsJson = False) -> None:
    """Order an execution plan for an approved request."""
    with api() as client:
        run = client.post(f"/requests/{_id(client, request)}/plans")
        show_ordered(client, run, follow=follow, as_json=as_json)


def _plain(name: str, what: str) -> None:
    def act(request: Reference, as_json: AsJson = False) -> None:
        with api() as client:
            _acted(client.post(f"/requests/{_id(client, request)}/{name}"), as_json=as_json)

    app.command(name, help=what)(act)


def _reasoned(name: str, what: str) -> None:
    def act(request: Reference, reason: Reason, as_json: AsJson = False) -> None:
        with api() as client:
            body = {"reason": reason}
            _acted(client.post(f"/requests/{_id(client, request)}/{name}", body), as_json=as_json)

    app.command(name, help=what)(act)


_plain("ask-endorsement", "Hand the draft to the information officer.")
_plain("endorse", "Endorse it as the department's information officer.")
_reasoned("decline", "Send it back to its author instead of endorsing it.")
_plain("accept", "Accept it for review.")
_reasoned("return", "Ask the department to complete it; its hold is kept.")
_reasoned("refuse", "Refuse it after the formal check; its hold is released.")
_plain("approve", "Approve it after the review; also resumes a request that is being cancelled.")
_reasoned("reject", "Reject it after the review; its hold is released once no resource is left.")
_reasoned("cancel", "Cancel your request; its hold is released once no resource is left.")
_plain("activate", "Activate the resources after the trial; billing starts today.")


def _id(client: "ApiClient", reference: str) -> str:
    return find(client, "/requests", reference, search=reference)


def _acted(found: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    typer.echo(f"{found['number']} is {found['status']}. {cny(found['monthly_fen'])} a month.")
    _show_removals(found)
    stands = _stands(found["status"], endorsed=bool(found["endorser_id"]))
    if stands in NEXT:
        typer.echo(NEXT[stands].format(number=found["number"]))


def _stands(status: str, *, endorsed: bool) -> str:
    """Return the key of `NEXT`: the status, refined by whether the current content is endorsed."""
    if status == "awaiting_endorsement" and endorsed:
        return "endorsed"
    return "awaiting_endorsement" if status == "returned" and not endorsed else status


def _show(found: dict[str, Any], *, as_json: bool) -> None:
    year = ("this year", lambda item: cny(item["year_fen"]))
    plain = ("number", "id", "kind", "status", "version", ORGANISATION, SYSTEM, "title", "reason")
    show_fields(found, (*plain, MONTH, year, "catalogue_code"), as_json=as_json)
    if as_json:
        return
    pool = ("pool", lambda line: line["pool_code"])
    columns = ("key", "label", pool, "count", "vcpu", "memory_gb", "disk_gb", "disk_tier", "backup_gb")
    show_list(found["lines"], columns, as_json=False)
    _show_removals(found)
    for result in found["judgement"]:
        if result["verdict"] not in ("pass", "not_applicable"):
            typer.echo(f"{result['rule_id']} {result['verdict']}: {result['message_en']}")
    if found["hold"]:
        print_table((f"{found['hold']['status']} hold", "amount"), _amounts(found["hold"]["amounts"]))
    for comment in found["comments"]:
        typer.echo(f"{comment.get('kind', 'comment')}: {comment.get('text', '')}")


def _show_removals(found: dict[str, Any]) -> None:
    """Print the live resources that the request will destroy."""
    if found["removals"]:
        typer.echo(f"Its plan will destroy, with all data: {', '.join(found['removals'])}")


def _amounts(amounts: dict[str, int]) -> list[tuple[str, object]]:
    return [
        (target, cny(amount) if target.startswith("budget:") else amount)
        for target, amount in sorted(amounts.items())
    ]
