"""Decisions about a submitted plan: approve the shown digest, return, refuse, withdraw, expire."""

from functools import partial

from sqlmodel import Session

from orchestrator.core.clock import now
from orchestrator.core.errors import IllegalTransition
from orchestrator.core.plan_kinds import TERRAFORM_KINDS
from orchestrator.core.transitions import Transition
from orchestrator.departments.permissions import APPROVAL_PERMISSIONS, Actor
from orchestrator.resource_requests import store as requests
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.runs import queries, store
from orchestrator.runs.errors import AlreadyDecided, PersonTwice, PlanExpired, RolesDoNotApprove
from orchestrator.runs.kinds import Decision
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.runs.models import Approval, ExecutionPlan
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.act import Call, Condition
from orchestrator.workflows.plans import queries as conditions
from orchestrator.workflows.requests import judgements


def approve_plan(call: Call, plan: ExecutionPlan) -> ExecutionPlan:
    """Approve exactly the plan whose digest was shown; it is approved once no approval is missing."""
    session, actor = call.session, call.actor
    role = _role_of(session, actor, plan)
    store.add_approval(session, _decision(call, plan, role, Decision.APPROVED))
    judgements.note(
        session, plan, "execution_plan:approved_by", actor, {"role": role, "digest": plan.tuple_digest}
    )
    if not missing_approvals(session, plan):
        store.transition_plan(session, plan, PlanStatus.APPROVED, actor.audit_name)
    return plan


def return_plan(call: Call, plan: ExecutionPlan) -> ExecutionPlan:
    """Return the plan to its author; its request is approved again and can be planned again."""
    return _turn_down(call, plan, Decision.RETURNED)


def refuse_plan(call: Call, plan: ExecutionPlan) -> ExecutionPlan:
    """Refuse the plan; the reason is stored with the decision."""
    return _turn_down(call, plan, Decision.REFUSED)


def withdraw_plan(call: Call, plan: ExecutionPlan) -> ExecutionPlan:
    """Withdraw the plan before it is applied."""
    actor = call.actor.audit_name
    reason = Reason(call.reason, call.reason)
    store.transition_plan(call.session, plan, PlanStatus.WITHDRAWN, actor, reason=reason)
    reopen_request(call.session, plan, actor, call.reason)
    return plan


def _turn_down(call: Call, plan: ExecutionPlan, decision: Decision) -> ExecutionPlan:
    session, actor = call.session, call.actor
    role = _role_of(session, actor, plan)
    store.add_approval(session, _decision(call, plan, role, decision, call.reason))
    change = Transition(PlanStatus.REJECTED, actor.audit_name, data={"decision": decision})
    store.change_plan(session, plan, change, reason=Reason(call.reason, call.reason))
    reopen_request(session, plan, actor.audit_name, call.reason)
    return plan


def _decision(
    call: Call, plan: ExecutionPlan, role: str, decision: Decision, reason: str | None = None
) -> Approval:
    return Approval(
        plan_id=plan.id,
        role=role,
        approver_id=call.actor.person_id,
        decision=decision,
        digest=plan.tuple_digest or "",
        reason=reason,
    )


def _role_of(session: Session, actor: Actor, plan: ExecutionPlan) -> str:
    """Return the first missing approval that this actor may give."""
    for role in missing_approvals(session, plan):
        if actor.may(APPROVAL_PERMISSIONS[role]):
            return role
    raise RolesDoNotApprove


NOT_DECIDED = Condition(conditions.has_not_decided, AlreadyDecided)
NOT_AN_APPROVER = Condition(conditions.has_not_approved, PersonTwice, is_duty=True)
LACKS_THEIR_APPROVAL = Condition(conditions.lacks_their_approval, RolesDoNotApprove)
STILL_VALID = Condition(conditions.is_valid, PlanExpired)
NOT_OF_A_MIGRATION = Condition(
    conditions.is_no_migration,
    partial(IllegalTransition, "This plan belongs to a migration. Decide there."),
    hides=True,
)


def missing_approvals(session: Session, plan: ExecutionPlan) -> list[str]:
    """Return the missing approvals of the plan in their order; a role named twice needs two persons."""
    missing = list(plan.required_approvals)
    for decision in queries.approvals(session, plan.id):
        if decision.decision == Decision.APPROVED and decision.role in missing:
            missing.remove(decision.role)
    return missing


def reopen_request(session: Session, plan: ExecutionPlan, actor: str, reason: str) -> None:
    """Set the request of a plan that was not applied to approved, so that it can be planned again."""
    request = requests.lock(session, plan.request_id)
    if plan.kind in TERRAFORM_KINDS and request.status == RequestStatus.PLANNED:
        requests.transition(session, request, RequestStatus.APPROVED, actor, reason)


def expire_plans(session: Session) -> int:
    """Expire the plans that were not applied in time, reopen their requests, and return their number."""
    late = store.expire_plans(session, now(session))
    for plan in late:
        store.transition_plan(session, plan, PlanStatus.EXPIRED, "system:calendar")
        reopen_request(session, plan, "system:calendar", "The plan expired.")
    return len(late)
