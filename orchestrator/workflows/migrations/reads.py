"""What pages, API and commands show of migrations: lists, one in detail, and who is awaited for what."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlmodel import Session

from orchestrator.departments.permissions import APPROVAL_PERMISSIONS, Actor, Permission, require
from orchestrator.migrations import queries
from orchestrator.migrations.lifecycle import ENDED, MigrationStatus
from orchestrator.migrations.models import Migration, MigrationSwitch
from orchestrator.resource_requests import queries as request_queries
from orchestrator.runs import queries as run_queries
from orchestrator.runs.lifecycle import LIVE, PlanStatus
from orchestrator.runs.models import Approval, ExecutionPlan, Run
from orchestrator.workflows.plans.approval import missing_approvals

S = MigrationStatus


@dataclass(frozen=True)
class MigrationPlanView:
    """One execution plan of a migration: `act` is arm, cut, return or disarm; `missing` names roles."""

    act: str
    round: int
    plan: ExecutionPlan
    approvals: Sequence[Approval]
    missing: Sequence[str]
    runs: Sequence[Run]


@dataclass(frozen=True)
class Awaited:
    """What comes next: `act` names the function of `migrating`, or ``wait`` while a worker is at it.

    Whoever holds one of `permissions` may do it; none of them for ``wait``.
    """

    act: str
    permissions: tuple[Permission, ...]
    text_en: str
    text_zh: str


@dataclass(frozen=True)
class MigrationView:
    """A migration with its plans in rounds, its switches oldest first, and what is awaited."""

    migration: Migration
    request_number: str
    plans: Sequence[MigrationPlanView]
    switches: Sequence[MigrationSwitch]
    awaited: Sequence[Awaited]


def list_migrations(
    session: Session,
    actor: Actor,
    statuses: Collection[MigrationStatus] = (),
    *,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[Migration]:
    """Migrations that the actor may see, newest number first; `before` is the page before's last number."""
    require(actor, Permission.REQUESTS_READ)
    own = None if actor.may(Permission.OBJECTS_READ_ALL) else actor.organisation
    return queries.page(session, statuses, organisation=own, before=before, limit=limit)


def migration_detail(session: Session, actor: Actor, migration_id: UUID) -> MigrationView:
    """One migration with everything that a page shows of it. Raises NotFound outside of the actor's sight."""
    migration = queries.get(session, migration_id)
    require(actor, Permission.REQUESTS_READ, migration.organisation_code)
    plans = [
        _plan_view(session, act.act, act.round, act.plan_id) for act in queries.acts(session, migration.id)
    ]
    return MigrationView(
        migration=migration,
        request_number=request_queries.get(session, migration.request_id).number,
        plans=plans,
        switches=queries.switches(session, migration.id),
        awaited=awaited(migration, plans),
    )


def current_plan(session: Session, migration_id: UUID, act: str) -> ExecutionPlan | None:
    """The newest plan of a migration for an act, or None."""
    found = [item for item in queries.acts(session, migration_id) if item.act == act]
    return run_queries.plan(session, found[-1].plan_id) if found else None


def _plan_view(session: Session, act: str, number: int, plan_id: UUID) -> MigrationPlanView:
    plan = run_queries.plan(session, plan_id)
    return MigrationPlanView(
        act=act,
        round=number,
        plan=plan,
        approvals=run_queries.approvals(session, plan_id),
        missing=missing_approvals(session, plan),
        runs=run_queries.runs_of_plan(session, plan_id),
    )


def awaited(migration: Migration, plans: Sequence[MigrationPlanView]) -> list[Awaited]:
    """Who is awaited, from the status and the newest plan of each act. Pure."""
    newest = {view.act: view for view in plans}
    if any(view.plan.status == PlanStatus.FAILED for view in newest.values()):
        return [_SETTLE]
    status = S(migration.status)
    if status in _WAYS:
        found = _way(newest, *_WAYS[status])
        return found if status != S.ACCEPTED or found == [_WAIT] else [*found, *_back(newest)]
    if status == S.TRIAL_RUN:
        return [_WAIT] if _at_work(newest) else [_ACCEPT, *_back(newest)]
    if status == S.FINALISED:
        return [_RETIRE]
    return [] if status in ENDED else [_WAIT]


