"""The acts of a migration (domain §2.11, §4.2), and the conditions that its execution plans set."""

from functools import partial

from orchestrator.core.plan_kinds import MIGRATION_KINDS, PlanKind
from orchestrator.departments.permissions import Permission
from orchestrator.migrations import store
from orchestrator.migrations.errors import NotInThisStep, PlanUnderWay
from orchestrator.migrations.lifecycle import (
    BEFORE_PREPARATION,
    ENDED,
    MAY_CLEAN_UP,
    MAY_CUT_OVER,
    MAY_ROLL_BACK,
    MigrationStatus,
)
from orchestrator.migrations.models import Migration
from orchestrator.runs.errors import NotApproved, PersonTwice, RolesDoNotApprove
from orchestrator.runs.lifecycle import LIVE, PlanStatus
from orchestrator.workflows.act import Act, Body, Call, Condition, Noun, Text
from orchestrator.workflows.act_queries import holds
from orchestrator.workflows.migrations import steps
from orchestrator.workflows.migrations.queries import no_part_in_plan, no_part_in_request, plan_in
from orchestrator.workflows.perform import next_acts
from orchestrator.workflows.plans import approval
from orchestrator.workflows.plans.acts import APPROVERS

P = Permission
S = MigrationStatus
ALIVE = frozenset(S) - ENDED


def nothing_live(*acts: str) -> Condition:
    """Require that no plan of these acts is live."""
    return Condition(plan_in(acts, LIVE, absent=True), PlanUnderWay, hides=True)


def submitted(*acts: str) -> tuple[Condition, ...]:
    """Require that a plan of these acts awaits approval by a role and a person that may still give one."""
    waits = partial(NotInThisStep, "No plan of this migration waits for this approval.")
    return (
        Condition(plan_in(acts, [PlanStatus.SUBMITTED]), waits, hides=True),
        Condition(plan_in(acts, [PlanStatus.SUBMITTED], no_part_in_plan), PersonTwice, is_duty=True),
        Condition(
            plan_in(acts, [PlanStatus.SUBMITTED], approval.LACKS_THEIR_APPROVAL.clause),
            RolesDoNotApprove,
            is_entitlement=True,
        ),
    )


def approved(act: str) -> tuple[Condition, ...]:
    """Require that the plan of this act is approved, by other persons than the applier."""
    return (
        Condition(plan_in([act], [PlanStatus.APPROVED]), NotApproved, hides=True),
        Condition(plan_in([act], [PlanStatus.APPROVED], no_part_in_plan), PersonTwice, is_duty=True),
    )


NO_PART_IN_REQUEST = Condition(no_part_in_request, PersonTwice, is_duty=True)
NOTHING_FAILED = Condition(
    plan_in(MIGRATION_KINDS, [PlanStatus.FAILED], absent=True),
    partial(NotInThisStep, "A plan of this migration has failed. Inspect both sides first."),
    hides=True,
)
SOMETHING_FAILED = Condition(
    plan_in(MIGRATION_KINDS, [PlanStatus.FAILED]),
    partial(NotInThisStep, "Nothing of this migration waits to be inspected."),
    hides=True,
)
NOTHING_RUNNING = Condition(
    plan_in(MIGRATION_KINDS, [PlanStatus.APPLYING, PlanStatus.VERIFYING], absent=True),
    PlanUnderWay,
    hides=True,
)
NO_CUTOVER_SUBMITTED = Condition(
    plan_in([PlanKind.CUTOVER], [PlanStatus.SUBMITTED], absent=True),
    partial(NotInThisStep, "Approve the cutover: its rollback is approved with it."),
    hides=True,
)

