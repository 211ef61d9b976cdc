"""`govcloud plans`: show, approve, return, refuse, apply and abandon execution plans."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from orchestrator.cli.connection import signed_in
from orchestrator.cli.references import MOST_A_PAGE, plan_id
from orchestrator.cli.runs import Follow, show_ordered
from orchestrator.cli.showing import MONTH, ORGANISATION, AsJson, at, print_json, show_fields, show_list

if TYPE_CHECKING:
    from orchestrator.client.api import ApiClient
    from orchestrator.client.models import PlanDetail, PlanFinding, ReasonBody

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


@app.command()
def approve(plan: Reference, digest: Digest, as_json: AsJson = False) -> None:
    """Approve the shown plan by its digest; refused if the digest has changed."""
    from orchestrator.client.models import DigestBody

    with signed_in() as client:
        _acted(client.approve_plan(plan_id(client, plan), DigestBody(digest=digest)), as_json=as_json)


@app.command()
def apply(plan: Reference, follow: Follow = False, as_json: AsJson = False) -> None:
    """Apply an approved plan, once."""
    with signed_in() as client:
        show_ordered(client, client.apply_plan(plan_id(client, plan)), follow=follow, as_json=as_json)


@app.command()
def abandon(plan: Reference, as_json: AsJson = False) -> None:
    """Abandon a failed plan, so that the request can be planned again from the existing resources."""
    with signed_in() as client:
        _acted(client.abandon_plan(plan_id(client, plan)), as_json=as_json)


def _reasoned(
    name: str, description: str, act: Callable[["ApiClient", UUID, "ReasonBody"], "PlanDetail"]
) -> None:
    def command(plan: Reference, reason: Reason, as_json: AsJson = False) -> None:
        from orchestrator.client.models import ReasonBody

        with signed_in() as client:
            _acted(act(client, plan_id(client, plan), ReasonBody(reason=reason)), as_json=as_json)

    app.command(name, help=description)(command)


_reasoned(
    "return",
    "Return the plan; the request can be planned again.",
    lambda client, id_, reason: client.return_plan(id_, reason),
)
_reasoned("refuse", "Refuse the plan.", lambda client, id_, reason: client.refuse_plan(id_, reason))
_reasoned(
    "withdraw",
    "Withdraw the plan as its author.",
    lambda client, id_, reason: client.withdraw_plan(id_, reason),
)


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


def show_findings(findings: "Sequence[PlanFinding]") -> None:
    """Print the findings of the plan policy."""
    for finding in findings:
        typer.echo(f"  {'!' if finding.blocks else '?'} {finding.message}")
