"""Execution plans: read, approve by the shown digest, return, refuse, withdraw, apply."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from orchestrator.api.acts import Answer, add_routes
from orchestrator.api.deps import TheActor, TheNumberPage, TheSession
from orchestrator.api.plan_shapes import PlanDetail, PlanPage, PlanSummary
from orchestrator.api.run_shapes import RunDetail
from orchestrator.core.errors import NotFound
from orchestrator.departments.permissions import require_visible, visible_to
from orchestrator.runs import queries
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.workflows.nouns import PLANS
from orchestrator.workflows.plans import approval

router = APIRouter(tags=["plans"])


@router.get("/plans")
def list_plans(
    actor: TheActor,
    session: TheSession,
    page: TheNumberPage,
    status: Annotated[list[PlanStatus] | None, Query()] = None,
) -> PlanPage:
    """List the plans that you may see."""
    plans = queries.plan_page(
        session, status or (), organisation=visible_to(actor), before=page.cursor, limit=page.limit
    )
    return PlanPage(items=[PlanSummary.model_validate(plan) for plan in plans], next=page.link(plans))


@router.get("/plans/{plan_id}")
def read_plan(plan_id: UUID, actor: TheActor, session: TheSession, response: Response) -> PlanDetail:
    """Return one plan."""
    return _shown(session, require_visible(actor, queries.plan(session, plan_id)), response)


def _shown(session: Session, plan: ExecutionPlan, response: Response) -> PlanDetail:
    response.headers["ETag"] = f'"{plan.version}"'
    return detail(session, plan)


def detail(session: Session, plan: ExecutionPlan) -> PlanDetail:
    """Return a plan with its changes, approvals and runs."""
    try:
        changes = queries.artifact(session, plan.id).changes.get("objects", [])
    except NotFound:
        changes = []
    return PlanDetail.model_validate(
        PlanSummary.model_validate(plan).model_dump()
        | {
            "members": plan.members,
            "changes": changes,
            "approvals": queries.approvals(session, plan.id),
            "missing_approvals": approval.missing_approvals(session, plan),
            "runs": queries.runs_of_plan(session, plan.id),
        }
    )


ANSWERS = {
    ExecutionPlan: Answer(200, PlanDetail, lambda call, plan: detail(call.session, plan)),
    Run: Answer(202, RunDetail, lambda _call, run: RunDetail.model_validate(run)),
}
add_routes(router, PLANS, ANSWERS)
