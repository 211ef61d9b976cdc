"""`govcloud migration`: register, prepare, cut over, roll back, accept and finalise a migration."""

from datetime import date
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.acts import Group, add_acts
from orchestrator.cli.connection import signed_in
from orchestrator.cli.references import MOST_A_PAGE, migration_id
from orchestrator.cli.request_files import BadFile
from orchestrator.cli.showing import ORGANISATION, SYSTEM, AsJson, at, print_json, show_fields, show_list

if TYPE_CHECKING:
    from orchestrator.client.models import MigrationDetail

app = typer.Typer(no_args_is_help=True, help="Migrations of live systems.")

Reference = Annotated[str, typer.Argument(metavar="MIGRATION", help="Its number or id.")]
PlanFile = Annotated[Path, typer.Argument(metavar="FILE", help="A migration plan, YAML.")]


@app.command()
def check(file: PlanFile) -> None:
    """Check a plan file and list all errors with their lines; the service is not called."""
    from orchestrator.adapters.migration_plan_files import read_plan

    reading = read_plan(str(file), _text(file).encode())
    if reading.plan is None:
        raise BadFile(file, [str(problem).removeprefix(f"{file}:") for problem in reading.problems])
    typer.echo(f"{reading.plan.plan} is a plan; its digest is {reading.plan.digest()}")


@app.command()
def register(
    file: PlanFile,
    request: Annotated[str, typer.Option(help="Number of the request that provisions the target.")],
    as_json: AsJson = False,
) -> None:
    """Register the migration of a system of your organisation."""
    from orchestrator.client.models import MigrationRegistration

    content = MigrationRegistration(plan=_text(file), file=str(file), request=request)
    with signed_in() as client:
        _report(client.register_migration(content), as_json=as_json)


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
    from orchestrator.client.api import every
    from orchestrator.client.models import MigrationStatus

    statuses = [MigrationStatus(value) for value in status or ()]
    page_size = min(limit, MOST_A_PAGE)
    with signed_in() as client:
        matches = every(lambda page: client.list_migrations(status=statuses, cursor=page, limit=page_size))
        migrations = list(islice(matches, limit))
    columns = ("number", "status", ORGANISATION, SYSTEM, "serving_side", "title")
    show_list(migrations, columns, as_json=as_json)


@app.command()
def show(migration: Reference, as_json: AsJson = False) -> None:
    """Show one migration: findings, progress, plans with digests, cutovers, and the awaited acts."""
    with signed_in() as client:
        _show(client.read_migration(migration_id(client, migration)), as_json=as_json)


@app.command()
def retire(
    migration: Reference,
    stopped_on: Annotated[
        date,
        typer.Option(
            parser=date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="The day on which the legacy system was stopped.",
        ),
    ],
    sanitisation: Annotated[str, typer.Option(help="How its storage media were erased.")],
    remark: Annotated[str, typer.Option()] = "",
    as_json: AsJson = False,
) -> None:
    """Record the retirement of the legacy system."""
    from orchestrator.client.models import RetirementBody

    record = RetirementBody(stopped_on=stopped_on, sanitisation=sanitisation, remark=remark)
    with signed_in() as client:
        _report(client.retire_migration(migration_id(client, migration), record), as_json=as_json)


def _report(migration: "MigrationDetail", *, as_json: bool) -> None:
    if as_json:
        print_json(migration)
        return
    typer.echo(f"{migration.number} is {migration.status}; the {migration.serving_side} serves.")
    _show_awaited(migration)


def _show(migration: "MigrationDetail", *, as_json: bool) -> None:
    plain = ("number", "id", "title", "status", ORGANISATION, SYSTEM, "request_number", "serving_side")
    columns = (*plain, "serving_address", "reason", "next_step", at("status_at"))
    show_fields(migration, columns, as_json=as_json)
    if as_json:
        return
    for finding in migration.preflight.findings or ():
        typer.echo(f"  {'!' if finding.blocking else '?'} {finding.problem_en} {finding.fix_en}")
    for step in migration.plans:
        typer.echo(f"  {step.act} {step.plan.number} {step.plan.status}")
        if step.missing_approvals:
            typer.echo(f"    needs {', '.join(step.missing_approvals)}; digest {step.plan.tuple_digest}")
    for switch in migration.switches:
        proof = f"; proof {switch.proof_digest}" if switch.proof_equal else ""
        pause = f"no side open for {switch.fenced_ms} ms"
        typer.echo(f"  switch {switch.number} {switch.direction}: {switch.outcome}, {pause}{proof}")
    _show_awaited(migration)


def _show_awaited(migration: "MigrationDetail") -> None:
    for awaited in migration.awaited:
        typer.echo(f"  next: {awaited.act} ({', '.join(awaited.permissions) or 'a worker'})")


add_acts(
    Group(app, "migrations", "migration", "Its number or id.", migration_id, _report), besides={"retire"}
)