PREFLIGHT = Act(
    name="preflight",
    label=Text("检查两端", "Check both sides"),
    statuses=BEFORE_PREPARATION,
    permission=P.PLANS_AUTHOR,
    never_with=("registered_by",),
    not_now=NotInThisStep,
    conditions=(nothing_live(PlanKind.PREPARE), NO_PART_IN_REQUEST),
    runs=steps.preflight,
    tone="primary",
    waiting=Text("检查两端并编制复制准备计划", "Check both sides and plan the preparation"),
    done=Text("正在检查两端。", "Both sides are being checked."),
)
APPROVE = Act(
    name="approve",
    label=Text("批准此计划", "Approve this plan"),
    statuses=ALIVE,
    permission=APPROVERS,
    body=Body.OTHER,
    not_now=NotInThisStep,
    conditions=(NO_CUTOVER_SUBMITTED, *submitted(PlanKind.PREPARE, PlanKind.ROLLBACK, PlanKind.CLEAN_UP)),
    needs_digest=True,
    runs=steps.approve,
    tone="primary",
    waiting=Text("审批所示计划", "Approve the plan that is shown"),
    done=Text("已批准。", "Approved."),
)
START = Act(
    name="start",
    label=Text("开始复制", "Start the copy"),
    statuses={S.DESIGNED},
    permission=P.PLANS_APPLY,
    not_now=NotInThisStep,
    conditions=approved(PlanKind.PREPARE),
    runs=steps.start,
    tone="primary",
    waiting=Text("开始复制", "Start the copy"),
    done=Text("已排入执行队列。", "Queued."),
)
PLAN_CUTOVER = Act(
    name="plan-cutover",
    label=Text("编制割接计划", "Plan the cutover"),
    statuses=MAY_CUT_OVER | {S.SCHEDULED},
    permission=P.PLANS_AUTHOR,
    never_with=("registered_by",),
    not_now=NotInThisStep,
    conditions=(nothing_live(PlanKind.CUTOVER), NO_PART_IN_REQUEST),
    runs=steps.plan_cutover,
    tone="primary",
    waiting=Text("编制割接及其回退计划", "Plan the cutover and its rollback"),
    done=Text("正在生成执行计划。", "The execution plan is being generated."),
)
APPROVE_CUTOVER = Act(
    name="approve-cutover",
    label=Text("批准割接及其回退", "Approve the cutover and its rollback"),
    statuses=ALIVE,
    permission=APPROVERS,
    body=Body.OTHER,
    not_now=NotInThisStep,
    conditions=submitted(PlanKind.CUTOVER),
    needs_digest=True,
    runs=steps.approve_cutover,
    tone="primary",
    waiting=Text("审批割接及其回退", "Approve the cutover and its rollback"),
    done=Text("已批准。", "Approved."),
)
CUT_OVER = Act(
    name="cut-over",
    label=Text("割接到目标端", "Cut over to the target"),
    statuses={S.SCHEDULED, S.REHEARSED},
    permission=P.PLANS_APPLY,
    not_now=NotInThisStep,
    conditions=approved(PlanKind.CUTOVER),
    runs=steps.cut_over,
    tone="primary",
    waiting=Text("割接到目标端", "Cut over to the target"),
    done=Text("割接已排入执行队列。", "The cutover is queued."),
)
ACCEPT = Act(
    name="accept",
    label=Text("验收", "Accept"),
    statuses={S.TRIAL_RUN},
    permission=P.RESOURCES_ACTIVATE,
    body=Body.OWN,
    not_now=NotInThisStep,
    conditions=(NOTHING_RUNNING, NOTHING_FAILED),
    runs=steps.accept,
    tone="primary",
    waiting=Text("验收迁移后的系统", "Accept the system where it runs now"),
    done=Text("已验收，目标端自今日起计费。", "Accepted. The target is billed from today on."),
)
ROLL_BACK = Act(
    name="roll-back",
    label=Text("回退到源端", "Roll back to the source"),
    statuses=MAY_ROLL_BACK,
    permission=P.PLANS_APPLY,
    not_now=NotInThisStep,
    conditions=approved(PlanKind.ROLLBACK),
    runs=steps.roll_back,
    tone="outline-danger",
    waiting=Text(
        "或回退：源端带着目标端已接受的全部写入恢复服务",
        "Or roll back: the source takes over again with every write that the target accepted",
    ),
    is_choice=True,
    done=Text("回退已排入执行队列。", "The rollback is queued."),
)
PLAN_ROLLBACK = Act(
    name="plan-rollback",
    label=Text("编制回退计划", "Plan a rollback"),
    statuses=MAY_ROLL_BACK,
    permission=P.PLANS_AUTHOR,
    never_with=("registered_by",),
    not_now=NotInThisStep,
    conditions=(nothing_live(PlanKind.ROLLBACK), NO_PART_IN_REQUEST),
    runs=steps.plan_rollback,
    tone="outline-danger",
    waiting=Text("编制回退计划", "Plan a rollback"),
    is_choice=True,
    done=Text("正在生成执行计划。", "The execution plan is being generated."),
)
PLAN_FINALISATION = Act(
    name="plan-finalisation",
    label=Text("编制关闭回退通道计划", "Plan to finalise"),
    statuses={S.ACCEPTED},
    permission=P.PLANS_AUTHOR,
    never_with=("registered_by",),
    not_now=NotInThisStep,
    conditions=(nothing_live(PlanKind.CLEAN_UP), NO_PART_IN_REQUEST),
    runs=steps.plan_finalisation,
    tone="primary",
    waiting=Text("编制关闭回退通道计划", "Plan to finalise"),
    done=Text("正在生成执行计划。", "The execution plan is being generated."),
)
FINALISE = Act(
    name="finalise",
    label=Text("关闭回退通道", "Finalise"),
    statuses={S.ACCEPTED},
    permission=P.PLANS_APPLY,
    not_now=NotInThisStep,
    conditions=approved(PlanKind.CLEAN_UP),
    runs=steps.finalise,
    tone="primary",
    waiting=Text("关闭回退通道", "Finalise: remove the rollback path"),
    done=Text("已排入执行队列。", "Queued."),
)
PLAN_CLEAN_UP = Act(
    name="plan-clean-up",
    label=Text("编制清理计划", "Plan the clean-up"),
    statuses=MAY_CLEAN_UP,
    permission=P.PLANS_AUTHOR,
    never_with=("registered_by",),
    not_now=NotInThisStep,
    conditions=(nothing_live(PlanKind.PREPARE, PlanKind.CLEAN_UP), NO_PART_IN_REQUEST),
    runs=steps.plan_clean_up,
    tone="outline-danger",
    done=Text("正在生成执行计划。", "The execution plan is being generated."),
)
CLEAN_UP = Act(
    name="clean-up",
    label=Text("清理并终止迁移", "Clean up and end the migration"),
    statuses=MAY_CLEAN_UP,
    permission=P.PLANS_APPLY,
    not_now=NotInThisStep,
    conditions=approved(PlanKind.CLEAN_UP),
    runs=steps.clean_up,
    tone="outline-danger",
    waiting=Text("清理并终止迁移", "Clean up and end the migration"),
    done=Text("已排入执行队列。", "Queued."),
)
RETIRE = Act(
    name="retire",
    label=Text("提交停用记录", "Record the retirement"),
    statuses={S.FINALISED},
    permission=P.PLANS_APPLY,
    not_now=NotInThisStep,
    has_form=True,
    runs=steps.retire,
    tone="primary",
    waiting=Text("停用旧系统并提交记录", "Stop the legacy system and record it"),
    done=Text("停用记录已提交。", "The retirement is recorded."),
)
INSPECT = Act(
    name="inspect",
    label=Text("核实两端", "Inspect both sides"),
    statuses=ALIVE,
    permission=P.RUNS_RECOVER,
    not_now=NotInThisStep,
    conditions=(SOMETHING_FAILED,),
    runs=steps.inspect,
    tone="primary",
    waiting=Text(
        "请处理所示原因，再核实两端：可安全提供服务的一端将恢复服务",
        'Fix the cause shown, then choose "Inspect both sides": the safe side accepts writes again',
    ),
    done=Text("正在核实两端。", "Both sides are being inspected."),
)
ABORT = Act(
    name="abort",
    label=Text("终止迁移", "Abort the migration"),
    statuses=BEFORE_PREPARATION,
    permission=(P.REQUESTS_DRAFT, P.PLANS_AUTHOR),
    not_now=NotInThisStep,
    conditions=(nothing_live(PlanKind.PREPARE),),
    needs_reason=True,
    runs=steps.abort,
    tone="outline-danger",
    done=Text("迁移已终止，源端继续服务。", "The migration is aborted. The source serves on."),
)

MIGRATION = Noun(
    subject="migration",
    path="migrations",
    table=Migration,
    lock=store.lock,
    same_person=PersonTwice,
    acts=(
        INSPECT,
        PREFLIGHT,
        APPROVE,
        START,
        PLAN_CUTOVER,
        APPROVE_CUTOVER,
        CUT_OVER,
        ACCEPT,
        ROLL_BACK,
        PLAN_ROLLBACK,
        PLAN_FINALISATION,
        FINALISE,
        PLAN_CLEAN_UP,
        CLEAN_UP,
        RETIRE,
        ABORT,
    ),
)


def awaited_acts(call: Call, migration: Migration) -> list[Act]:
    """Return the acts that the migration waits for, for all persons; none while a plan is carried out."""
    if not holds(call.session, MIGRATION, NOTHING_RUNNING, call.actor, migration):
        return []
    return next_acts(MIGRATION, call, migration)
