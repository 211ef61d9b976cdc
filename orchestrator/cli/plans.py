"""`govcloud plans`: show, approve, return, refuse, apply and abandon execution plans."""

from typing import Annotated, Any

import typer

from orchestrator.cli.connection import api, find, pages
from orchestrator.cli.runs import Follow, show_ordered
from orchestrator.cli.showing import MONTH, ORGANISATION, AsJson, at, print_json, show_fields, show_list

app = typer.Typer(no_args_is_help=True, help="Execution plans.")

Reference = Annotated[str, typer.Argument(metavar="PLAN", help="Its number or id.")]
Reason = Annotated[str, typer.Option("--reason", help="Reason, shown to everyone who can see the plan.")]
Digest = Annotated[str, typer.Option("--digest", help="The digest that `plans show` printed.")]


@app.command("list")
def list_plans(
    status: Annotated[list[str] | None, typer.Option(help="Only plans in this status; repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the plans that you may see, newest first."""
    with api() as client:
        every = pages(client, "/plans", status=status, limit=min(limit, 200))
        found = [item for item, _ in zip(every, range(limit), strict=False)]
    show_list(found, ("number", "kind", "status", ORGANISATION, MONTH, "reason"), as_json=as_json)


@app.command()
def show(plan: Reference, as_json: AsJson = False) -> None:
    """Show one plan: its changes, its cost, and the digest for an approval."""
    with api() as client:
        _show(client.get(f"/plans/{find(client, '/plans', plan)}"), as_json=as_json)


@app.command()
def approve(plan: Reference, digest: Digest, as_json: AsJson = False) -> None:
    """Approve the shown plan by its digest; refused if the digest has changed."""
    with api() as client:
        found = client.post(f"/plans/{find(client, '/plans', plan)}/approve", {"digest": digest})
    _acted(found, as_json=as_json)


@app.command()
def apply(plan: Reference, follow: Follow = False, as_json: AsJson = False) -> None:
    """Apply an approved plan, once."""
    with api() as client:
        run = client.post(f"/plans/{find(client, '/plans', plan)}/apply")
        show_ordered(client, run, follow=follow, as_json=as_json)


@app.command()
def abandon(plan: Reference, as_json: AsJson = False) -> None:
    """Abandon a failed plan, so that the request can be planned again from the existing resources."""
    with api() as client:
        _acted(client.post(f"/plans/{find(client, '/plans', plan)}/abandon"), as_json=as_json)


def _reasoned(name: str, what: str) -> None:
    def act(plan: Reference, reason: Reason, as_json: AsJson = False) -> None:
        with api() as client:
            body = {"reason": reason}
            _acted(client.post(f"/plans/{find(client, '/plans', plan)}/{name}", body), as_json=as_json)

    app.command(name, help=what)(act)


_reasoned("return", "Return the plan; the request can be planned again.")
_reasoned("refuse", "Refuse the plan.")
_reasoned("withdraw", "Withdraw the plan as its author.")


def _acted(plan: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    missing = ", ".join(plan["missing_approvals"])
    waits = f"; it still needs an approval by: {missing}" if plan["status"] == "submitted" and missing else ""
    typer.echo(f"Plan {plan['number']} is {plan['status']}{waits}.")


def _show(plan: dict[str, Any], *, as_json: bool) -> None:
    plain = ("number", "id", "kind", "status", ORGANISATION, "reason", at("expires_at"))
    missing = ("missing approvals", lambda item: ", ".join(item["missing_approvals"]))
    show_fields(plan, (*plain, MONTH, "catalogue_code", missing), as_json=as_json)
    if as_json:
        return
    for sentence in plan["summary"].get("sentences", []):
        typer.echo(f"  {sentence['zh']}  {sentence['en']}")
    for step in plan["summary"].get("steps", []):
        typer.echo(f"  {step['playbook']} on {step['host']} ({step['address']})")
    show_findings(plan["findings"])
    show_list(plan["approvals"], ("role", "decision", "digest", "reason"), as_json=False) if plan[
        "approvals"
    ] else None
    typer.echo(f"digest: {plan['tuple_digest']}")


def show_findings(findings: list[dict[str, Any]]) -> None:
    """Print the findings of the plan policy."""
    for finding in findings:
        typer.echo(f"  {'!' if finding['blocks'] else '?'} {finding['message']}")
