"""`govcloud migration`: register, prepare, cut over, roll back, accept and finalise a migration."""

from collections.abc import Callable
from datetime import date
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from orchestrator.cli.connection import signed_in
from orchestrator.cli.references import MOST_A_PAGE, migration_id
from orchestrator.cli.request_files import BadFile
from orchestrator.cli.runs import Follow, show_ordered
from orchestrator.cli.showing import ORGANISATION, SYSTEM, AsJson, at, print_json, show_fields, show_list

if TYPE_CHECKING:
    from orchestrator.client.api import ApiClient
    from orchestrator.client.models import MigrationDetail, RunDetail

app = typer.Typer(no_args_is_help=True, help="Migrations of live systems.")

Reference = Annotated[str, typer.Argument(metavar="MIGRATION", help="Its number or id.")]
PlanFile = Annotated[Path, typer.Argument(metavar="FILE", help="A migration plan, YAML.")]
Reason = Annotated[str, typer.Option("--reason", help="Reason, shown to everyone who can see the migration.")]
Digest = Annotated[str, typer.Option("--digest", help="The digest that `migration show` printed.")]


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
def approve(migration: Reference, digest: Digest, as_json: AsJson = False) -> None:
    """Approve the shown plan of the preparation, rollback or clean-up, by its digest."""
    from orchestrator.client.models import DigestBody

    with signed_in() as client:
        wanted = migration_id(client, migration)
        _report(client.approve_migration(wanted, DigestBody(digest=digest)), as_json=as_json)


@app.command("approve-cutover")
def approve_cutover(migration: Reference, digest: Digest, as_json: AsJson = False) -> None:
    """Approve the shown cutover together with its rollback, by its digest."""
    from orchestrator.client.models import DigestBody

    with signed_in() as client:
        wanted = migration_id(client, migration)
        _report(client.approve_cutover_migration(wanted, DigestBody(digest=digest)), as_json=as_json)


@app.command()
def accept(migration: Reference, as_json: AsJson = False) -> None:
    """Accept the migrated system; the target is billed from today on."""
    with signed_in() as client:
        _report(client.accept_migration(migration_id(client, migration)), as_json=as_json)


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


@app.command()
def abort(migration: Reference, reason: Reason, as_json: AsJson = False) -> None:
    """Abort a migration that has not changed any host."""
    from orchestrator.client.models import ReasonBody

    with signed_in() as client:
        wanted = migration_id(client, migration)
        _report(client.abort_migration(wanted, ReasonBody(reason=reason)), as_json=as_json)


@app.command()
def inspect(migration: Reference, as_json: AsJson = False) -> None:
    """Inspect both sides after a failure, and reopen the side that is safe to serve."""
    with signed_in() as client:
        _report(client.inspect_migration(migration_id(client, migration)), as_json=as_json)


def _ordered(name: str, description: str, operation: Callable[["ApiClient", UUID], "RunDetail"]) -> None:
    def act(migration: Reference, follow: Follow = False, as_json: AsJson = False) -> None:
        with signed_in() as client:
            run = operation(client, migration_id(client, migration))
            show_ordered(client, run, follow=follow, as_json=as_json)

    app.command(name, help=description)(act)


_ordered(
    "preflight",
    "Check both sides and plan the preparation.",
    lambda client, id_: client.preflight_migration(id_),
)
_ordered(
    "start",
    "Prepare replication in both directions and copy, from the approved plan.",
    lambda client, id_: client.start_migration(id_),
)
_ordered(
    "plan-cutover",
    "Check both sides and plan the cutover together with its rollback.",
    lambda client, id_: client.plan_cutover_migration(id_),
)
_ordered(
    "cut-over",
    "Cut over to the target, from the plan that two persons approved.",
    lambda client, id_: client.cut_over_migration(id_),
)
_ordered(
    "roll-back",
    "Roll back to the source with every write that the target accepted.",
    lambda client, id_: client.roll_back_migration(id_),
)
_ordered(
    "plan-rollback",
    "Plan another rollback, after the approved one could not be used.",
    lambda client, id_: client.plan_rollback_migration(id_),
)
_ordered(
    "plan-clean-up",
    "Plan the clean-up: abort the migration and remove the copies.",
    lambda client, id_: client.plan_clean_up_migration(id_),
)
_ordered(
    "clean-up",
    "Run the approved clean-up and abort the migration; the source keeps serving.",
    lambda client, id_: client.clean_up_migration(id_),
)
_ordered(
    "plan-finalisation",
    "Plan to finalise, which removes the rollback path.",
    lambda client, id_: client.plan_finalisation_migration(id_),
)
_ordered(
    "finalise",
    "Finalise from the approved plan; there is no rollback afterwards.",
    lambda client, id_: client.finalise_migration(id_),
)


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