def _back(newest: Mapping[str, MigrationPlanView]) -> list[Awaited]:
    return _way(newest, "return", _ORDER_RETURN, "approve", _RETURN)


def _at_work(newest: Mapping[str, MigrationPlanView]) -> bool:
    return any(view.plan.status in (PlanStatus.APPLYING, PlanStatus.VERIFYING) for view in newest.values())


def _way(
    newest: Mapping[str, MigrationPlanView], act: str, order: Awaited, approve: str, apply: Awaited
) -> list[Awaited]:
    """Order a plan, have it approved, apply it: where the newest plan stands on this way."""
    view = newest.get(act)
    if view is None or view.plan.status not in LIVE:
        return [order]
    if view.plan.status == PlanStatus.SUBMITTED:
        rights = tuple(APPROVAL_PERMISSIONS[role] for role in view.missing)
        return [Awaited(approve, rights, "Approve the plan that is shown.", "审批所示计划。")]
    return [apply] if view.plan.status == PlanStatus.APPROVED else [_WAIT]


P = Permission
_WAIT = Awaited("wait", (), "A worker is at it.", "任务执行中。")
_SETTLE = Awaited(
    "settle",
    (P.RUNS_RECOVER,),
    "Read the reason, cure the cause, then settle: both sides are read, and the one that may serve, serves.",
    "请查看原因并处理，随后执行核实：读取两端状态并恢复应当服务的一端。",
)
_PREFLIGHT = Awaited(
    "preflight", (P.PLANS_AUTHOR,), "Check both sides and plan the copy.", "检查两端并编制复制计划。"
)
_START = Awaited("start", (P.PLANS_APPLY,), "Start the copy.", "开始复制。")
_ORDER_CUT = Awaited("order_cut", (P.PLANS_AUTHOR,), "Plan the cut and its return.", "编制割接及其回退计划。")
_CUT = Awaited("cut", (P.PLANS_APPLY,), "Cut over to the target.", "割接到目标端。")
_ACCEPT = Awaited(
    "accept", (P.RESOURCES_ACTIVATE,), "Accept the system where it runs now.", "验收迁移后的系统。"
)
_RETURN = Awaited(
    "return_",
    (P.PLANS_APPLY,),
    "Or return: the source takes over again with every write that the target accepted.",
    "或回退：源端带着目标端已接受的全部写入恢复服务。",
)
_ORDER_FINALISE = Awaited(
    "order_finalise", (P.PLANS_AUTHOR,), "Plan the point of no return.", "编制定局计划。"
)
_FINALISE = Awaited("finalise", (P.PLANS_APPLY,), "Take the way back away.", "撤除回退通道。")
_RETIRE = Awaited(
    "retire", (P.PLANS_APPLY,), "Stop the legacy system and hand in the record.", "停用旧系统并提交记录。"
)
_ORDER_RETURN = Awaited("order_return", (P.PLANS_AUTHOR,), "Plan a return.", "编制回退计划。")
_ARM = ("arm", _PREFLIGHT, "approve", _START)
_SWITCH = ("cut", _ORDER_CUT, "approve_cut", _CUT)
_WAYS: Final = {
    S.REGISTERED: _ARM,
    S.ASSESSED: _ARM,
    S.DESIGNED: _ARM,
    S.REHEARSED: _SWITCH,
    S.ROLLED_BACK: _SWITCH,
    S.SCHEDULED: _SWITCH,
    S.ACCEPTED: ("disarm", _ORDER_FINALISE, "approve", _FINALISE),
}
