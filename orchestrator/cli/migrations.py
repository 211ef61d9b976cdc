"""`govcloud migration`: register, prepare, cut over, roll back, accept and finalise a migration."""

from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli.connection import api, find, pages
from orchestrator.cli.request_files import BadFile
from orchestrator.cli.runs import Follow, show_ordered
from orchestrator.cli.showing import ORGANISATION, SYSTEM, AsJson, at, print_json, show_fields, show_list

app = typer.Typer(no_args_is_help=True, help="Migrations of live systems.")

Reference = Annotated[str, typer.Argument(metavar="MIGRATION", help="Its number or id.")]
PlanFile = Annotated[Path, typer.Argument(metavar="FILE", help="A migration plan, YAML.")]
Reason = Annotated[str, typer.Option("--reason", help="Reason, shown to everyone who can see the migration.")]
Digest = Annotated[str, typer.Option("--digest", help="The digest that `migration show` printed.")]
PATH = "/migrations"


@app.command()
def check(file: PlanFile) -> None:
    """Check a plan file and list all errors with their lines; the service is not called."""
    from orchestrator.adapters.migration_plan_files import read_plan

    reading = read_plan(str(file), _text(file).encode())
    if reading.plan is None:
        raise BadFile(file, [str(each).removeprefix(f"{file}:") for each in reading.problems])
    typer.echo(f"{reading.plan.plan} is a plan; its digest is {reading.plan.digest()}")


@app.command()
def register(
    file: PlanFile,
    request: Annotated[str, typer.Option(help="Number of the request that provisions the target.")],
    as_json: AsJson = False,
) -> None:
    """Register the migration of a system of your organisation."""
    with api() as client:
        body = {"plan": _text(file), "file": str(file), "request": request}
        _report(client.post(PATH, body), as_json=as_json)


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(file, [str(error)]) from None


@app.command("list")
def list_migrations(
    status: Annotated[
        list[str] | None, typer.Option(help="Only migrations in this status; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10000)] = 50,
    as_json: AsJson = False,
) -> None:
    """List the migrations that you may see, newest first."""
    with api() as client:
        every = pages(client, PATH, status=status, limit=min(limit, 200))
        found = [item for item, _ in zip(every, range(limit), strict=False)]
    show_list(found, ("number", "status", ORGANISATION, SYSTEM, "serving_side", "title"), as_json=as_json)


@app.command()
def show(migration: Reference, as_json: AsJson = False) -> None:
    """Show one migration: findings, progress, plans with digests, cutovers, and the awaited acts."""
    with api() as client:
        _show(client.get(f"{PATH}/{find(client, PATH, migration)}"), as_json=as_json)


@app.command()
def approve(migration: Reference, digest: Digest, as_json: AsJson = False) -> None:
    """Approve the shown plan of the preparation, rollback or clean-up, by its digest."""
    with api() as client:
        found = client.post(f"{PATH}/{find(client, PATH, migration)}/approve", {"digest": digest})
    _report(found, as_json=as_json)


@app.command("approve-cutover")
def approve_cutover(migration: Reference, digest: Digest, as_json: AsJson = False) -> None:
    """Approve the shown cutover together with its rollback, by its digest."""
    with api() as client:
        found = client.post(f"{PATH}/{find(client, PATH, migration)}/approve-cutover", {"digest": digest})
    _report(found, as_json=as_json)


@app.command()
def accept(migration: Reference, as_json: AsJson = False) -> None:
    """Accept the migrated system; the target is billed from today on."""
    with api() as client:
        _report(client.post(f"{PATH}/{find(client, PATH, migration)}/accept"), as_json=as_json)


@app.command()
def retire(
    migration: Reference,
    stopped_on: Annotated[str, typer.Option(help="The day on which the legacy system was stopped.")],
    sanitisation: Annotated[str, typer.Option(help="How its storage media were erased.")],
    remark: Annotated[str, typer.Option()] = "",
    as_json: AsJson = False,
) -> None:
    """Record the retirement of the legacy system."""
    record = {"stopped_on": stopped_on, "sanitisation": sanitisation, "remark": remark}
    with api() as client:
        _report(client.post(f"{PATH}/{find(client, PATH, migration)}/retire", record), as_json=as_json)


@app.command()
def abort(migration: Reference, reason: Reason, as_json: AsJson = False) -> None:
    """Abort a migration that has not changed any host."""
    with api() as client:
        path = f"{PATH}/{find(client, PATH, migration)}/abort"
        _report(client.post(path, {"reason": reason}), as_json=as_json)


@app.command()
def inspect(migration: Reference, as_json: AsJson = False) -> None:
    """Inspect both sides after a failure, and reopen the side that is safe to serve."""
    with api() as client:
        _report(client.post(f"{PATH}/{find(client, PATH, migration)}/inspect"), as_json=as_json)


def _ordered(name: str, what: str) -> None:
    def act(migration: Reference, follow: Follow = False, as_json: AsJson = False) -> None:
        with api() as client:
            run = client.post(f"{PATH}/{find(client, PATH, migration)}/{name}")
            show_ordered(client, run, follow=follow, as_json=as_json)

    app.command(name, help=what)(act)


_ordered("preflight", "Check both sides and plan the preparation.")
_ordered("start", "Prepare replication in both directions and copy, from the approved plan.")
_ordered("plan-cutover", "Check both sides and plan the cutover together with its rollback.")
_ordered("cut-over", "Cut over to the target, from the plan that two persons approved.")
_ordered("roll-back", "Roll back to the source with every write that the target accepted.")
_ordered("plan-rollback", "Plan another rollback, after the approved one could not be used.")
_ordered("plan-clean-up", "Plan the clean-up: abort the migration and remove the copies.")
_ordered("clean-up", "Run the approved clean-up and abort the migration; the source keeps serving.")
_ordered("plan-finalisation", "Plan to finalise, which removes the rollback path.")
_ordered("finalise", "Finalise from the approved plan; there is no rollback afterwards.")


def _report(migration: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(migration)
        return
    typer.echo(f"{migration['number']} is {migration['status']}; the {migration['serving_side']} serves.")
    for each in migration["awaited"]:
        typer.echo(f"  next: {each['act']} ({', '.join(each['permissions']) or 'a worker'})")


def _show(migration: dict[str, Any], *, as_json: bool) -> None:
    plain = ("number", "id", "title", "status", ORGANISATION, SYSTEM, "request_number", "serving_side")
    show_fields(
        migration,
        (*plain, "serving_address", "reason", "next_step", at("status_at")),
        as_json=as_json,
    )
    if as_json:
        return
    for each in migration["preflight"].get("findings", []):
        typer.echo(f"  {'!' if each['blocking'] else '?'} {each['problem_en']} {each['fix_en']}")
    for each in migration["plans"]:
        typer.echo(f"  {each['act']} {each['plan']['number']} {each['plan']['status']}")
        if each["missing_approvals"]:
            typer.echo(
                f"    needs {', '.join(each['missing_approvals'])}; digest {each['plan']['tuple_digest']}"
            )
    for each in migration["switches"]:
        proof = f"; proof {each['proof_digest']}" if each["proof_equal"] else ""
        pause = f"no side open for {each['fenced_ms']} ms"
        typer.echo(f"  switch {each['number']} {each['direction']}: {each['outcome']}, {pause}{proof}")
    for each in migration["awaited"]:
        typer.echo(f"  next: {each['act']} ({', '.join(each['permissions']) or 'a worker'})")
