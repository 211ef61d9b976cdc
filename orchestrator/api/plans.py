"""Execution plans: read, approve exactly what was shown, return, refuse, withdraw, apply."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from orchestrator.api.deps import NumberCursor, TheActor, TheSession, next_page
from orchestrator.api.shapes import Page, PlanDetail, PlanOut, ReasonIn, RunOut
from orchestrator.core.errors import NotFound
from orchestrator.departments.permissions import Permission, require
from orchestrator.runs import queries
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.runs.models import ExecutionPlan
from orchestrator.workflows.plans import application, approval, recovery

router = APIRouter(prefix="/plans", tags=["plans"])


class ApproveIn(BaseModel):
    """The digest that you were shown."""

    model_config = ConfigDict(extra="forbid")

    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class PlanPage(Page):
    """Plans, newest first."""

    items: list[PlanOut]


@router.get("")
def list_plans(
    asked: Request,
    actor: TheActor,
    session: TheSession,
    status: Annotated[list[PlanStatus] | None, Query()] = None,
    cursor: NumberCursor = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> PlanPage:
    """Plans that you may see."""
    require(actor, Permission.REQUESTS_READ)
    own = None if actor.may(Permission.OBJECTS_READ_ALL) else actor.organisation
    found = queries.plan_page(session, status or (), organisation=own, before=cursor, limit=limit)
    link = next_page(asked, found[-1].number) if len(found) == limit else None
    return PlanPage(items=[PlanOut.model_validate(item) for item in found], next=link)


@router.get("/{plan_id}")
def read_plan(plan_id: UUID, actor: TheActor, session: TheSession, response: Response) -> PlanDetail:
    """One plan."""
    plan = queries.plan(session, plan_id)
    require(actor, Permission.REQUESTS_READ, plan.organisation_code)
    return _shown(session, plan, response)


@router.post("/{plan_id}/approve")
def approve(
    plan_id: UUID, body: ApproveIn, actor: TheActor, session: TheSession, response: Response
) -> PlanDetail:
    """Approve exactly the plan whose digest you send; 409 when the current digest is another one."""
    return _shown(session, approval.approve_plan(session, actor, plan_id, body.digest), response)


@router.post("/{plan_id}/return")
def return_(
    plan_id: UUID, body: ReasonIn, actor: TheActor, session: TheSession, response: Response
) -> PlanDetail:
    """Not this plan; the request can be planned again."""
    return _shown(session, approval.return_plan(session, actor, plan_id, body.reason), response)


@router.post("/{plan_id}/refuse")
def refuse(
    plan_id: UUID, body: ReasonIn, actor: TheActor, session: TheSession, response: Response
) -> PlanDetail:
    """Refuse the plan."""
    return _shown(session, approval.refuse_plan(session, actor, plan_id, body.reason), response)


@router.post("/{plan_id}/withdraw")
def withdraw(
    plan_id: UUID, body: ReasonIn, actor: TheActor, session: TheSession, response: Response
) -> PlanDetail:
    """Take the plan back as its author."""
    return _shown(session, approval.withdraw_plan(session, actor, plan_id, body.reason), response)


@router.post("/{plan_id}/apply", status_code=202)
def apply(plan_id: UUID, actor: TheActor, session: TheSession) -> RunOut:
    """Apply the approved plan, once; the answer is the run."""
    return RunOut.model_validate(application.apply_plan(session, actor, plan_id))


@router.post("/{plan_id}/abandon")
def abandon(plan_id: UUID, actor: TheActor, session: TheSession, response: Response) -> PlanDetail:
    """Leave a failed plan behind, so that the request can be planned again from what exists."""
    return _shown(session, recovery.abandon_plan(session, actor, plan_id), response)


def _shown(session: Session, plan: ExecutionPlan, response: Response) -> PlanDetail:
    response.headers["ETag"] = f'"{plan.version}"'
    try:
        changes = queries.artifact(session, plan.id).changes.get("objects", [])
    except NotFound:
        changes = []
    approvals = [item.model_dump(mode="json") for item in queries.approvals(session, plan.id)]
    return PlanDetail(
        **PlanOut.model_validate(plan).model_dump(),
        members=plan.members,
        changes=changes,
        approvals=approvals,
        missing_approvals=approval.missing_approvals(session, plan),
        runs=[RunOut.model_validate(run) for run in queries.runs_of_plan(session, plan.id)],
    )
