"""Migrations: register a plan, check, approve, replicate, cut over, roll back, accept, finalise, retire."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from orchestrator.adapters.migration_plan_files import read_plan
from orchestrator.api.acts import Answer, Given, add_routes, call_of
from orchestrator.api.deps import (
    TheActor,
    TheNumberPage,
    TheRepeatable,
    TheService,
    TheSession,
)
from orchestrator.api.shapes import Page, PlanOut, RunOut, Shape
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


class RegisterIn(BaseModel):
    """The text of a plan file, the file's name in error messages, and the request of the target."""

    model_config = ConfigDict(extra="forbid")

    plan: str = Field(max_length=200_000)
    file: str = Field(default="plan.yml", max_length=200)
    request: str = Field(pattern=r"^GC-[0-9]{4}-[0-9]{4,}$")


class PauseIn(BaseModel):
    """The longest gap between writes that the clients saw, and the gap during which the sides were fenced."""

    model_config = ConfigDict(extra="forbid")

    longest_ms: float = Field(ge=0, le=86_400_000)
    at_fence_ms: float = Field(ge=0, le=86_400_000)


class RetireIn(BaseModel):
    """The record of the retirement of the legacy system."""

    model_config = ConfigDict(extra="forbid")

    stopped_on: date
    sanitisation: str = Field(min_length=1, max_length=2000)
    remark: str = Field(default="", max_length=2000)


class MigrationOut(Shape):
    """A migration; `version` is its ETag, `serving_side` is source or target."""

    id: UUID
    number: str
    plan_key: str
    plan_digest: str
    title: str
    system_code: str
    organisation_code: str
    request_id: UUID
    status: MigrationStatus
    status_at: datetime
    version: int
    created_at: datetime
    reason: str | None
    reason_zh: str | None
    next_step: str | None
    next_step_zh: str | None
    serving_side: str
    serving_address: str | None
    trial_since: date | None


class SwitchOut(Shape):
    """A cutover or rollback; the script measures `fenced_ms`, clients `pause_ms` and `pause_at_fence_ms`."""

    number: int
    direction: str
    automatic: bool
    plan_id: UUID
    run_id: UUID
    outcome: str
    began_at: datetime
    from_address: str
    to_address: str
    fenced_at: datetime | None
    opened_at: datetime | None
    marks: dict[str, Any]
    fenced_ms: float | None
    name_switched: bool
    pause_ms: float | None
    pause_at_fence_ms: float | None
    billing: dict[str, Any]
    reason: str | None
    reason_zh: str | None
    proof: dict[str, Any]
    proof_digest: str | None
    proof_equal: bool | None
    followed_at: datetime | None


class MigrationPlanOut(BaseModel):
    """One execution plan of the migration."""

    act: str
    round: int
    plan: PlanOut
    approvals: list[dict[str, Any]]
    missing_approvals: list[str]
    runs: list[RunOut]


class AwaitedOut(Shape):
    """An awaited act, and the permissions that allow it."""

    act: str
    permissions: list[str]
    text_en: str
    text_zh: str


class MigrationDetail(MigrationOut):
    """A migration with its plans, cutovers, findings and progress."""

    request_number: str
    plan_document: dict[str, Any]
    target: dict[str, Any]
    preflight: dict[str, Any]
    progress: dict[str, Any]
    billing: dict[str, Any]
    retirement: dict[str, Any]
    plans: list[MigrationPlanOut]
    switches: list[SwitchOut]
    awaited: list[AwaitedOut]


class MigrationPage(Page):
    """Migrations, newest first."""

    items: list[MigrationOut]


@router.get("/migrations")
def list_migrations(
    actor: TheActor,
    session: TheSession,
    page: TheNumberPage,
    status: Annotated[list[MigrationStatus] | None, Query()] = None,
) -> MigrationPage:
    """List the migrations that you may see."""
    migrations = reads.list_migrations(session, actor, status or (), before=page.cursor, limit=page.limit)
    items = [MigrationOut.model_validate(migration) for migration in migrations]
    return MigrationPage(items=items, next=page.link(migrations))


@router.post("/migrations", status_code=201)
def register_migration(
    body: RegisterIn,
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


def _plan_in(body: RegisterIn) -> MigrationPlanDocument:
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
    migration_id: UUID, number: int, body: PauseIn, actor: TheActor, session: TheSession
) -> SwitchOut:
    """Record the write pause that the clients saw at a cutover or rollback."""
    gaps = WriteGaps(body.longest_ms, body.at_fence_ms)
    switch = steps.record_pause(session, actor, migration_id, number, gaps)
    return SwitchOut.model_validate(switch)


def detail(call: Call, migration_id: UUID) -> MigrationDetail:
    """Return one migration as the API shows it, without connection details of hosts."""
    view = reads.migration_detail(call.session, call.actor, migration_id)
    row = view.migration
    target: dict[str, Any] = {
        name: row.target_host[name] for name in ("name", "address") if name in row.target_host
    }
    return MigrationDetail(
        **MigrationOut.model_validate(row).model_dump(),
        request_number=view.request_number,
        plan_document=row.plan_document,
        target=target,
        preflight=row.preflight,
        progress=row.progress,
        billing=row.billing,
        retirement=row.retirement,
        plans=[_plan_out(plan) for plan in view.plans],
        switches=[SwitchOut.model_validate(switch) for switch in view.switches],
        awaited=_awaited(call, row),
    )


def _awaited(call: Call, migration: Migration) -> list[AwaitedOut]:
    """Return the acts that this migration waits for; ``wait`` while a worker is busy with it."""
    acts = awaited_acts(call, migration)
    if not acts and migration.status not in ENDED:
        return [AwaitedOut(act="wait", permissions=[], text_en="In progress.", text_zh="执行中。")]
    return [
        AwaitedOut(
            act=act.name,
            permissions=[permission.value for permission in act.permissions],
            text_en=act.waiting.en if act.waiting else "",
            text_zh=act.waiting.zh if act.waiting else "",
        )
        for act in acts
    ]


def _plan_out(view: MigrationPlanView) -> MigrationPlanOut:
    return MigrationPlanOut(
        act=view.act,
        round=view.round,
        plan=PlanOut.model_validate(view.plan),
        approvals=[row.model_dump(mode="json") for row in view.approvals],
        missing_approvals=list(view.missing),
        runs=[RunOut.model_validate(run) for run in view.runs],
    )


def _record_given(body: RetireIn) -> Given:
    return Given(content=Retirement(body.stopped_on, body.sanitisation, body.remark))


ANSWERS = {
    Migration: Answer(200, MigrationDetail, lambda call, migration: detail(call, migration.id)),
    Run: Answer(202, RunOut, lambda _call, run: RunOut.model_validate(run)),
}
add_routes(router, MIGRATIONS, ANSWERS, {RETIRE.name: _record_given})
