"""`govcloud runs`: list, show, follow and cancel runs."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.connection import api, find
from orchestrator.cli.showing import ORGANISATION, AsJson, at, print_json, show_fields, show_list

if TYPE_CHECKING:
    from orchestrator.api_client import ApiClient

app = typer.Typer(no_args_is_help=True, help="Runs of Terraform and Ansible.")

Reference = Annotated[str, typer.Argument(metavar="RUN", help="Its id, or the first letters of it.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Show the log until the run has ended.")]


@app.command("list")
def list_runs(limit: Annotated[int, typer.Option(min=1, max=200)] = 50, as_json: AsJson = False) -> None:
    """List the runs that you may see, newest first."""
    with api() as client:
        found = client.get("/runs", limit=limit)["items"]
    short = ("id", lambda item: item["id"][:8])
    show_list(found, (short, "kind", "status", ORGANISATION, at("created_at"), "reason"), as_json=as_json)


@app.command()
def show(run: Reference, as_json: AsJson = False) -> None:
    """Show one run: its status, the reason, and the next step."""
    with api() as client:
        _show(client.get(f"/runs/{find(client, '/runs', run)}"), as_json=as_json)


@app.command()
def log(
    run: Reference,
    follow: Follow = False,
    after: Annotated[int, typer.Option(min=0, help="Leave out the first lines.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Print the log of a run."""
    with api() as client:
        run_id = find(client, "/runs", run)
        if follow:
            for line in client.follow_log(run_id, after):
                typer.echo(line)
            return
        found = client.get(f"/runs/{run_id}/log", after=after)
    if as_json:
        print_json(found)
    else:
        typer.echo("\n".join(found["lines"]))


@app.command()
def cancel(run: Reference, as_json: AsJson = False) -> None:
    """Ask a run to stop: a queued run is cancelled, a running one gets a single interrupt."""
    with api() as client:
        _show(client.post(f"/runs/{find(client, '/runs', run)}/cancel"), as_json=as_json)


def show_ordered(client: "ApiClient", run: dict[str, Any], *, follow: bool, as_json: bool) -> None:
    """Print a new run; with `follow` print its log until the end, with exit code 1 if it failed."""
    if follow:
        for line in client.follow_log(run["id"]):
            typer.echo(line, err=as_json)
        run = client.get(f"/runs/{run['id']}")
    _show(run, as_json=as_json)
    if run["status"] in ("failed", "cancelled"):
        raise typer.Exit(1)


def _show(run: dict[str, Any], *, as_json: bool) -> None:
    times = (at("started_at"), at("finished_at"))
    plain = ("id", "kind", "status", "plan_id", "attempt", *times, "reason", "next_step")
    show_fields(run, plain, as_json=as_json)
