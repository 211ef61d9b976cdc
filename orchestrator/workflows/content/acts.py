"""The acts of a content revision (domain §6.13)."""

from functools import partial

from orchestrator.content import store
from orchestrator.content.errors import OwnRevision
from orchestrator.content.lifecycle import RevisionStatus
from orchestrator.content.models import ContentRevision
from orchestrator.core.errors import NotPermitted
from orchestrator.workflows.act import Act, Condition, Noun, Text
from orchestrator.workflows.content import content_revisions, queries

APPROVERS = tuple(queries.APPROVAL_PERMISSIONS.values())
DUTIES = ("approve_budgets", "approve_limits", "approve_prices")
CONCERNS_THEIR_AUTHORITY = Condition(
    queries.concerns_their_authority,
    partial(
        NotPermitted,
        "Finance decides on prices and budgets, the smart-city office on the rest. This revision changes"
        " nothing that you decide on.",
        detail_zh="价格与预算由财政部门审批，其余内容由智慧办审批；该修订不属于您的审批范围",
    ),
    is_entitlement=True,
)
LACKS_THEIR_APPROVAL = Condition(
    queries.lacks_their_approval,
    partial(
        NotPermitted,
        "Your approval is already given. This revision waits for the other authority.",
        detail_zh="您已批准，该修订尚待其他单位批准",
    ),
    is_entitlement=True,
)

APPROVE = Act(
    name="approve",
    label=Text("批准修订", "Approve this revision"),
    statuses={RevisionStatus.PROPOSED},
    permission=APPROVERS,
    duty=DUTIES,
    never_with=("author_id",),
    conditions=(CONCERNS_THEIR_AUTHORITY, LACKS_THEIR_APPROVAL),
    runs=content_revisions.approve_revision,
    tone="primary",
    waiting=Text("待批准内容修订", "Content revision to approve"),
    done=Text("已批准。", "Approved."),
)
REJECT = Act(
    name="reject",
    label=Text("驳回修订", "Reject this revision"),
    statuses={RevisionStatus.PROPOSED},
    permission=APPROVERS,
    duty=DUTIES,
    never_with=("author_id",),
    conditions=(CONCERNS_THEIR_AUTHORITY,),
    needs_reason=True,
    runs=content_revisions.reject_revision,
    tone="outline-danger",
    done=Text("已驳回，未加载任何内容。", "Rejected. Nothing is loaded."),
)
REVISION = Noun(
    subject="content_revision",
    path="content-revisions",
    one="revision",
    table=ContentRevision,
    owner="",
    lock=store.lock,
    acts=(APPROVE, REJECT),
    same_person=OwnRevision,
)
