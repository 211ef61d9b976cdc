"""From a department's wish to an approved request: draft, endorse, submit, accept, approve.

At submission quota, pool and budget are held in the same transaction that judges the rules; on a
refusal nothing is held and nothing changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.clock import now
from orchestrator.core.errors import AuditNote, BadInput, IllegalTransition
from orchestrator.departments.permissions import Actor, Permission, Role, require
from orchestrator.policies.pack import PolicyPack
from orchestrator.quotas import queries as quota_queries
from orchestrator.quotas import store as quotas
from orchestrator.quotas.arithmetic import Take
from orchestrator.resource_requests import queries, store
from orchestrator.resource_requests.drafting import RequestDraft
from orchestrator.resource_requests.errors import (
    ChangeUnderWay,
    EndorsementMissing,
    NotYourRequest,
    SamePerson,
)
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.resources import queries as resource_queries
from orchestrator.runs import queries as run_queries
from orchestrator.runs import store as run_store
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.workflows.requests import admission, judgements, quotation
from orchestrator.workflows.requests.standing import lock_standing, read_standing

S = RequestStatus
CALENDAR = "system:calendar"


def draft_request(session: Session, actor: Actor, draft: RequestDraft, pack: PolicyPack) -> ResourceRequest:
    """Store a draft of the actor's own organisation.

    Raises:
        ClassifiedContent: a text carries a classification mark; nothing of it is stored (R-01).
    """
    require(actor, Permission.REQUESTS_DRAFT)
    judgements.refuse_classified(draft, actor, pack)
    judgements.require_known(session, draft, actor.organisation)
    officer = Role.INFORMATION_OFFICER in actor.roles
    request = store.create(
        session,
        draft,
        actor.organisation,
        actor.person_id,
        actor.audit_name,
        filed_by_officer=officer,
    )
    quotation.quote_request(session, request, read_standing(session, request.id))
    return request


def edit_request(
    session: Session,
    actor: Actor,
    request_id: UUID,
    version: int | None,
    draft: RequestDraft,
    pack: PolicyPack,
) -> ResourceRequest:
    """Rewrite a draft, or a request that was returned; its hold follows when it is submitted again.

    Nobody has endorsed the words that are new: an endorsement ends with the words that it was given for.
    """
    request = _own(session, actor, request_id, version)
    if request.status not in (S.DRAFT, S.RETURNED):
        raise IllegalTransition(f"A request that is {request.status} can no longer be edited.")
    judgements.refuse_classified(draft, actor, pack)
    judgements.require_known(session, draft, request.organisation_code)
    store.write_draft(session, request, draft)
    if request.endorser_id is not None:
        request.endorser_id = None
        judgements.note(session, request, "resource_request:endorsement_ended", actor)
    request.version += 1
    quotation.quote_request(session, request, read_standing(session, request.id))
    return request


def ask_endorsement(
    session: Session, actor: Actor, request_id: UUID, version: int | None = None
) -> ResourceRequest:
    """Hand the draft to the information officer."""
    request = _own(session, actor, request_id, version)
    store.transition(session, request, S.AWAITING_ENDORSEMENT, actor.audit_name)
    return request


def endorse_request(
    session: Session, actor: Actor, request_id: UUID, version: int | None = None
) -> ResourceRequest:
    """The information officer of the department stands for the request (clause 13).

    One that was returned and corrected is endorsed where it is: its hold stays.
    """
    request = store.lock(session, request_id, version)
    require(actor, Permission.REQUESTS_ENDORSE, request.organisation_code)
    _same_organisation(actor, request)
    if request.status not in (S.AWAITING_ENDORSEMENT, S.RETURNED):
        raise IllegalTransition(f"A request that is {request.status} cannot be endorsed.")
    if actor.person_id == request.requester_id and not request.filed_by_officer:
        raise _same_person(actor, request, "endorse")
    request.endorser_id = actor.person_id
    request.version += 1
    judgements.note(session, request, "resource_request:endorsed", actor)
    return request


def decline_endorsement(
    session: Session, actor: Actor, request_id: UUID, reason: str, version: int | None = None
) -> ResourceRequest:
    """Send the request back to its author, with a reason."""
    request = store.lock(session, request_id, version)
    require(actor, Permission.REQUESTS_ENDORSE, request.organisation_code)
    _same_organisation(actor, request)
    request.endorser_id = None
    _say(session, actor, request, "declined", reason)
    store.transition(session, request, S.DRAFT, actor.audit_name, reason)
    return request


@dataclass(frozen=True)
class Submission:
    """A request that was judged, and what is held for it as soon as the transaction commits."""

    request: ResourceRequest
    takes: Sequence[Take]
    expires_at: datetime


def submit_request(
    session: Session, actor: Actor, request_id: UUID, pack: PolicyPack, version: int | None = None
) -> Submission:
    """Judge the request and hold what it takes, in one transaction (rules R-16, R-17 and the rest).

    It is written with the commit; should somebody have taken the rest by then, the rule refuses it there.

    Raises:
        EndorsementMissing: the officer has not endorsed it.
        ChangeUnderWay: another change of the same workspace holds something.
        RuleRefuses: a rule blocks it; nothing is held and the status stays.
    """
    request, standing = lock_standing(session, request_id, version)
    require(actor, Permission.REQUESTS_DRAFT, request.organisation_code)
    _same_organisation(actor, request)
    if request.endorser_id is None:
        raise EndorsementMissing
    _require_only_change(session, request)
    if request.submitted_at is not None:
        quotas.drop_live(session, request.id, actor.audit_name)
        standing = read_standing(session, request.id)
    sizing = quotation.quote_request(session, request, standing)
    judgement = judgements.judge(session, request, sizing, standing, pack, actor)
    request.judgement = judgement.as_documents()
    request.submitted_at = now(session)
    store.transition(session, request, S.SUBMITTED, actor.audit_name, at_once=False)
    expires = now(session) + timedelta(days=pack.hold_days)
    # Somebody else may take the rest between the judgement and the commit: the rule answers the same.
    refused = partial(judgements.quota_refusal, request, pack, actor)
    admission.write(session, request, judgement.takes, expires, refused)
    return Submission(request, judgement.takes, expires)


def _require_only_change(session: Session, request: ResourceRequest) -> None:
    """Two changes at once would both give back from the size that the first of them ends."""
    if request.target_workspace_id is None:
        return
    run_store.lock_workspace(session, request.target_workspace_id)
    if any(other.id != request.id for other in queries.holding(session, request.target_workspace_id)):
        raise ChangeUnderWay


def accept_request(
    session: Session, actor: Actor, request_id: UUID, pack: PolicyPack, version: int | None = None
) -> ResourceRequest:
    """The centre takes the request up: accepted, and its review begins."""
    request = _reviewed(session, actor, request_id, pack, version)
    store.transition(session, request, S.ACCEPTED, actor.audit_name)
    store.transition(session, request, S.UNDER_REVIEW, actor.audit_name)
    return request


def return_request(
    session: Session,
    actor: Actor,
    request_id: UUID,
    reason: str,
    pack: PolicyPack,
    version: int | None = None,
) -> ResourceRequest:
    """Ask the department to complete it; the hold is kept until it expires."""
    request = _reviewed(session, actor, request_id, pack, version)
    _say(session, actor, request, "returned", reason)
    store.transition(session, request, S.RETURNED, actor.audit_name, reason)
    return request


def refuse_request(
    session: Session,
    actor: Actor,
    request_id: UUID,
    reason: str,
    pack: PolicyPack,
    version: int | None = None,
) -> ResourceRequest:
    """Not accepted: the formal check failed. The hold is released."""
    return _end(session, actor, request_id, S.REFUSED, reason, pack, version)


def reject_request(
    session: Session,
    actor: Actor,
    request_id: UUID,
    reason: str,
    pack: PolicyPack,
    version: int | None = None,
) -> ResourceRequest:
    """The review says no; also about a request whose apply failed. The hold is released.

    What a failed apply left behind is removed first: until then the request is `cancelling` and holds.
    """
    return _end(session, actor, request_id, S.REJECTED, reason, pack, version)


def approve_request(
    session: Session, actor: Actor, request_id: UUID, pack: PolicyPack, version: int | None = None
) -> ResourceRequest:
    """The review says yes: a plan may be made; also for a request that was being cancelled."""
    request = _reviewed(session, actor, request_id, pack, version)
    _require_no_plan(session, request)
    store.transition(session, request, S.APPROVED, actor.audit_name)
    return request


def cancel_request(
    session: Session, actor: Actor, request_id: UUID, reason: str, version: int | None = None
) -> ResourceRequest:
    """The department takes its request back. The hold is released.

    What a failed apply left behind is removed first: until then the request is `cancelling` and holds.

    Raises:
        IllegalTransition: a plan is under way, or a release has begun to destroy.
    """
    request = _own(session, actor, request_id, version)
    _close(session, request, S.CANCELLED, actor.audit_name, reason)
    return request


def expire_requests(session: Session, pack: PolicyPack) -> int:
    """Expire what was approved and not used, and returned requests whose hold ran out.

    A request of which parts exist is cancelled instead: its hold lasts until a plan has removed them. A
    release that has begun to destroy holds nothing and waits for its next plan.
    """
    unused_since = now(session) - timedelta(days=pack.approved_unused_days)
    expired = 0
    for request in store.lock_idle(session, unused_since, quota_queries.overdue_holds(session, now(session))):
        has_plan = run_queries.live_plan(session, request.id) is not None
        if not has_plan and not _is_begun_release(session, request):
            _close(session, request, S.EXPIRED, CALENDAR, "Not used in time.")
            expired += 1
    return expired


def _close(
    session: Session, request: ResourceRequest, status: RequestStatus, actor: str, reason: str
) -> None:
    """End a request and give back its hold, or first let a plan remove what a failed apply left behind."""
    _require_no_plan(session, request)
    if _is_begun_release(session, request):
        raise IllegalTransition(
            "This release has begun to destroy resources and cannot be taken back."
            " Order a new plan: it destroys the rest."
        )
    if status is not S.REFUSED and leaves_parts(session, request):
        store.transition(session, request, S.CANCELLING, actor, reason)
        return
    store.transition(session, request, status, actor, reason)
    quotas.release(session, request.id, actor)


def _require_no_plan(session: Session, request: ResourceRequest) -> None:
    plan = run_queries.live_plan(session, request.id)
    if plan is None:
        return
    if plan.status == PlanStatus.FAILED:
        raise IllegalTransition(
            f"The apply of plan {plan.number} failed: the centre must abandon that plan first."
        )
    raise IllegalTransition(f"Plan {plan.number} is under way for this request; it must be withdrawn first.")


def _is_begun_release(session: Session, request: ResourceRequest) -> bool:
    return request.kind == "release" and leaves_parts(session, request)


def leaves_parts(session: Session, request: ResourceRequest) -> bool:
    """Return whether objects may exist that an apply for this request began on and did not finish."""
    workspaces = {plan.workspace_id for plan in run_queries.plans_of(session, request.id)}
    return bool(workspaces) and bool(resource_queries.unsettled(session, workspaces))


def _own(session: Session, actor: Actor, request_id: UUID, version: int | None) -> ResourceRequest:
    request = store.lock(session, request_id, version)
    require(actor, Permission.REQUESTS_DRAFT, request.organisation_code)
    if actor.person_id != request.requester_id:
        raise NotYourRequest
    return request


def _same_organisation(actor: Actor, request: ResourceRequest) -> None:
    if actor.organisation != request.organisation_code:
        raise NotYourRequest("Only people of the requesting organisation may do this.")


def _reviewed(
    session: Session, actor: Actor, request_id: UUID, pack: PolicyPack, version: int | None
) -> ResourceRequest:
    request = store.lock(session, request_id, version)
    judgements.require_reviewer(actor, request, pack, Permission.REQUESTS_REVIEW)
    if actor.person_id in (request.requester_id, request.endorser_id):
        raise _same_person(actor, request, "review")
    request.reviewer_id = actor.person_id
    return request


def _same_person(actor: Actor, request: ResourceRequest, act: str) -> SamePerson:
    note = AuditNote(
        "resource_request:same_person_refused",
        ("resource_request", request.id),
        actor.audit_name,
        request.organisation_code,
        {"act": act},
    )
    return SamePerson().noted(note)


def _end(
    session: Session,
    actor: Actor,
    request_id: UUID,
    status: RequestStatus,
    reason: str,
    pack: PolicyPack,
    version: int | None,
) -> ResourceRequest:
    request = _reviewed(session, actor, request_id, pack, version)
    _say(session, actor, request, status.value, reason)
    _close(session, request, status, actor.audit_name, reason)
    return request


def _say(session: Session, actor: Actor, request: ResourceRequest, act: str, reason: str) -> None:
    if not reason.strip():
        raise BadInput("A reason is needed.", field="reason")
    store.comment(session, request.id, actor.person_id, act, reason.strip())
