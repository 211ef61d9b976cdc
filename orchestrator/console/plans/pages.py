"""Pages of execution plans: what it will do, and the decisions about exactly that."""

from dataclasses import replace
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, Response

from orchestrator.console.frame.visit import Reason, TheVisit, Visit, go, need_reason, words_of
from orchestrator.console.plans import reading
from orchestrator.core.errors import BusinessError
from orchestrator.workflows.plans import application, approval, recovery

router = APIRouter(prefix="/console/plans", include_in_schema=False)

Digest = Annotated[str, Form(max_length=64)]


@router.get("/{plan_id}")
def show_plan(plan_id: UUID, visit: TheVisit) -> Response:
    """One execution plan."""
    return visit.show("plans/detail.html", reading.detail(visit, reading.find(visit, plan_id)))


@router.post("/{plan_id}/approve")
def approve(plan_id: UUID, visit: TheVisit, digest: Digest = "", reason: Reason = "") -> Response:
    """Approve exactly the plan whose digest the page showed."""
    _stay(visit, plan_id, reason)
    approval.approve_plan(visit.session, visit.actor, plan_id, digest)
    return _back(plan_id, "approved")


@router.post("/{plan_id}/return")
def return_(plan_id: UUID, visit: TheVisit, reason: Reason = "") -> Response:
    """Not this plan; another may be made."""
    _stay(visit, plan_id, reason)
    approval.return_plan(visit.session, visit.actor, plan_id, need_reason(reason))
    return _back(plan_id, "plan_returned")


@router.post("/{plan_id}/refuse")
def refuse(plan_id: UUID, visit: TheVisit, reason: Reason = "") -> Response:
    """Refuse the plan."""
    _stay(visit, plan_id, reason)
    approval.refuse_plan(visit.session, visit.actor, plan_id, need_reason(reason))
    return _back(plan_id, "plan_refused")


@router.post("/{plan_id}/withdraw")
def withdraw(plan_id: UUID, visit: TheVisit, reason: Reason = "") -> Response:
    """The author takes the plan back."""
    _stay(visit, plan_id, reason)
    approval.withdraw_plan(visit.session, visit.actor, plan_id, need_reason(reason))
    return _back(plan_id, "withdrawn")


@router.post("/{plan_id}/apply")
def apply(plan_id: UUID, visit: TheVisit) -> Response:
    """Apply the approved plan, once; its run is shown."""
    _stay(visit, plan_id, "")
    run = application.apply_plan(visit.session, visit.actor, plan_id)
    return go(f"/console/runs/{run.id}", "applying")


@router.post("/{plan_id}/abandon")
def abandon(plan_id: UUID, visit: TheVisit) -> Response:
    """Leave a failed plan behind."""
    _stay(visit, plan_id, "")
    recovery.abandon_plan(visit.session, visit.actor, plan_id)
    return _back(plan_id, "abandoned")


def _back(plan_id: UUID, done: str) -> Response:
    return go(f"/console/plans/{plan_id}", done)


def _stay(visit: Visit, plan_id: UUID, reason: str) -> None:
    """When the act is refused, show the plan as it is now, with why and what was typed."""

    def again(visit: Visit, error: BusinessError) -> Response:
        page = reading.detail(visit, reading.find(visit, plan_id))
        problem = replace(page.acts, problem=words_of(error, visit.language), reason=reason)
        return visit.show("plans/detail.html", replace(page, acts=problem))

    visit.on_refusal(again)
