"""When a run does not come to its own end: cancelled by a person, given up by the service, left behind.

Each ending says why, and what a person can safely do next.
"""

from uuid import UUID

from sqlmodel import Session

from orchestrator.core.errors import IllegalTransition
from orchestrator.departments.permissions import Actor, Permission, require
from orchestrator.runs import queries, store
from orchestrator.runs.lifecycle import PLAN_LIFECYCLE, RUN_LIFECYCLE, PlanStatus, RunStatus
from orchestrator.runs.models import MOVE_KINDS, ExecutionPlan, Run
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.plans import baseline
from orchestrator.workflows.plans.approval import reopen_request
from orchestrator.workflows.requests import judgements

CANCELLED_WAITING = Reason(
    "A person cancelled it before it began; nothing was changed.",
    "任务开始前已由人员取消，未执行任何变更。",
    "Where it is still wanted, order it again; an apply needs its plan abandoned and a new one approved.",
    "如仍需要，请重新发起；执行类任务须先放弃原计划，再重新生成并审批。",
)


def give_up(session: Session, run_id: UUID, reason: Reason) -> None:
    """The service itself failed during a run: settle it, keep every row as it is, let a person decide.

    Resources stay as they were last known; the next plan starts from what exists.
    """
    run = store.lock_run(session, run_id)
    if RUN_LIFECYCLE.is_final(RunStatus(run.status)):
        return
    worker = f"worker:{run.worker}"
    if run.plan_id is not None:
        plan = store.lock_plan(session, run.plan_id)
        if PLAN_LIFECYCLE.allows(PlanStatus(plan.status), PlanStatus.FAILED):
            store.transition_plan(session, plan, PlanStatus.FAILED, worker, reason=reason)
            if run.kind == "plan":
                # Planning changed nothing, so nobody has to look first: the request can be planned again.
                store.transition_plan(session, plan, PlanStatus.ABANDONED, worker)
    store.transition_run(session, run, RunStatus.FAILED, worker, reason=reason)


def abandon_plan(session: Session, actor: Actor, plan_id: UUID) -> ExecutionPlan:
    """A person has read why the apply failed and lets the request be planned again from reality.

    A baseline belongs to resources that exist, so a new one is planned at once.
    """
    plan = store.lock_plan(session, plan_id)
    require(actor, Permission.RUNS_RECOVER, plan.organisation_code)
    if plan.kind in MOVE_KINDS:
        raise IllegalTransition("This plan belongs to a migration: settle the migration.")
    store.transition_plan(session, plan, PlanStatus.ABANDONED, actor.audit_name)
    reopen_request(session, plan, actor.audit_name, "The failed plan was abandoned.")
    workspace = queries.workspace(session, plan.workspace_id)
    if plan.kind == "baseline" and workspace.released_at is None:
        baseline.order_baseline(session, plan, workspace)
    return plan


def cancel_run(session: Session, actor: Actor, run_id: UUID) -> Run:
    """Ask a run to stop: one that waits is cancelled, one at work gets a single interrupt."""
    run = store.lock_run(session, run_id)
    require(actor, Permission.RUNS_CANCEL, run.organisation_code)
    if run.status == RunStatus.QUEUED:
        _cancel_waiting(session, run, actor)
    elif run.status == RunStatus.RUNNING:
        run.cancel_requested = True
        session.add(run)
        judgements.note(session, run, "run:cancel_requested", actor)
    else:
        raise IllegalTransition(f"A run that is {run.status} cannot be cancelled.")
    return run


def _cancel_waiting(session: Session, run: Run, actor: Actor) -> None:
    store.transition_run(session, run, RunStatus.CANCELLED, actor.audit_name, reason=CANCELLED_WAITING)
    if run.plan_id is None:
        return
    plan = store.lock_plan(session, run.plan_id)
    ended = PlanStatus.FAILED if run.kind == "apply" else PlanStatus.WITHDRAWN
    store.transition_plan(session, plan, ended, actor.audit_name, reason=CANCELLED_WAITING)


def stop_reason(session: Session, run_id: UUID) -> str | None:
    """Why a run at work must stop, or None."""
    return "cancelled" if queries.is_cancel_requested(session, run_id) else None
