"""Migrations: register a plan, check, approve, replicate, cut over, roll back, accept, finalise, retire."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from orchestrator.adapters.migration_plan_files import read_plan
from orchestrator.api.acts import Answer, Given, add_routes, call_of
from orchestrator.api.deps import (
    TheActor,
    TheNumberPage,
    TheRepeatable,
    TheService,
    TheSession,
)
from orchestrator.api.migration_shapes import (
    AwaitedAct,
    MigrationDetail,
    MigrationPage,
    MigrationRegistration,
    MigrationSummary,
    PauseMeasurement,
    RetirementBody,
    SwitchDetail,
)
from orchestrator.api.run_shapes import RunDetail
from orchestrator.migrations.errors import BadPlanFile
from orchestrator.migrations.lifecycle import ENDED, MigrationStatus
from orchestrator.migrations.models import Migration
from orchestrator.migrations.pause import WriteGaps
from orchestrator.migrations.plan_files import MigrationPlanDocument
from orchestrator.migrations.records import Retirement
from orchestrator.runs.models import Run
from orchestrator.workflows.act import Call
from orchestrator.workflows.migrations import reads, steps
from orchestrator.workflows.migrations.acts import RETIRE, awaited_acts
from orchestrator.workflows.migrations.reads import MigrationPlanView
from orchestrator.workflows.nouns import MIGRATIONS

router = APIRouter(tags=["migrations"])


@router.get("/migrations")
def list_migrations(
    actor: TheActor,
    session: TheSession,
    page: TheNumberPage,
    status: Annotated[list[MigrationStatus] | None, Query()] = None,
) -> MigrationPage:
    """List the migrations that you may see."""
    migrations = reads.list_migrations(session, actor, status or (), before=page.cursor, limit=page.limit)
    items = [MigrationSummary.model_validate(migration) for migration in migrations]
    return MigrationPage(items=items, next=page.link(migrations))


@router.post("/migrations", status_code=201)
def register_migration(
    body: MigrationRegistration,
    actor: TheActor,
    session: TheSession,
    service: TheService,
    call: TheRepeatable,
) -> MigrationDetail:
    """Register the migration of one of your systems; all errors of the plan are returned at once."""

    def act() -> dict[str, Any]:
        migration = steps.register(session, actor, _plan_in(body), body.request)
        return detail(call_of(session, actor, service, None), migration.id).model_dump(mode="json")

    return MigrationDetail.model_validate(call.once("migrations:register", act))


def _plan_in(body: MigrationRegistration) -> MigrationPlanDocument:
    reading = read_plan(body.file, body.plan.encode())
    if reading.plan is None:
        problems = [
            {
                "line": problem.line,
                "column": problem.column,
                "field": problem.field,
                "message": problem.message,
            }
            for problem in reading.problems
        ]
        raise BadPlanFile("; ".join(map(str, reading.problems))[:4000], field="plan", errors=problems)
    return reading.plan


@router.get("/migrations/{migration_id}")
def read_migration(
    migration_id: UUID, actor: TheActor, session: TheSession, service: TheService, response: Response
) -> MigrationDetail:
    """Return one migration."""
    shown = detail(call_of(session, actor, service, None), migration_id)
    response.headers["ETag"] = f'"{shown.version}"'
    return shown


@router.post("/migrations/{migration_id}/switches/{number}/pause")
def record_switch_pause(
    migration_id: UUID, number: int, body: PauseMeasurement, actor: TheActor, session: TheSession
) -> SwitchDetail:
    """Record the write pause that the clients saw at a cutover or rollback."""
    gaps = WriteGaps(body.longest_ms, body.at_fence_ms)
    switch = steps.record_pause(session, actor, migration_id, number, gaps)
    return SwitchDetail.model_validate(switch)


def detail(call: Call, migration_id: UUID) -> MigrationDetail:
    """Return one migration as the API shows it, without connection details of hosts."""
    view = reads.migration_detail(call.session, call.actor, migration_id)
    row = view.migration
    return MigrationDetail.model_validate(
        MigrationSummary.model_validate(row).model_dump()
        | {
            "request_number": view.request_number,
            "plan_document": row.plan_document,
            "target": row.target_host,
            "preflight": row.preflight,
            "progress": row.progress,
            "billing": row.billing,
            "retirement": row.retirement,
            "plans": [_plan(plan) for plan in view.plans],
            "switches": view.switches,
            "awaited": _awaited(call, row),
        }
    )


def _awaited(call: Call, migration: Migration) -> list[AwaitedAct]:
    """Return the acts that this migration waits for; ``wait`` while a worker is busy with it."""
    acts = awaited_acts(call, migration)
    if not acts and migration.status not in ENDED:
        return [AwaitedAct(act="wait", permissions=[], text_en="In progress.", text_zh="执行中。")]
    return [
        AwaitedAct(
            act=act.name,
            permissions=list(act.permissions),
            text_en=act.waiting.en if act.waiting else "",
            text_zh=act.waiting.zh if act.waiting else "",
        )
        for act in acts
    ]


def _plan(view: MigrationPlanView) -> dict[str, Any]:
    return {
        "act": view.act,
        "round": view.round,
        "plan": view.plan,
        "approvals": view.approvals,
        "missing_approvals": view.missing,
        "runs": view.runs,
    }


def _record_given(body: RetirementBody) -> Given:
    return Given(content=Retirement(body.stopped_on, body.sanitisation, body.remark))


ANSWERS = {
    Migration: Answer(200, MigrationDetail, lambda call, migration: detail(call, migration.id)),
    Run: Answer(202, RunDetail, lambda _call, run: RunDetail.model_validate(run)),
}
add_routes(router, MIGRATIONS, ANSWERS, {RETIRE.name: _record_given})
