"""`govcloud plans`: show, approve, return, refuse, apply and abandon execution plans."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.acts import Group, add_acts
from orchestrator.cli.connection import signed_in
from orchestrator.cli.references import MOST_A_PAGE, plan_id
from orchestrator.cli.showing import MONTH, ORGANISATION, AsJson, at, print_json, show_fields, show_list

if TYPE_CHECKING:
    from orchestrator.client.models import PlanDetail, PlanFinding

app = typer.Typer(no_args_is_help=True, help="Execution plans.")

Reference = Annotated[str, typer.Argument(metavar="PLAN", help="Its number or id.")]


@app.command("list")
def list_plans(
    status: Annotated[list[str] | None, typer.Option(help="Only plans in this status; repeatable.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the plans that you may see, newest first."""
    from orchestrator.client.api import every
    from orchestrator.client.models import PlanStatus

    statuses = [PlanStatus(value) for value in status or ()]
    page_size = min(limit, MOST_A_PAGE)
    with signed_in() as client:
        matches = every(lambda page: client.list_plans(status=statuses, cursor=page, limit=page_size))
        plans = list(islice(matches, limit))
    show_list(plans, ("number", "kind", "status", ORGANISATION, MONTH, "reason"), as_json=as_json)


@app.command()
def show(plan: Reference, as_json: AsJson = False) -> None:
    """Show one plan: its changes, its cost, and the digest for an approval."""
    with signed_in() as client:
        _show(client.read_plan(plan_id(client, plan)), as_json=as_json)


def _acted(plan: "PlanDetail", *, as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    missing = ", ".join(plan.missing_approvals)
    waits = f"; it still needs an approval by: {missing}" if plan.status == "submitted" and missing else ""
    typer.echo(f"Plan {plan.number} is {plan.status}{waits}.")


def _show(plan: "PlanDetail", *, as_json: bool) -> None:
    plain = ("number", "id", "kind", "status", ORGANISATION, "reason", at("expires_at"))
    missing = ("missing approvals", lambda shown: ", ".join(shown.missing_approvals))
    show_fields(plan, (*plain, MONTH, "catalogue_code", missing), as_json=as_json)
    if as_json:
        return
    for sentence in plan.summary.sentences or ():
        typer.echo(f"  {sentence.zh}  {sentence.en}")
    for step in plan.summary.steps or ():
        typer.echo(f"  {step.playbook} on {step.host} ({step.address})")
    show_findings(plan.findings)
    if plan.approvals:
        show_list(plan.approvals, ("role", "decision", "digest", "reason"), as_json=False)
    typer.echo(f"digest: {plan.tuple_digest}")


add_acts(Group(app, "plans", "plan", "Its number or id.", plan_id, _acted))


def show_findings(findings: "Sequence[PlanFinding]") -> None:
    """Print the findings of the plan policy."""
    for finding in findings:
        typer.echo(f"  {'!' if finding.blocks else '?'} {finding.message}")
