"""Migrations: register a plan, check, approve, copy, cut, return, accept, finalise, retire."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from orchestrator.adapters.migration_plan_files import read_plan
from orchestrator.api.deps import (
    IdempotencyKeyHeader,
    NumberCursor,
    TheActor,
    TheBody,
    TheSession,
    TheVersion,
    next_page,
)
from orchestrator.api.shapes import Page, PlanOut, ReasonIn, RunOut, Shape
from orchestrator.core.idempotency import once
from orchestrator.departments.permissions import Actor
from orchestrator.migrations.errors import BadPlanFile
from orchestrator.migrations.lifecycle import MigrationStatus
from orchestrator.migrations.plan_files import MigrationPlanDocument
from orchestrator.workflows.migrations import steps
from orchestrator.workflows.migrations.reads import MigrationPlanView

router = APIRouter(prefix="/migrations", tags=["migrations"])


class RegisterIn(BaseModel):
    """The text of a plan file, how its problems call the file, and the request of the target."""

    model_config = ConfigDict(extra="forbid")

    plan: str = Field(max_length=200_000)
    file: str = Field(default="plan.yml", max_length=200)
    request: str = Field(pattern=r"^GC-[0-9]{4}-[0-9]{4,}$")


class DigestIn(BaseModel):
    """The digest that you were shown."""

    model_config = ConfigDict(extra="forbid")

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class PauseIn(BaseModel):
    """The longest gap between acknowledged writes that the clients saw, and the one that holds the fence."""

    model_config = ConfigDict(extra="forbid")

    longest_ms: float = Field(ge=0, le=86_400_000)
    at_fence_ms: float = Field(ge=0, le=86_400_000)


class RetireIn(BaseModel):
    """The record of the end of the legacy system."""

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
    status: str
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
    """A switch; `closed_ms` is the script's word, `pause_ms` and `pause_at_fence_ms` are the clients'."""

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
    closed_ms: float | None
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


class MovePlanOut(BaseModel):
    """One execution plan of the migration."""

    act: str
    round: int
    plan: PlanOut
    approvals: list[dict[str, Any]]
    missing_approvals: list[str]
    runs: list[RunOut]


class AwaitedOut(Shape):
    """What comes next, and which permissions may do it."""

    act: str
    permissions: list[str]
    text_en: str
    text_zh: str


class MigrationDetail(MigrationOut):
    """A migration with everything that is known of it."""

    request_number: str
    plan_document: dict[str, Any]
    target: dict[str, Any]
    preflight: dict[str, Any]
    progress: dict[str, Any]
    billing: dict[str, Any]
    retirement: dict[str, Any]
    plans: list[MovePlanOut]
    switches: list[SwitchOut]
    awaited: list[AwaitedOut]


class MigrationPage(Page):
    """Migrations, newest first."""

    items: list[MigrationOut]


@router.get("")
def list_migrations(
    asked: Request,
    actor: TheActor,
    session: TheSession,
    status: Annotated[list[MigrationStatus] | None, Query()] = None,
    cursor: NumberCursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> MigrationPage:
    """Migrations that you may see."""
    found = steps.list_migrations(session, actor, status or (), before=cursor, limit=limit)
    link = next_page(asked, found[-1].number) if len(found) == limit else None
    return MigrationPage(items=[MigrationOut.model_validate(item) for item in found], next=link)


@router.post("", status_code=201)
def register(
    body: RegisterIn,
    payload: TheBody,
    actor: TheActor,
    session: TheSession,
    response: Response,
    key: IdempotencyKeyHeader = None,
) -> MigrationDetail:
    """Register the migration of a system of yours; every mistake of the plan at once, with its line."""

    def act() -> dict[str, Any]:
        made = steps.register(session, actor, _plan_in(body), body.request)
        return detail(session, actor, made.id).model_dump(mode="json")

    answer = once(session, actor.person_id, key, "migrations:register", payload, act)
    if answer.replayed:
        response.headers["Idempotent-Replayed"] = "true"
    shown = MigrationDetail.model_validate(answer.body)
    response.headers["ETag"] = f'"{shown.version}"'
    return shown


def _plan_in(body: RegisterIn) -> MigrationPlanDocument:
    reading = read_plan(body.file, body.plan.encode())
    if reading.plan is None:
        problems = [
            {"line": each.line, "column": each.column, "field": each.field, "message": each.message}
            for each in reading.problems
        ]
        raise BadPlanFile("; ".join(map(str, reading.problems))[:4000], field="plan", errors=problems)
    return reading.plan


@router.get("/{migration_id}")
def read_migration(
    migration_id: UUID, actor: TheActor, session: TheSession, response: Response
) -> MigrationDetail:
    """One migration."""
    return _shown(session, actor, migration_id, response)


@router.post("/{migration_id}/preflight", status_code=202)
def preflight(migration_id: UUID, actor: TheActor, session: TheSession, version: TheVersion) -> RunOut:
    """Read both sides and lay down the plan to arm; the answer is the run."""
    return RunOut.model_validate(steps.preflight(session, actor, migration_id, version))


@router.post("/{migration_id}/approve")
def approve(
    migration_id: UUID, body: DigestIn, actor: TheActor, session: TheSession, response: Response
) -> MigrationDetail:
    """Approve exactly the plan to arm, to return or to finalise whose digest you send."""
    steps.approve(session, actor, migration_id, body.digest)
    return _shown(session, actor, migration_id, response)


@router.post("/{migration_id}/start", status_code=202)
def start(migration_id: UUID, actor: TheActor, session: TheSession, version: TheVersion) -> RunOut:
    """Arm both ways and copy; the answer is the run."""
    return RunOut.model_validate(steps.start(session, actor, migration_id, version))


@router.post("/{migration_id}/order-cut", status_code=202)
def order_cut(migration_id: UUID, actor: TheActor, session: TheSession, version: TheVersion) -> RunOut:
    """Read the gate and plan the cut together with its return; the answer is the run."""
    return RunOut.model_validate(steps.order_cut(session, actor, migration_id, version))


@router.post("/{migration_id}/approve-cut")
def approve_cut(
    migration_id: UUID, body: DigestIn, actor: TheActor, session: TheSession, response: Response
) -> MigrationDetail:
    """Approve exactly the cut whose digest you send, and its return; two persons of two authorities."""
    steps.approve_cut(session, actor, migration_id, body.digest)
    return _shown(session, actor, migration_id, response)


@router.post("/{migration_id}/cut", status_code=202)
def cut(migration_id: UUID, actor: TheActor, session: TheSession, version: TheVersion) -> RunOut:
    """Switch to the target; the answer is the run."""
    return RunOut.model_validate(steps.cut(session, actor, migration_id, version))


@router.post("/{migration_id}/return", status_code=202)
def return_(migration_id: UUID, actor: TheActor, session: TheSession, version: TheVersion) -> RunOut:
    """Switch back to the source with every write that the target accepted; the answer is the run."""
    return RunOut.model_validate(steps.return_(session, actor, migration_id, version))


@router.post("/{migration_id}/order-return", status_code=202)
def order_return(migration_id: UUID, actor: TheActor, session: TheSession, version: TheVersion) -> RunOut:
    """Plan another return after the one approved with the cut came to nothing; the answer is the run."""
    return RunOut.model_validate(steps.order_return(session, actor, migration_id, version))


@router.post("/{migration_id}/switches/{number}/pause")
def record_pause(
    migration_id: UUID, number: int, body: PauseIn, actor: TheActor, session: TheSession
) -> SwitchOut:
    """Keep the write pause that the clients saw at a switch."""
    kept = steps.record_pause(session, actor, migration_id, number, body.longest_ms, body.at_fence_ms)
    return SwitchOut.model_validate(kept)


@router.post("/{migration_id}/accept")
def accept(
    migration_id: UUID, actor: TheActor, session: TheSession, version: TheVersion, response: Response
) -> MigrationDetail:
    """Accept the system where it runs now; the target is billed from today on."""
    steps.accept(session, actor, migration_id, version)
    return _shown(session, actor, migration_id, response)


@router.post("/{migration_id}/order-finalise", status_code=202)
def order_finalise(migration_id: UUID, actor: TheActor, session: TheSession, version: TheVersion) -> RunOut:
    """Plan the point of no return; the answer is the run."""
    return RunOut.model_validate(steps.order_finalise(session, actor, migration_id, version))


@router.post("/{migration_id}/finalise", status_code=202)
def finalise(migration_id: UUID, actor: TheActor, session: TheSession, version: TheVersion) -> RunOut:
    """Take the way back away; the answer is the run."""
    return RunOut.model_validate(steps.finalise(session, actor, migration_id, version))


@router.post("/{migration_id}/order-removal", status_code=202)
def order_removal(migration_id: UUID, actor: TheActor, session: TheSession, version: TheVersion) -> RunOut:
    """Plan to give the migration up and to remove the copies; the answer is the run."""
    return RunOut.model_validate(steps.order_removal(session, actor, migration_id, version))


@router.post("/{migration_id}/remove", status_code=202)
def remove(migration_id: UUID, actor: TheActor, session: TheSession, version: TheVersion) -> RunOut:
    """Give the migration up; the source serves on. The answer is the run."""
    return RunOut.model_validate(steps.remove(session, actor, migration_id, version))


@router.post("/{migration_id}/retire")
def retire(
    migration_id: UUID,
    body: RetireIn,
    actor: TheActor,
    session: TheSession,
    version: TheVersion,
    response: Response,
) -> MigrationDetail:
    """Keep the record that the legacy system was stopped and cleared."""
    steps.retire(session, actor, migration_id, body.model_dump(mode="json"), version)
    return _shown(session, actor, migration_id, response)


@router.post("/{migration_id}/abort")
def abort(
    migration_id: UUID,
    body: ReasonIn,
    actor: TheActor,
    session: TheSession,
    version: TheVersion,
    response: Response,
) -> MigrationDetail:
    """End a migration before anything of it is on a host."""
    steps.abort(session, actor, migration_id, body.reason, version)
    return _shown(session, actor, migration_id, response)


@router.post("/{migration_id}/settle", status_code=202)
def settle(
    migration_id: UUID, actor: TheActor, session: TheSession, version: TheVersion, response: Response
) -> MigrationDetail:
    """After a failure: leave its plan behind, or let a worker read both sides and let one serve."""
    steps.settle(session, actor, migration_id, version)
    return _shown(session, actor, migration_id, response)


def _shown(session: Session, actor: Actor, migration_id: UUID, response: Response) -> MigrationDetail:
    shown = detail(session, actor, migration_id)
    response.headers["ETag"] = f'"{shown.version}"'
    return shown


def detail(session: Session, actor: Actor, migration_id: UUID) -> MigrationDetail:
    """One migration as the API shows it; how hosts are reached stays inside."""
    view = steps.migration_detail(session, actor, migration_id)
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
        plans=[_plan_out(each) for each in view.plans],
        switches=[SwitchOut.model_validate(each) for each in view.switches],
        awaited=[
            AwaitedOut(
                act=each.act,
                permissions=[right.value for right in each.permissions],
                text_en=each.text_en,
                text_zh=each.text_zh,
            )
            for each in view.awaited
        ],
    )


def _plan_out(view: MigrationPlanView) -> MovePlanOut:
    return MovePlanOut(
        act=view.act,
        round=view.round,
        plan=PlanOut.model_validate(view.plan),
        approvals=[item.model_dump(mode="json") for item in view.approvals],
        missing_approvals=list(view.missing),
        runs=[RunOut.model_validate(run) for run in view.runs],
    )
