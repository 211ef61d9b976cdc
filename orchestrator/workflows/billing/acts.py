"""The acts on usage statements, resources in use, and the activation of a request (domain §2.9)."""

from functools import partial
from typing import Final

from sqlmodel import Session

from orchestrator.billing import statement_queries, statement_store
from orchestrator.billing.errors import (
    EarlierStatementUndecided,
    LaterMonthIssued,
    SamePersonInStatement,
)
from orchestrator.billing.lifecycle import StatementStatus
from orchestrator.billing.models import UsageStatement
from orchestrator.billing.months import month_text
from orchestrator.core.errors import BusinessError, NotPermitted
from orchestrator.departments.permissions import Permission
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resources import store as resource_store
from orchestrator.resources.errors import NotInTrial
from orchestrator.resources.lifecycle import ResourceStatus
from orchestrator.resources.models import Resource
from orchestrator.workflows.act import Act, Body, Condition, Noun, Text
from orchestrator.workflows.billing import queries, statement_steps, usage

P = Permission
S = StatementStatus
ANSWERABLE: Final = {S.ISSUED, S.ESCALATED}

ACTIVATE = Act(
    name="activate",
    label=Text("正式开通", "Activate"),
    statuses={RequestStatus.IN_TRIAL},
    permission=P.RESOURCES_ACTIVATE,
    body=Body.OWN,
    not_now=NotInTrial,
    runs=usage.activate_request,
    tone="primary",
    waiting=Text("待正式开通", "Awaiting activation"),
    done=Text("已正式开通，自今日起计费。", "In service. Billing starts today."),
)


def _earlier_month(session: Session, statement: UsageStatement) -> BusinessError:
    earlier = statement_queries.previous(session, statement)
    if earlier is None:
        return EarlierStatementUndecided()
    return EarlierStatementUndecided(f"The statement for {month_text(earlier.month)} is {earlier.status}.")


def _later_month(session: Session, statement: UsageStatement) -> BusinessError:
    later = statement_queries.last_issued_after(session, statement)
    if later is None:
        return LaterMonthIssued()
    return LaterMonthIssued(
        f"{month_text(later.month)} is {later.status} and is based on this statement. Let this"
        " statement stand and enter a usage correction, or uphold a dispute of the later month first."
    )


EARLIER_DECIDED = Condition(queries.month_before_is_decided, EarlierStatementUndecided, _earlier_month)
NO_LATER_ISSUED = Condition(queries.no_later_month_is_issued, LaterMonthIssued, _later_month)
OWN_OR_APPLIER = Condition(
    queries.is_of_own_organisation_or_applied,
    partial(NotPermitted, "Only the department itself and the provider dispute a statement."),
    is_entitlement=True,
)

SUSPEND = Act(
    name="suspend",
    label=Text("暂停", "Suspend"),
    statuses={ResourceStatus.ACTIVE},
    permission=P.RESOURCES_ACTIVATE,
    body=Body.OWN,
    needs_reason=True,
    runs=usage.suspend_resource,
    done=Text("已暂停，自今日起按暂停计费。", "Suspended. It is billed as suspended from today on."),
)
RESUME = Act(
    name="resume",
    label=Text("恢复", "Resume"),
    statuses={ResourceStatus.SUSPENDED},
    permission=P.RESOURCES_ACTIVATE,
    body=Body.OWN,
    needs_reason=True,
    runs=usage.resume_resource,
    tone="primary",
    done=Text("已恢复，自今日起全额计费。", "Resumed. It is billed in full from today on."),
)
RESOURCE = Noun(
    subject="resource",
    path="resources",
    table=Resource,
    lock=resource_store.lock,
    acts=(SUSPEND, RESUME),
    same_person=NotPermitted,
)

ISSUE = Act(
    name="issue",
    label=Text("核验并出具", "Verify and issue"),
    statuses={S.METERED},
    permission=P.STATEMENTS_VERIFY,
    duty="verify_statement",
    body=Body.OTHER,
    never_with=("confirmed_by_id",),
    conditions=(EARLIER_DECIDED,),
    runs=statement_steps.issue,
    tone="primary",
    waiting=Text("待核验出具", "Awaiting verification and issue"),
    done=Text("用量确认单已出具，金额不再变动。", "The statement is issued; its amounts are fixed."),
)
CONFIRM = Act(
    name="confirm",
    label=Text("确认用量与金额", "Confirm usage and amount"),
    statuses=ANSWERABLE,
    permission=P.STATEMENTS_CONFIRM,
    duty="confirm_statement",
    body=Body.OWN,
    never_with=("verified_by_id", "decided_by_id"),
    runs=statement_steps.confirm,
    tone="primary",
    waiting=Text("待确认用量", "Awaiting confirmation"),
    done=Text("已确认。", "Confirmed."),
)
DISPUTE = Act(
    name="dispute",
    label=Text("提出异议", "Dispute"),
    statuses=ANSWERABLE,
    permission=P.STATEMENTS_DISPUTE,
    duty="dispute_statement",
    never_with=("decided_by_id",),
    conditions=(OWN_OR_APPLIER,),
    needs_reason=True,
    runs=statement_steps.dispute,
    tone="outline-danger",
    done=Text("异议已提交。", "The dispute is submitted."),
)
UPHOLD = Act(
    name="uphold",
    label=Text("异议成立，另出新版", "Uphold the dispute; issue a new revision"),
    statuses={S.DISPUTED},
    permission=P.STATEMENTS_DECIDE,
    duty="decide_dispute",
    body=Body.OTHER,
    never_with=("verified_by_id", "confirmed_by_id", "disputed_by_id"),
    conditions=(NO_LATER_ISSUED,),
    needs_reason=True,
    lock=statement_steps.lock_with_later,
    runs=statement_steps.uphold,
    tone="primary",
    done=Text("异议已裁定。", "The dispute is decided."),
)
LET_STAND = Act(
    name="let-stand",
    label=Text("异议不成立，维持原单", "Reject the dispute; keep the statement"),
    statuses={S.DISPUTED},
    permission=P.STATEMENTS_DECIDE,
    duty="decide_dispute",
    body=Body.OTHER,
    never_with=("verified_by_id", "confirmed_by_id", "disputed_by_id"),
    needs_reason=True,
    runs=statement_steps.let_stand,
    tone="outline-danger",
    waiting=Text("待裁定异议", "Awaiting the decision of a dispute"),
    done=Text("异议已裁定。", "The dispute is decided."),
)
STATEMENT = Noun(
    subject="usage_statement",
    path="statements",
    table=UsageStatement,
    lock=statement_store.lock,
    acts=(ISSUE, CONFIRM, DISPUTE, UPHOLD, LET_STAND),
    same_person=SamePersonInStatement,
    not_theirs=partial(NotPermitted, "Only the department itself answers its statement."),
)
