"""`govcloud runs`: list, show, follow and cancel runs."""

from typing import Annotated

import typer

from orchestrator.cli.acts import Follow, Group, add_acts, show_run
from orchestrator.cli.connection import signed_in
from orchestrator.cli.references import run_id
from orchestrator.cli.showing import ORGANISATION, AsJson, at, print_json, show_list

app = typer.Typer(no_args_is_help=True, help="Runs of Terraform and Ansible.")

Reference = Annotated[str, typer.Argument(metavar="RUN", help="Its id, or the first letters of it.")]


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
        show_run(client.read_run(run_id(client, run)), as_json=as_json)


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


add_acts(Group(app, "runs", "run", "Its id, or the first letters of it.", run_id, show_run))
