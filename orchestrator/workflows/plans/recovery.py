"""Runs that do not end normally: cancelled by a person, or given up after an error of the service.

Every such end is recorded with a reason and the next safe step.
"""

from functools import partial
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.errors import IllegalTransition
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.core.stop_reasons import StopReason
from orchestrator.departments.permissions import Actor
from orchestrator.runs import queries, store
from orchestrator.runs.kinds import RunKind
from orchestrator.runs.lifecycle import PLAN_LIFECYCLE, RUN_LIFECYCLE, PlanStatus, RunStatus
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.act import Call, Condition
from orchestrator.workflows.plans import baseline
from orchestrator.workflows.plans.approval import reopen_request
from orchestrator.workflows.plans.queries import is_not_cancelled
from orchestrator.workflows.requests import judgements

CANCELLED_WAITING = Reason(
    "A person cancelled the run before it began; nothing was changed.",
    "该执行在开始前已由人员取消，未实施任何变更。",
    "If you still need it, order it again; after an apply abandon the plan and have a new one approved.",
    "如仍需要，请重新发起；如为计划的实施，须先放弃原计划，再重新生成并审批。",
)


def give_up(session: Session, run_id: UUID, reason: Reason) -> None:
    """End a run as failed after an error of the service; a person decides how to continue.

    The rows of the resources stay as they are; the next plan starts from the existing objects.
    """
    run = store.lock_run(session, run_id)
    if RUN_LIFECYCLE.is_final(RunStatus(run.status)):
        return
    worker = f"worker:{run.worker}"
    if run.plan_id is not None:
        plan = store.lock_plan(session, run.plan_id)
        if PLAN_LIFECYCLE.allows(PlanStatus(plan.status), PlanStatus.FAILED):
            store.transition_plan(session, plan, PlanStatus.FAILED, worker, reason=reason)
            if run.kind == RunKind.PLAN:
                # Planning changes nothing, so the request can be planned again without a person's decision.
                store.transition_plan(session, plan, PlanStatus.ABANDONED, worker)
    store.transition_run(session, run, RunStatus.FAILED, worker, reason=reason)


def abandon_plan(call: Call, plan: ExecutionPlan) -> ExecutionPlan:
    """Abandon a failed plan, so that its request can be planned again from the existing objects.

    After a failed baseline check another one is ordered at once, because its hosts exist.
    """
    session, actor = call.session, call.actor.audit_name
    store.transition_plan(session, plan, PlanStatus.ABANDONED, actor)
    reopen_request(session, plan, actor, "The failed plan was abandoned.")
    workspace = queries.workspace(session, plan.workspace_id)
    if plan.kind == PlanKind.BASELINE and workspace.released_at is None:
        baseline.order_baseline(session, plan, workspace, plan.required_approvals)
    return plan


NOT_CANCELLED_YET = Condition(
    is_not_cancelled, partial(IllegalTransition, "This run has already been asked to stop."), hides=True
)


def cancel_run(call: Call, run: Run) -> Run:
    """Cancel a waiting run, or ask a running one to stop with a single interrupt."""
    if run.status == RunStatus.QUEUED:
        _cancel_waiting(call.session, run, call.actor)
        return run
    run.cancel_requested = True
    call.session.add(run)
    judgements.note(call.session, run, "run:cancel_requested", call.actor)
    return run


def _cancel_waiting(session: Session, run: Run, actor: Actor) -> None:
    store.transition_run(session, run, RunStatus.CANCELLED, actor.audit_name, reason=CANCELLED_WAITING)
    if run.plan_id is None:
        return
    plan = store.lock_plan(session, run.plan_id)
    ended = PlanStatus.FAILED if run.kind == RunKind.APPLY else PlanStatus.WITHDRAWN
    store.transition_plan(session, plan, ended, actor.audit_name, reason=CANCELLED_WAITING)


def stop_reason(session: Session, run_id: UUID) -> StopReason | None:
    """Return why a running run must stop, or None."""
    return StopReason.CANCELLED if queries.is_cancel_requested(session, run_id) else None
