"""`govcloud resources` and `govcloud drift`: resources, workspaces and drift."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.acts import Group, add_acts
from orchestrator.cli.connection import signed_in
from orchestrator.cli.references import request_id, resource_id, workspace_id
from orchestrator.cli.showing import ORGANISATION, SYSTEM, AsJson, at, print_json, show_fields, show_list

if TYPE_CHECKING:
    from orchestrator.client.models import DriftFinding, ResourceDetail

app = typer.Typer(no_args_is_help=True, help="Resources and workspaces.")
drift_app = typer.Typer(no_args_is_help=True, help="Drift: differences between reality and the state.")
MOST_A_PAGE = 500

Workspace = Annotated[str, typer.Argument(metavar="WORKSPACE", help="Its key, e.g. slj-2019-0001, or id.")]


@app.command("list")
def list_resources(
    request: Annotated[str | None, typer.Option(help="Only those of this request.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the resources that are not released, oldest first."""
    from orchestrator.client.api import every

    with signed_in() as client:
        wanted = None if request is None else request_id(client, request)
        resources = list(
            every(lambda page: client.list_resources(request_id=wanted, cursor=page, limit=MOST_A_PAGE))
        )
    drifted = ("drift", lambda resource: "yes" if resource.drift.address else "")
    columns = (
        "address",
        "status",
        ORGANISATION,
        SYSTEM,
        "ip_address",
        "trial_ends_on",
        drifted,
        "id",
    )
    show_list(resources, columns, as_json=as_json)


def _acted(resource: "ResourceDetail", *, as_json: bool) -> None:
    show_fields(resource, ("id", "address", "status", ORGANISATION, SYSTEM), as_json=as_json)


add_acts(Group(app, "resources", "resource", "Its id, or the first letters of it.", resource_id, _acted))


@app.command("workspaces")
def list_workspaces(as_json: AsJson = False) -> None:
    """List the workspaces that are not released."""
    with signed_in() as client:
        workspaces = client.list_workspaces()
    show_list(workspaces, ("key", ORGANISATION, SYSTEM, "cloud", "zone", "serial"), as_json=as_json)


@drift_app.command()
def check(workspace: Workspace, as_json: AsJson = False) -> None:
    """Check a workspace for drift and wait for the result; exit code 1 if there is drift."""
    with signed_in() as client:
        run = client.check_drift(workspace_id(client, workspace))
        for line in client.follow_log(run.id):
            typer.echo(line, err=True)
        run = client.read_run(run.id)
    findings = run.outcome.findings or ()
    if as_json:
        print_json(run)
    elif run.status != "succeeded":
        typer.echo(f"The check is {run.status}: {run.reason}", err=True)
    for finding in [] if as_json else findings:
        typer.echo(f"{finding.address} {_difference(finding)}")
        for change in finding.changes:
            typer.echo(f"  {change.attribute}: {change.state} in the state, {change.reality} in reality")
    if run.status != "succeeded" or findings:
        raise typer.Exit(1)
    if not as_json:
        typer.echo("Reality matches the state.")


def _difference(finding: "DriftFinding") -> str:
    if finding.gone:
        return "is gone"
    return "exists, but is not registered" if finding.unknown else "differs"


@drift_app.command("list")
def list_drift(as_json: AsJson = False) -> None:
    """List the open drift cases."""
    with signed_in() as client:
        keys = {workspace.id: workspace.key for workspace in client.list_workspaces()}
        cases = client.list_drift_cases()
    place = ("workspace", lambda case: keys.get(case.workspace_id, case.workspace_id))
    differs = ("differs", lambda case: ", ".join(finding.address for finding in case.findings))
    show_list(cases, (place, ORGANISATION, at("opened_at"), differs), as_json=as_json)
