"""The acts of a resource request (domain §4.4), in the order in which a page offers them."""

from orchestrator.core.errors import IllegalTransition
from orchestrator.departments.permissions import Permission
from orchestrator.resource_requests import store
from orchestrator.resource_requests.errors import EndorsementMissing, HasLivePlan, NotYourRequest, SamePerson
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.workflows.act import Act, Body, Condition, Noun, Text
from orchestrator.workflows.requests import steps
from orchestrator.workflows.requests.queries import has_no_live_plan, is_in_review_or_leaves_parts
from orchestrator.workflows.requests.standing_queries import lock_standing

P = Permission
S = RequestStatus
PARTIES = ("requester_id", "endorser_id")
BEFORE_PLAN = {
    S.DRAFT,
    S.AWAITING_ENDORSEMENT,
    S.SUBMITTED,
    S.RETURNED,
    S.ACCEPTED,
    S.UNDER_REVIEW,
    S.APPROVED,
}
"""Statuses in which a request can be cancelled. A planned request names the plan that prevents it."""
NO_LIVE_PLAN = Condition(has_no_live_plan, HasLivePlan, hides=True)
IN_REVIEW_OR_LEAVES_PARTS = Condition(is_in_review_or_leaves_parts, IllegalTransition, hides=True)

EDIT = Act(
    name="edit",
    label=Text("修改", "Edit"),
    statuses={S.DRAFT, S.RETURNED},
    permission=P.REQUESTS_DRAFT,
    duty="draft_request",
    only="requester_id",
    has_form=True,
    runs=steps.edit,
    waiting=Text("待补正", "To be corrected"),
    awaited={S.RETURNED},
)
ASK_ENDORSEMENT = Act(
    name="ask-endorsement",
    label=Text("送审签", "Send for endorsement"),
    statuses={S.DRAFT},
    permission=P.REQUESTS_DRAFT,
    duty="draft_request",
    only="requester_id",
    runs=steps.ask_endorsement,
    tone="primary",
    done=Text("已送信息主官审签。", "Sent to the information officer for endorsement."),
)
ENDORSE_AND_SUBMIT = Act(
    name="endorse-and-submit",
    label=Text("审签并提交", "Endorse and submit"),
    statuses={S.AWAITING_ENDORSEMENT, S.RETURNED},
    permission=P.REQUESTS_ENDORSE,
    duty="endorse_request",
    body=Body.OWN,
    never_with=("requester_id",),
    unless="filed_by_officer",
    empty=("endorser_id",),
    lock=lock_standing,
    runs=steps.endorse_and_submit,
    tone="primary",
    done=Text("已审签并提交，配额、资源池与预算已预占。", "Submitted; quota, pool and budget are held."),
)
ENDORSE = Act(
    name="endorse",
    label=Text("审签", "Endorse"),
    statuses={S.AWAITING_ENDORSEMENT, S.RETURNED},
    permission=P.REQUESTS_ENDORSE,
    duty="endorse_request",
    body=Body.OWN,
    never_with=("requester_id",),
    unless="filed_by_officer",
    empty=("endorser_id",),
    runs=steps.endorse,
    waiting=Text("待审签", "Awaiting endorsement"),
    done=Text("已审签，可提交申请。", "Endorsed. The request can now be submitted."),
)
SUBMIT = Act(
    name="submit",
    label=Text("提交申请", "Submit"),
    statuses={S.AWAITING_ENDORSEMENT, S.RETURNED},
    permission=P.REQUESTS_DRAFT,
    duty="draft_request",
    body=Body.OWN,
    filled=("endorser_id",),
    unmet=EndorsementMissing,
    lock=lock_standing,
    runs=steps.submit,
    tone="primary",
    waiting=Text("待提交", "To be submitted"),
    awaited={S.AWAITING_ENDORSEMENT},
    done=Text("申请已提交，配额、资源池与预算已预占。", "Submitted; quota, pool and budget are held."),
)
DECLINE = Act(
    name="decline",
    label=Text("不予审签", "Decline"),
    statuses={S.AWAITING_ENDORSEMENT},
    permission=P.REQUESTS_ENDORSE,
    duty="endorse_request",
    body=Body.OWN,
    needs_reason=True,
    runs=steps.decline,
    tone="outline-danger",
    done=Text("已退回经办人。", "Returned to the clerk."),
)
ACCEPT = Act(
    name="accept",
    label=Text("受理", "Accept"),
    statuses={S.SUBMITTED},
    permission=P.REQUESTS_REVIEW,
    duty="review_request",
    body=Body.OTHER,
    never_with=PARTIES,
    runs=steps.accept,
    tone="primary",
    waiting=Text("待受理", "Awaiting acceptance"),
    done=Text("已受理。", "Accepted."),
)
APPROVE = Act(
    name="approve",
    label=Text("批准", "Approve"),
    statuses={S.UNDER_REVIEW, S.CANCELLING},
    permission=P.REQUESTS_REVIEW,
    duty="review_request",
    body=Body.OTHER,
    never_with=PARTIES,
    conditions=(NO_LIVE_PLAN,),
    runs=steps.approve,
    tone="primary",
    waiting=Text("待审核", "Awaiting review"),
    awaited={S.UNDER_REVIEW},
    done=Text("已批准。", "Approved."),
)
RETURN = Act(
    name="return",
    label=Text("退回补正", "Return for correction"),
    statuses={S.SUBMITTED, S.UNDER_REVIEW},
    permission=P.REQUESTS_REVIEW,
    duty="review_request",
    body=Body.OTHER,
    never_with=PARTIES,
    needs_reason=True,
    runs=steps.return_,
    done=Text("已退回补正。", "Returned for correction."),
)
REFUSE = Act(
    name="refuse",
    label=Text("不予受理", "Refuse"),
    statuses={S.SUBMITTED, S.RETURNED},
    permission=P.REQUESTS_REVIEW,
    duty="review_request",
    body=Body.OTHER,
    never_with=PARTIES,
    needs_reason=True,
    runs=steps.refuse,
    tone="outline-danger",
    done=Text("已作出不予受理的决定，预占已释放。", "Refused. Held amounts are released."),
)
REJECT = Act(
    name="reject",
    label=Text("驳回", "Reject"),
    statuses={S.UNDER_REVIEW, S.APPROVED},
    permission=P.REQUESTS_REVIEW,
    duty="review_request",
    body=Body.OTHER,
    never_with=PARTIES,
    conditions=(IN_REVIEW_OR_LEAVES_PARTS,),
    needs_reason=True,
    runs=steps.reject,
    tone="outline-danger",
    done=Text("已驳回，预占已释放。", "Rejected. Held amounts are released."),
)
CANCEL = Act(
    name="cancel",
    label=Text("撤销申请", "Cancel"),
    statuses={*BEFORE_PLAN, S.PLANNED},
    offered=BEFORE_PLAN,
    permission=P.REQUESTS_DRAFT,
    duty="draft_request",
    only="requester_id",
    needs_reason=True,
    runs=steps.cancel,
    tone="outline-danger",
    done=Text("已撤销，预占已释放。", "Cancelled. Held amounts are released."),
)

REQUEST = Noun(
    subject="resource_request",
    path="requests",
    table=ResourceRequest,
    lock=store.lock,
    acts=(
        EDIT,
        ASK_ENDORSEMENT,
        ENDORSE_AND_SUBMIT,
        ENDORSE,
        SUBMIT,
        DECLINE,
        ACCEPT,
        APPROVE,
        RETURN,
        REFUSE,
        REJECT,
        CANCEL,
    ),
    same_person=SamePerson,
    not_theirs=NotYourRequest,
)
