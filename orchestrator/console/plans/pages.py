"""Pages of execution plans: the changes of a plan, and the decisions about it."""

from dataclasses import replace
from uuid import UUID

from fastapi import APIRouter, Response

from orchestrator.console.frame.visit import Sent, TheVisit, Visit, go, words_of
from orchestrator.console.plans import reading
from orchestrator.core.errors import BusinessError
from orchestrator.runs.models import Run
from orchestrator.workflows.nouns import PLANS
from orchestrator.workflows.perform import perform

router = APIRouter(prefix="/console/plans", include_in_schema=False)


@router.get("/{plan_id}")
def show_plan(plan_id: UUID, visit: TheVisit) -> Response:
    """Show one execution plan."""
    return visit.show("plans/detail.html", reading.detail(visit, reading.find(visit, plan_id)))


@router.post("/{plan_id}/{name}")
def act_on_plan(plan_id: UUID, name: str, visit: TheVisit, sent: Sent) -> Response:
    """Do one act on a plan; an apply leads to its run."""
    act, call = PLANS.act(name), visit.call(sent)
    _stay(visit, plan_id, call.reason)
    result = perform(PLANS, act, call, plan_id)
    path = f"/console/runs/{result.id}" if isinstance(result, Run) else f"/console/plans/{plan_id}"
    return go(path, f"{PLANS.path}.{act.name}")


def _stay(visit: Visit, plan_id: UUID, reason: str) -> None:
    """If the act is refused, show the plan as it is now, with the reason and the typed text."""

    def again(visit: Visit, error: BusinessError) -> Response:
        page = reading.detail(visit, reading.find(visit, plan_id))
        problem = replace(page.acts, problem=words_of(error, visit.language), reason=reason)
        return visit.show("plans/detail.html", replace(page, acts=problem))

    visit.on_refusal(again)
