"""`govcloud runs`: list, show, follow and cancel runs."""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.connection import signed_in
from orchestrator.cli.references import run_id
from orchestrator.cli.showing import ORGANISATION, AsJson, at, print_json, show_fields, show_list

if TYPE_CHECKING:
    from orchestrator.client.api import ApiClient
    from orchestrator.client.models import RunDetail

app = typer.Typer(no_args_is_help=True, help="Runs of Terraform and Ansible.")

Reference = Annotated[str, typer.Argument(metavar="RUN", help="Its id, or the first letters of it.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Show the log until the run has ended.")]


@app.command("list")
def list_runs(limit: Annotated[int, typer.Option(min=1, max=200)] = 50, as_json: AsJson = False) -> None:
    """List the runs that you may see, newest first."""
    with signed_in() as client:
        runs = client.list_runs(limit=limit).items
    short = ("id", lambda run: str(run.id)[:8])
    show_list(runs, (short, "kind", "status", ORGANISATION, at("created_at"), "reason"), as_json=as_json)


@app.command()
def show(run: Reference, as_json: AsJson = False) -> None:
    """Show one run: its status, the reason, and the next step."""
    with signed_in() as client:
        _show(client.read_run(run_id(client, run)), as_json=as_json)


@app.command()
def log(
    run: Reference,
    follow: Follow = False,
    after: Annotated[int, typer.Option(min=0, help="Leave out the first lines.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Print the log of a run."""
    with signed_in() as client:
        wanted = run_id(client, run)
        if follow:
            for line in client.follow_log(wanted, after):
                typer.echo(line)
            return
        log = client.read_run_log(wanted, after=after)
    if as_json:
        print_json(log)
    else:
        typer.echo("\n".join(log.lines))


@app.command()
def cancel(run: Reference, as_json: AsJson = False) -> None:
    """Ask a run to stop: a queued run is cancelled, a running one gets a single interrupt."""
    with signed_in() as client:
        _show(client.cancel_run(run_id(client, run)), as_json=as_json)


def show_ordered(client: "ApiClient", run: "RunDetail", *, follow: bool, as_json: bool) -> None:
    """Print a new run; with `follow` print its log until the end, with exit code 1 if it failed."""
    if follow:
        for line in client.follow_log(run.id):
            typer.echo(line, err=as_json)
        run = client.read_run(run.id)
    _show(run, as_json=as_json)
    if run.status in ("failed", "cancelled"):
        raise typer.Exit(1)


def _show(run: "RunDetail", *, as_json: bool) -> None:
    times = (at("started_at"), at("finished_at"))
    plain = ("id", "kind", "status", "plan_id", "attempt", *times, "reason", "next_step")
    show_fields(run, plain, as_json=as_json)
