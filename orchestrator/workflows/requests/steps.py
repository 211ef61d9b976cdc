"""Steps of a resource request: draft, endorse, submit, review, cancel, expire.

Most steps run as acts (`acts.py` in this folder): before it calls one, `perform` has locked the request and
checked permission, persons and status. A submission judges the rules and holds quota, pools and budget in one
transaction; when a rule refuses, nothing is held and nothing changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import Session

from orchestrator.core.clock import now
from orchestrator.core.errors import IllegalTransition
from orchestrator.departments.permissions import Actor, Permission, Role, require
from orchestrator.policies.pack import PolicyPack
from orchestrator.quotas import queries as quota_queries
from orchestrator.quotas import store as quotas
from orchestrator.quotas.arithmetic import Take
from orchestrator.resource_requests import queries, store
from orchestrator.resource_requests.drafting import RequestDraft
from orchestrator.resource_requests.errors import ChangeUnderWay
from orchestrator.resource_requests.kinds import RequestKind
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.resources import queries as resource_queries
from orchestrator.runs import queries as run_queries
from orchestrator.runs import store as run_store
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.workflows.act import Call
from orchestrator.workflows.requests import admission, judgements, quotation
from orchestrator.workflows.requests.standing_queries import Standing, read_standing

S = RequestStatus
CALENDAR = "system:calendar"


def draft_request(session: Session, actor: Actor, draft: RequestDraft, pack: PolicyPack) -> ResourceRequest:
    """Store a draft for the actor's own organisation.

    Raises:
        ClassifiedContent: a text carries a classification mark; nothing of it is stored (R-01).
        BadInput: a code in the draft does not exist or belongs to another organisation.
    """
    require(actor, Permission.REQUESTS_DRAFT)
    judgements.refuse_classified(draft, actor, pack)
    judgements.require_known(session, draft, actor.organisation)
    is_officer = Role.INFORMATION_OFFICER in actor.roles
    author = store.Author(actor.person_id, actor.organisation, actor.audit_name, is_officer)
    request = store.create(session, draft, author)
    quotation.quote_request(session, request, read_standing(session, request.id))
    return request


def edit(call: Call, request: ResourceRequest) -> ResourceRequest:
    """Rewrite a draft or a returned request with the `RequestDraft` in `call.content`.

    An endorsement ends, because it was given for the earlier text. The hold changes at the next submission.
    """
    draft: RequestDraft = call.content
    judgements.refuse_classified(draft, call.actor, call.pack)
    judgements.require_known(call.session, draft, request.organisation_code)
    store.write_draft(call.session, request, draft)
    if request.endorser_id is not None:
        request.endorser_id = None
        judgements.note(call.session, request, "resource_request:endorsement_ended", call.actor)
    request.version += 1
    quotation.quote_request(call.session, request, read_standing(call.session, request.id))
    return request


def ask_endorsement(call: Call, request: ResourceRequest) -> ResourceRequest:
    """Send the draft to the information officer."""
    store.transition(call.session, request, S.AWAITING_ENDORSEMENT, call.actor.audit_name)
    return request


def endorse(call: Call, request: ResourceRequest) -> ResourceRequest:
    """Endorse the request as the department's information officer (clause 13).

    A returned request keeps its status and its hold.
    """
    request.endorser_id = call.actor.person_id
    request.version += 1
    judgements.note(call.session, request, "resource_request:endorsed", call.actor)
    return request


def decline(call: Call, request: ResourceRequest) -> ResourceRequest:
    """Send the request back to its author instead of endorsing it."""
    request.endorser_id = None
    _comment(call, request, "declined")
    store.transition(call.session, request, S.DRAFT, call.actor.audit_name, call.reason)
    return request


@dataclass(frozen=True)
class Submission:
    """A judged request, and the amounts that it holds as soon as the transaction commits."""

    request: ResourceRequest
    takes: Sequence[Take]
    expires_at: datetime


def submit(call: Call, request: ResourceRequest) -> Submission:
    """Judge the request and hold quota, pools and budget in one transaction (R-16, R-17 and other rules).

    `call.facts` is the `Standing` that was read together with the request. The hold is written with the
    commit; if another request has taken the last amount by then, the commit raises `RuleRefuses`.

    Raises:
        ChangeUnderWay: another change of the same workspace has a hold.
        RuleRefuses: a rule stops the request; nothing is held and the status stays.
    """
    session, actor = call.session, call.actor
    standing: Standing = call.facts
    _require_only_change(session, request)
    if request.submitted_at is not None:
        quotas.drop_live(session, request.id, actor.audit_name)
        standing = read_standing(session, request.id)
    sizing = quotation.quote_request(session, request, standing)
    judgement = judgements.judge(call, request, sizing, standing)
    request.judgement = judgement.as_documents()
    request.submitted_at = now(session)
    store.mark_submitted(session, request, actor.audit_name)
    expires = now(session) + timedelta(days=call.pack.hold_days)
    refused = partial(judgements.quota_refusal, request, call.pack, actor)
    admission.write(session, request, judgement.takes, expires, refused)
    return Submission(request, judgement.takes, expires)


def endorse_and_submit(call: Call, request: ResourceRequest) -> Submission:
    """Endorse the request and submit it in one transaction."""
    return submit(call, endorse(call, request))


def _require_only_change(session: Session, request: ResourceRequest) -> None:
    """Refuse a second change of a workspace: both would release amounts of the same present size."""
    if request.target_workspace_id is None:
        return
    run_store.lock_workspace(session, request.target_workspace_id)
    if any(other.id != request.id for other in queries.holding(session, request.target_workspace_id)):
        raise ChangeUnderWay


def accept(call: Call, request: ResourceRequest) -> ResourceRequest:
    """Accept the request for review."""
    request.reviewer_id = call.actor.person_id
    store.transition(call.session, request, S.ACCEPTED, call.actor.audit_name)
    store.transition(call.session, request, S.UNDER_REVIEW, call.actor.audit_name)
    return request


def return_(call: Call, request: ResourceRequest) -> ResourceRequest:
    """Return the request to the department for correction; the hold stays until it expires."""
    request.reviewer_id = call.actor.person_id
    _comment(call, request, "returned")
    store.transition(call.session, request, S.RETURNED, call.actor.audit_name, call.reason)
    return request


def refuse(call: Call, request: ResourceRequest) -> ResourceRequest:
    """Refuse the request after a failed formal check; the hold is released."""
    return _end(call, request, S.REFUSED)


def reject(call: Call, request: ResourceRequest) -> ResourceRequest:
    """Reject the request after its review, or after a failed apply; the hold is released.

    Objects that a failed apply left behind are removed first. Until then the request is `cancelling`, and
    its hold stays.
    """
    return _end(call, request, S.REJECTED)


def _end(call: Call, request: ResourceRequest, status: RequestStatus) -> ResourceRequest:
    request.reviewer_id = call.actor.person_id
    _comment(call, request, status.value)
    _close(call.session, request, status, call.actor.audit_name, call.reason)
    return request


def approve(call: Call, request: ResourceRequest) -> ResourceRequest:
    """Approve the request, also one that is `cancelling`; an execution plan can then be generated."""
    request.reviewer_id = call.actor.person_id
    _require_no_plan(call.session, request)
    store.transition(call.session, request, S.APPROVED, call.actor.audit_name)
    return request


def cancel(call: Call, request: ResourceRequest) -> ResourceRequest:
    """Cancel the request before it is fulfilled; the hold is released.

    Objects that a failed apply left behind are removed first. Until then the request is `cancelling`, and
    its hold stays.

    Raises:
        IllegalTransition: the request has a live plan, or it is a release that has begun to destroy.
    """
    _close(call.session, request, S.CANCELLED, call.actor.audit_name, call.reason)
    return request


def expire_requests(session: Session, pack: PolicyPack) -> int:
    """Expire approved but unused requests, and waiting requests whose hold has expired; return their number.

    A request that left resources behind becomes `cancelling` instead: its hold lasts until a plan has removed
    them. A release that has begun to destroy holds nothing and waits for its next plan.
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
    """End a request and release its hold, or make it `cancelling` while objects of a failed apply remain."""
    _require_no_plan(session, request)
    if _is_begun_release(session, request):
        raise IllegalTransition(
            "This release has already destroyed resources and cannot be taken back."
            " Order a new plan to destroy the rest.",
            detail_zh="该释放申请已开始销毁资源，不能撤回；请生成新的执行计划，销毁其余资源",
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
            f"The apply of plan {plan.number} failed. Ask the centre to abandon that plan first.",
            detail_zh=f"执行计划 {plan.number} 实施失败，请先由市信息化中心放弃此次执行",
        )
    raise IllegalTransition(
        f"Plan {plan.number} is under way for this request. Withdraw that plan first.",
        detail_zh=f"该申请的执行计划 {plan.number} 尚在办理，请先撤回该计划",
    )


def _is_begun_release(session: Session, request: ResourceRequest) -> bool:
    return request.kind == RequestKind.RELEASE and leaves_parts(session, request)


def leaves_parts(session: Session, request: ResourceRequest) -> bool:
    """Return whether an unfinished apply of this request may have left objects behind."""
    workspaces = {plan.workspace_id for plan in run_queries.plans_of(session, request.id)}
    return bool(workspaces) and bool(resource_queries.unfinished(session, workspaces))


def _comment(call: Call, request: ResourceRequest, act: str) -> None:
    store.comment(call.session, request.id, call.actor.person_id, act, call.reason)
