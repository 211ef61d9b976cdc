"""`govcloud resources` and `govcloud drift`: resources, workspaces and drift."""

from typing import Annotated, Any

import typer

from orchestrator.cli.connection import api, find, pages
from orchestrator.cli.showing import ORGANISATION, SYSTEM, AsJson, at, print_json, show_fields, show_list

app = typer.Typer(no_args_is_help=True, help="Resources and workspaces.")
drift_app = typer.Typer(no_args_is_help=True, help="Drift: differences between reality and the state.")

Reference = Annotated[str, typer.Argument(metavar="RESOURCE", help="Its id, or the first letters of it.")]
Reason = Annotated[str, typer.Option("--reason", help="Reason, shown to everyone who can see the resource.")]
Workspace = Annotated[str, typer.Argument(metavar="WORKSPACE", help="Its key, e.g. slj-2019-0001, or id.")]


@app.command("list")
def list_resources(
    request: Annotated[str | None, typer.Option(help="Only those of this request.")] = None,
    as_json: AsJson = False,
) -> None:
    """List the resources that are not released, oldest first."""
    with api() as client:
        if request is None:
            found = list(pages(client, "/resources", limit=500))
        else:
            wanted = find(client, "/requests", request, search=request)
            found = client.get("/resources", request_id=wanted)["items"]
    drifted = ("drift", lambda item: "yes" if item["drift"] else "")
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
    show_list(found, columns, as_json=as_json)


@app.command()
def suspend(resource: Reference, reason: Reason, as_json: AsJson = False) -> None:
    """Suspend a resource: it is billed as suspended from today on."""
    _act(resource, "suspend", reason, as_json=as_json)


@app.command()
def resume(resource: Reference, reason: Reason, as_json: AsJson = False) -> None:
    """Resume a suspended resource: it is billed in full from today on."""
    _act(resource, "resume", reason, as_json=as_json)


def _act(resource: str, act: str, reason: str, *, as_json: bool) -> None:
    with api() as client:
        path = f"/resources/{find(client, '/resources', resource)}/{act}"
        changed = client.post(path, {"reason": reason})
    show_fields(changed, ("id", "address", "status", ORGANISATION, SYSTEM), as_json=as_json)


@app.command("workspaces")
def list_workspaces(as_json: AsJson = False) -> None:
    """List the workspaces that are not released."""
    with api() as client:
        found = client.get("/workspaces")
    show_list(found, ("key", ORGANISATION, SYSTEM, "cloud", "zone", "serial"), as_json=as_json)


@drift_app.command()
def check(workspace: Workspace, as_json: AsJson = False) -> None:
    """Check a workspace for drift and wait for the result; exit code 1 if there is drift."""
    with api() as client:
        run = client.post(f"/workspaces/{find(client, '/workspaces', workspace)}/drift-checks")
        for line in client.follow_log(run["id"]):
            typer.echo(line, err=True)
        run = client.get(f"/runs/{run['id']}")
    findings = run["outcome"].get("findings", [])
    if as_json:
        print_json(run)
    elif run["status"] != "succeeded":
        typer.echo(f"The check is {run['status']}: {run['reason']}", err=True)
    for finding in [] if as_json else findings:
        typer.echo(f"{finding['address']} {_found(finding)}")
        for change in finding["changes"]:
            typer.echo(
                f"  {change['attribute']}: {change['state']} in the state, {change['reality']} in reality"
            )
    if run["status"] != "succeeded" or findings:
        raise typer.Exit(1)
    if not as_json:
        typer.echo("Reality matches the state.")


def _found(finding: dict[str, Any]) -> str:
    if finding["gone"]:
        return "is gone"
    return "exists, but is not registered" if finding.get("unknown") else "differs"


@drift_app.command("list")
def list_drift(as_json: AsJson = False) -> None:
    """List the open drift cases."""
    with api() as client:
        keys = {item["id"]: item["key"] for item in client.get("/workspaces")}
        found = client.get("/drift-cases")
    place = ("workspace", lambda item: keys.get(item["workspace_id"], item["workspace_id"]))
    what = ("differs", lambda item: ", ".join(finding["address"] for finding in item["findings"]))
    show_list(found, (place, ORGANISATION, at("opened_at"), what), as_json=as_json)
