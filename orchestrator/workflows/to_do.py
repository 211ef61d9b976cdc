"""What waits for a person: every next step that their roles allow and their other duties do not forbid."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlmodel import Session

from orchestrator.core.errors import BusinessError
from orchestrator.departments.permissions import APPROVAL_PERMISSIONS, Actor, Permission
from orchestrator.migrations.lifecycle import ENDED, MigrationStatus
from orchestrator.migrations.models import Migration
from orchestrator.policies.pack import PolicyPack
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests.lifecycle import PLANNABLE, RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs import queries as run_queries
from orchestrator.runs.lifecycle import LIVE, PlanStatus
from orchestrator.runs.models import MOVE_KINDS, ExecutionPlan
from orchestrator.workflows.migrations import steps
from orchestrator.workflows.migrations.reads import Awaited, MigrationView
from orchestrator.workflows.plans.approval import missing_approvals
from orchestrator.workflows.requests import judgements

MOST = 200
KINDS = (
    "endorse",
    "submit",
    "correct",
    "accept",
    "review",
    "make_plan",
    "approve_plan",
    "apply_plan",
    "abandon",
    "activate",
    "migration",
)
P = Permission
R = RequestStatus
MOVES = frozenset({P.PLANS_AUTHOR, P.PLANS_APPLY, P.RESOURCES_ACTIVATE, P.RUNS_RECOVER}) | frozenset(
    APPROVAL_PERMISSIONS.values()
)
"""Who may ever be awaited for a step of a migration."""


@dataclass(frozen=True)
class Item:
    """One thing that waits, and for what (one of KINDS)."""

    kind: str
    subject: ResourceRequest | ExecutionPlan | Migration


def counts(session: Session, actor: Actor, pack: PolicyPack) -> dict[str, int]:
    """The numbers beside the menu."""
    seen = [run for run in run_queries.active_runs(session) if actor.sees(run.organisation_code)]
    return {"approvals": len(items(session, actor, pack)), "runs": len(seen)}


def items(session: Session, actor: Actor, pack: PolicyPack) -> list[Item]:
    """Everything that waits for this person, the longest waiting first."""
    found = [
        *_own(session, actor),
        *_reviews(session, actor, pack),
        *_plans(session, actor),
        *_migrations(session, actor),
    ]
    return sorted(found, key=lambda item: item.subject.status_at)


def _own(session: Session, actor: Actor) -> Iterator[Item]:
    """Requests of the person's own organisation."""
    statuses = [R.AWAITING_ENDORSEMENT, R.RETURNED, R.IN_TRIAL]
    if not any(actor.may(permission) for permission in (P.REQUESTS_DRAFT, P.REQUESTS_ENDORSE)):
        return
    own = request_queries.page(session, organisation=actor.organisation, statuses=statuses, limit=MOST)
    for request in own:
        kind = _own_kind(actor, request)
        if kind:
            yield Item(kind, request)


def _own_kind(actor: Actor, request: ResourceRequest) -> str:
    """What a request of the own organisation waits for, where this person can do it."""
    is_own = request.requester_id == actor.person_id
    if request.status == R.RETURNED and request.endorser_id is not None:
        return "correct" if is_own else ""
    if request.status == R.IN_TRIAL:
        return "activate" if actor.may(P.RESOURCES_ACTIVATE) else ""
    if request.endorser_id is not None:
        return "submit" if actor.may(P.REQUESTS_DRAFT) else ""
    may_endorse = actor.may(P.REQUESTS_ENDORSE) and (not is_own or request.filed_by_officer)
    return "endorse" if may_endorse else ""


REVIEWED = {
    R.SUBMITTED: "accept",
    R.UNDER_REVIEW: "review",
    R.APPROVED: "make_plan",
    R.CANCELLING: "make_plan",
}


def _reviews(session: Session, actor: Actor, pack: PolicyPack) -> Iterator[Item]:
    """Requests of other organisations that this person reviews or plans."""
    if not actor.may(P.OBJECTS_READ_ALL):
        return
    for request in request_queries.page(session, statuses=list(REVIEWED), limit=MOST):
        status = R(request.status)
        permission = P.PLANS_AUTHOR if status in PLANNABLE else P.REQUESTS_REVIEW
        if not may_review(actor, request, pack, permission):
            continue
        if status not in PLANNABLE or run_queries.live_plan(session, request.id) is None:
            yield Item(REVIEWED[status], request)


def may_review(actor: Actor, request: ResourceRequest, pack: PolicyPack, permission: Permission) -> bool:
    """Whether the reviewing part of this request is this person's, by the rule that the workflow applies."""
    try:
        judgements.require_reviewer(actor, request, pack, permission)
    except BusinessError:
        return False
    return actor.person_id not in (request.requester_id, request.endorser_id)


def _plans(session: Session, actor: Actor) -> Iterator[Item]:
    """Execution plans to approve, to apply, or to clear up after; those of migrations come with them."""

    def read(statuses: list[PlanStatus]) -> Iterator[ExecutionPlan]:
        found = run_queries.plan_page(session, statuses, limit=MOST)
        return (plan for plan in found if plan.kind not in MOVE_KINDS)

    if any(actor.may(permission) for permission in APPROVAL_PERMISSIONS.values()):
        for plan in read([PlanStatus.SUBMITTED]):
            if actor.person_id not in parties(session, plan) and can_approve(session, plan, actor):
                yield Item("approve_plan", plan)
    if actor.may(P.PLANS_APPLY):
        for plan in read([PlanStatus.APPROVED]):
            if actor.person_id not in parties(session, plan):
                yield Item("apply_plan", plan)
    if actor.may(P.RUNS_RECOVER):
        for plan in read([PlanStatus.FAILED]):
            yield Item("abandon", plan)


def _migrations(session: Session, actor: Actor) -> Iterator[Item]:
    """Migrations whose next step is this person's."""
    if not MOVES & actor.permissions:
        return
    live = [status for status in MigrationStatus if status not in ENDED]
    for migration in steps.list_migrations(session, actor, live, limit=MOST):
        view = steps.migration_detail(session, actor, migration.id)
        if any(_awaits(session, actor, view, item) for item in view.awaited):
            yield Item("migration", migration)


def _awaits(session: Session, actor: Actor, view: MigrationView, item: Awaited) -> bool:
    """Whether an awaited act is this person's; a return is a choice that nobody is waited for."""
    if item.act in ("wait", "return_", "order_return"):
        return False
    if item.act == "accept" and actor.organisation != view.migration.organisation_code:
        return False
    plans = [each.plan for each in view.plans if each.plan.status in LIVE and each.act != "return"]
    if any(actor.person_id in parties(session, plan) for plan in plans):
        return False
    return any(actor.may(permission) for permission in item.permissions)


def parties(session: Session, plan: ExecutionPlan) -> set[object]:
    """The persons who have a part in a plan already and so can take no other (domain §2.15)."""
    approvers = {item.approver_id for item in run_queries.approvals(session, plan.id)}
    return {plan.requester_id, plan.endorser_id, plan.author_id, plan.applier_id} | approvers


def can_approve(session: Session, plan: ExecutionPlan, actor: Actor) -> bool:
    """Whether one of the approvals that the plan lacks belongs to a role of this person, of another body."""
    lacking = missing_approvals(session, plan)
    return actor.organisation != plan.organisation_code and any(
        actor.may(APPROVAL_PERMISSIONS[role]) for role in lacking
    )
