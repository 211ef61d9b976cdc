"""Decisions about a submitted plan: approve exactly what was shown, return, refuse, withdraw, expire."""

from uuid import UUID

from sqlmodel import Session

from orchestrator.core.clock import now
from orchestrator.core.errors import AuditNote, BadInput
from orchestrator.departments.permissions import APPROVAL_PERMISSIONS, Actor, Permission, require
from orchestrator.resource_requests import store as requests
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.runs import queries, store
from orchestrator.runs.errors import (
    AlreadyDecided,
    OwnOrganisation,
    PersonTwice,
    PlanExpired,
    PlanNotSubmitted,
    RolesDoNotApprove,
    StaleApproval,
)
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.runs.models import TERRAFORM_KINDS, Approval, ExecutionPlan
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.requests import judgements


def approve_plan(session: Session, actor: Actor, plan_id: UUID, digest: str) -> ExecutionPlan:
    """Let exactly the plan the approver saw be applied, and nothing else.

    Raises:
        StaleApproval: the current digest is another one than the page showed.
        PersonTwice: the approver has another part in this plan (invariant 20).
    """
    plan = store.lock_plan(session, plan_id)
    role = _approval_role(session, actor, plan)
    _require_decidable(session, plan)
    if digest != plan.tuple_digest:
        raise StaleApproval(current=plan.tuple_digest, shown=digest)
    store.add_approval(session, _decision(actor, plan, role, "approved"))
    judgements.note(session, plan, "execution_plan:approved_by", actor, {"role": role, "digest": digest})
    if not missing_approvals(session, plan):
        store.transition_plan(session, plan, PlanStatus.APPROVED, actor.audit_name)
    return plan


def return_plan(session: Session, actor: Actor, plan_id: UUID, reason: str) -> ExecutionPlan:
    """Not this plan: the request goes back to approved and can be planned again."""
    return _turn_down(session, actor, plan_id, "returned", reason)


def refuse_plan(session: Session, actor: Actor, plan_id: UUID, reason: str) -> ExecutionPlan:
    """No plan for this request as it stands; the reason is kept with the decision."""
    return _turn_down(session, actor, plan_id, "refused", reason)


def withdraw_plan(session: Session, actor: Actor, plan_id: UUID, reason: str) -> ExecutionPlan:
    """The author takes the plan back before it is applied."""
    plan = store.lock_plan(session, plan_id)
    require(actor, Permission.PLANS_AUTHOR, plan.organisation_code)
    store.transition_plan(
        session, plan, PlanStatus.WITHDRAWN, actor.audit_name, reason=Reason(reason, reason)
    )
    reopen_request(session, plan, actor.audit_name, reason)
    return plan


def _turn_down(session: Session, actor: Actor, plan_id: UUID, decision: str, reason: str) -> ExecutionPlan:
    if not reason.strip():
        raise BadInput("A reason is needed.", field="reason")
    plan = store.lock_plan(session, plan_id)
    role = _approval_role(session, actor, plan)
    _require_decidable(session, plan)
    store.add_approval(session, _decision(actor, plan, role, decision, reason.strip()))
    words = Reason(reason.strip(), reason.strip())
    store.transition_plan(
        session, plan, PlanStatus.REJECTED, actor.audit_name, reason=words, data={"decision": decision}
    )
    reopen_request(session, plan, actor.audit_name, reason.strip())
    return plan


def _decision(
    actor: Actor, plan: ExecutionPlan, role: str, decision: str, reason: str | None = None
) -> Approval:
    return Approval(
        plan_id=plan.id,
        role=role,
        approver_id=actor.person_id,
        decision=decision,
        digest=plan.tuple_digest or "",
        reason=reason,
    )


def _require_decidable(session: Session, plan: ExecutionPlan) -> None:
    if plan.status != PlanStatus.SUBMITTED:
        raise PlanNotSubmitted(f"This plan is {plan.status}.", current=plan.status)
    if plan.expires_at is not None and plan.expires_at <= now(session):
        raise PlanExpired


def _approval_role(session: Session, actor: Actor, plan: ExecutionPlan) -> str:
    """Which missing approval this actor fills; refusals about persons leave a trace."""
    if not any(actor.may(permission) for permission in APPROVAL_PERMISSIONS.values()):
        require(actor, Permission.PLANS_APPROVE, plan.organisation_code)
    if actor.person_id in (plan.requester_id, plan.endorser_id, plan.author_id, plan.applier_id):
        raise person_twice(actor, "execution_plan", plan.id, plan.organisation_code, "approve")
    if actor.organisation == plan.organisation_code:
        raise OwnOrganisation
    if any(item.approver_id == actor.person_id for item in queries.approvals(session, plan.id)):
        raise AlreadyDecided
    for role in missing_approvals(session, plan):
        if actor.may(APPROVAL_PERMISSIONS[role]):
            return role
    raise RolesDoNotApprove


def missing_approvals(session: Session, plan: ExecutionPlan) -> list[str]:
    """The approvals that the plan still needs, in their order; a role named twice needs two persons."""
    missing = list(plan.required_approvals)
    for item in queries.approvals(session, plan.id):
        if item.decision == "approved" and item.role in missing:
            missing.remove(item.role)
    return missing


def reopen_request(session: Session, plan: ExecutionPlan, actor: str, reason: str) -> None:
    """A request whose plan came to nothing is approved again and can be planned again."""
    request = requests.lock(session, plan.request_id)
    if plan.kind in TERRAFORM_KINDS and request.status == RequestStatus.PLANNED:
        requests.transition(session, request, RequestStatus.APPROVED, actor, reason)


def expire_plans(session: Session) -> int:
    """Plans that waited too long lose their validity; their requests can be planned again."""
    late = store.expire_plans(session, now(session))
    for plan in late:
        store.transition_plan(session, plan, PlanStatus.EXPIRED, "system:calendar")
        reopen_request(session, plan, "system:calendar", "The plan expired.")
    return len(late)


def person_twice(actor: Actor, kind: str, subject: UUID, organisation: str, act: str) -> PersonTwice:
    """The refusal of invariant 20, with its trace in the audit."""
    note = AuditNote(
        f"{kind}:same_person_refused", (kind, subject), actor.audit_name, organisation, {"act": act}
    )
    return PersonTwice().noted(note)
