"""The acts of an execution plan and of a run (domain §2.15, §4.4)."""

from dataclasses import replace
from typing import Final

from orchestrator.departments.permissions import APPROVAL_PERMISSIONS, Permission
from orchestrator.resource_requests.lifecycle import PLANNABLE
from orchestrator.runs import store
from orchestrator.runs.errors import NotApproved, PersonTwice, PlanNotSubmitted
from orchestrator.runs.lifecycle import PlanStatus, RunStatus
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.workflows.act import Act, Body, Noun, Text
from orchestrator.workflows.plans import application, approval, generation, recovery
from orchestrator.workflows.requests.acts import NO_LIVE_PLAN

P = Permission
S = PlanStatus
APPROVERS = tuple(APPROVAL_PERMISSIONS.values())
PARTIES = ("requester_id", "endorser_id", "author_id", "applier_id")
DECIDING: Final = (
    approval.NOT_OF_A_MIGRATION,
    approval.NOT_DECIDED,
    approval.STILL_VALID,
    approval.LACKS_THEIR_APPROVAL,
)

GENERATE_PLAN = Act(
    name="plans",
    label=Text("生成执行计划", "Generate an execution plan"),
    statuses=PLANNABLE,
    permission=P.PLANS_AUTHOR,
    duty="author_plan",
    body=Body.OTHER,
    never_with=("requester_id", "endorser_id"),
    conditions=(NO_LIVE_PLAN,),
    runs=generation.generate_plan,
    tone="primary",
    waiting=Text("待编制执行计划", "Awaiting a plan"),
    done=Text("正在生成执行计划。", "The execution plan is being generated."),
)
APPROVE = Act(
    name="approve",
    label=Text("批准此计划", "Approve this plan"),
    statuses={S.SUBMITTED},
    permission=APPROVERS,
    duty="approve_plan",
    has_substitutes=False,
    body=Body.OTHER,
    never_with=PARTIES,
    not_now=PlanNotSubmitted,
    conditions=DECIDING,
    needs_digest=True,
    runs=approval.approve_plan,
    tone="primary",
    waiting=Text("待审批", "Awaiting approval"),
    done=Text("已批准。", "Approved."),
)
RETURN = Act(
    name="return",
    label=Text("退回重编", "Return"),
    statuses={S.SUBMITTED},
    permission=APPROVERS,
    duty="approve_plan",
    has_substitutes=False,
    body=Body.OTHER,
    never_with=PARTIES,
    not_now=PlanNotSubmitted,
    conditions=DECIDING,
    needs_reason=True,
    runs=approval.return_plan,
    done=Text("已退回，可以重新编制执行计划。", "Returned. Another plan can be generated."),
)
REFUSE = Act(
    name="refuse",
    label=Text("驳回", "Refuse"),
    statuses={S.SUBMITTED},
    permission=APPROVERS,
    duty="approve_plan",
    has_substitutes=False,
    body=Body.OTHER,
    never_with=PARTIES,
    not_now=PlanNotSubmitted,
    conditions=DECIDING,
    needs_reason=True,
    runs=approval.refuse_plan,
    tone="outline-danger",
    done=Text("已驳回此计划。", "The plan is refused."),
)
APPLY = Act(
    name="apply",
    label=Text("下达执行", "Apply this plan"),
    statuses={S.APPROVED},
    permission=P.PLANS_APPLY,
    duty="apply_plan",
    never_with=("requester_id", "endorser_id", "author_id"),
    not_now=NotApproved,
    conditions=(approval.NOT_OF_A_MIGRATION, approval.NOT_AN_APPROVER, approval.STILL_VALID),
    runs=application.apply_plan,
    tone="primary",
    waiting=Text("待执行", "Awaiting its apply"),
    done=Text("已排入执行队列。", "Queued."),
)
WITHDRAW = Act(
    name="withdraw",
    label=Text("撤回计划", "Withdraw"),
    statuses={S.SUBMITTED, S.APPROVED},
    permission=P.PLANS_AUTHOR,
    duty="author_plan",
    has_substitutes=False,
    conditions=(approval.NOT_OF_A_MIGRATION,),
    needs_reason=True,
    runs=approval.withdraw_plan,
    tone="outline-danger",
    done=Text("计划已撤回。", "The plan is withdrawn."),
)
ABANDON = Act(
    name="abandon",
    label=Text("放弃此计划", "Abandon"),
    statuses={S.FAILED},
    permission=P.RUNS_RECOVER,
    conditions=(approval.NOT_OF_A_MIGRATION,),
    runs=recovery.abandon_plan,
    tone="outline-danger",
    waiting=Text("待处置", "Awaiting a decision after a failure"),
    done=Text("已放弃，可以重新编制执行计划。", "Abandoned. Another plan can be generated."),
)
PLAN = Noun(
    subject="execution_plan",
    path="plans",
    table=ExecutionPlan,
    lock=store.lock_plan,
    acts=(APPROVE, RETURN, REFUSE, APPLY, WITHDRAW, ABANDON),
    same_person=PersonTwice,
)

APPROVE_OF_MIGRATION = replace(
    APPROVE, conditions=[one for one in DECIDING if one is not approval.NOT_OF_A_MIGRATION]
)
APPLY_OF_MIGRATION = replace(APPLY, conditions=(approval.NOT_AN_APPROVER, approval.STILL_VALID))
"""The same acts on a plan of a migration; the acts of the migration perform them."""

CANCEL = Act(
    name="cancel",
    label=Text("停止执行", "Stop"),
    statuses={RunStatus.QUEUED, RunStatus.RUNNING},
    permission=P.RUNS_CANCEL,
    conditions=(recovery.NOT_CANCELLED_YET,),
    runs=recovery.cancel_run,
    tone="outline-danger",
    done=Text("已请求停止。", "The run is asked to stop."),
)
RUN = Noun(
    subject="run", path="runs", table=Run, lock=store.lock_run, acts=(CANCEL,), same_person=PersonTwice
)
