"""What people do with a migration, one act a function; the reads behind pages, API and commands.

The way of a migration, who acts, and the state afterwards (`docs/migrating.md` has it as a table):

`register` (department) registered → `preflight` (reviewer) designed, with a plan to arm → `approve` →
`start` (applier) replicating, then rehearsed by itself → `order_cut` (reviewer) → `approve_cut` by two
persons, scheduled → `cut` (applier) trial_run → `return_` (applier) rolled_back, and again from `order_cut`
→ `accept` (information officer) accepted → `order_finalise` (reviewer) → `approve` → `finalise` (applier)
finalised → `retire` (applier) legacy_retired. `settle` (reviewer) after a switch whose end is not known.

Every function takes the session and the actor, raises NotPermitted or NotFound by the actor's rights, and
returns what its docstring says. Nothing here touches a host: acts queue runs, and workers play them.
"""

from typing import Any
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.clock import now, today
from orchestrator.core.errors import BadInput
from orchestrator.departments.permissions import Actor, Permission, Role, require
from orchestrator.migrations import queries, store
from orchestrator.migrations.errors import (
    AlreadyMigrating,
    NotInThisStep,
    OutsideWindow,
    ReturnNotApproved,
)
from orchestrator.migrations.lifecycle import (
    BEFORE_ARMING,
    MAY_CUT,
    MAY_REMOVE,
    MAY_RETURN,
    MigrationStatus,
)
from orchestrator.migrations.models import Migration, MigrationSwitch
from orchestrator.migrations.plan_files import MigrationPlanDocument, stored_plan
from orchestrator.resource_requests import queries as request_queries
from orchestrator.runs import store as run_store
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.systems import queries as system_queries
from orchestrator.workflows.migrations import acceptance
from orchestrator.workflows.migrations.plans import (
    generate,
    lock_for,
    plan_to,
    require_nothing_under_way,
    require_step,
    supersede_return,
)
from orchestrator.workflows.migrations.reads import (
    Awaited,
    MigrationPlanView,
    MigrationView,
    current_plan,
    list_migrations,
    migration_detail,
)
from orchestrator.workflows.migrations.target import target_host
from orchestrator.workflows.plans import application, approval, generation

__all__ = [
    "Awaited",
    "MigrationPlanView",
    "MigrationView",
    "abort",
    "accept",
    "approve",
    "approve_cut",
    "cut",
    "finalise",
    "list_migrations",
    "migration_detail",
    "order_cut",
    "order_finalise",
    "order_removal",
    "order_return",
    "preflight",
    "record_pause",
    "register",
    "remove",
    "retire",
    "return_",
    "settle",
    "start",
]

S = MigrationStatus
ONE_APPROVAL = (Role.CENTRE_APPROVER.value,)
TWO_APPROVALS = (Role.CENTRE_APPROVER.value, Role.SMART_CITY_OFFICE.value)
"""A cut and its return are agreed to by two persons of two authorities (domain §2.11, M6)."""


def register(
    session: Session, actor: Actor, document: MigrationPlanDocument, request_number: str
) -> Migration:
    """A department registers the migration of one of its systems onto the hosts of a request.

    Needs `requests:draft` in the system's own organisation. Raises BadInput for a system or request that is
    not there, AlreadyMigrating while another migration uses the request's hosts.
    """
    require(actor, Permission.REQUESTS_DRAFT)
    system = system_queries.find(session, document.system)
    if system is None or system.organisation_code != actor.organisation:
        raise BadInput(
            f"Your organisation has no system {document.system}.",
            field="system",
            detail_zh=f"本单位没有系统 {document.system}",
        )
    found = [
        item
        for item in request_queries.page(session, organisation=actor.organisation, search=request_number)
        if item.number == request_number and item.kind == "provision"
    ]
    if not found or found[0].system_code != document.system:
        raise BadInput(
            f"There is no request {request_number} for hosts of {document.system}.",
            field="request",
            detail_zh=f"没有为 {document.system} 申请主机的申请单 {request_number}",
        )
    if queries.live_of_request(session, found[0].id) is not None:
        raise AlreadyMigrating
    made = Migration(
        number="",
        plan_key=document.plan,
        plan_digest=document.digest(),
        plan_document=document.model_dump(mode="json"),
        title=document.title,
        system_code=document.system,
        organisation_code=actor.organisation,
        request_id=found[0].id,
        registered_by=actor.person_id,
    )
    return store.add(session, made, actor.audit_name)


def preflight(session: Session, actor: Actor, migration_id: UUID, version: int | None = None) -> Run:
    """Look at both sides, read-only, and lay down the plan to arm when nothing blocks. Returns the run.

    Needs `plans:author`. Raises TargetNotApplied unless an applied plan of the request has made the target.
    """
    migration = lock_for(session, actor, Permission.PLANS_AUTHOR, migration_id, version)
    require_step(migration, BEFORE_ARMING)
    require_nothing_under_way(session, migration, ("arm",))
    target_host(session, migration)
    return generate(session, migration, "arm", actor, store.next_round(session, migration.id), ONE_APPROVAL)


def approve(
    session: Session, actor: Actor, migration_id: UUID, digest: str, version: int | None = None
) -> ExecutionPlan:
    """Approve the plan to arm, to finalise, or of another return, whose digest was shown. Returns the plan.

    Needs the permission of a missing approval, and another person than all others in this plan.
    """
    migration = store.lock(session, migration_id, version)
    plans = [current_plan(session, migration.id, act) for act in ("arm", "return", "disarm")]
    waiting = [item for item in plans if item is not None and item.status == PlanStatus.SUBMITTED]
    if not waiting:
        raise NotInThisStep("No plan of this migration waits for this approval.")
    shown = [item for item in waiting if item.tuple_digest == digest] or waiting
    return approval.approve_plan(session, actor, shown[0].id, digest)


def start(session: Session, actor: Actor, migration_id: UUID, version: int | None = None) -> Run:
    """Arm both ways and copy, from the approved plan. Needs `plans:apply`. Returns the run."""
    migration = lock_for(session, actor, Permission.PLANS_APPLY, migration_id, version)
    require_step(migration, {S.DESIGNED})
    target_host(session, migration)
    return _apply(session, actor, migration, "arm")


def _apply(session: Session, actor: Actor, migration: Migration, act: str) -> Run:
    plan = plan_to(session, migration, act)
    return application.apply_plan(session, actor, plan.id, of_migration=True)


def order_cut(session: Session, actor: Actor, migration_id: UUID, version: int | None = None) -> Run:
    """Plan the next cut together with the return that goes with it. Needs `plans:author`. Returns the run.

    The worker reads the gate: the copy is complete, changes follow, the way back is armed.
    """
    migration = lock_for(session, actor, Permission.PLANS_AUTHOR, migration_id, version)
    require_step(migration, MAY_CUT | {S.SCHEDULED})
    require_nothing_under_way(session, migration, ("cut",))
    if migration.status == S.SCHEDULED:
        store.transition(session, migration, S.REHEARSED, actor.audit_name)
    supersede_return(session, migration, actor.audit_name)
    number = store.next_round(session, migration.id)
    generate(session, migration, "return", actor, number, TWO_APPROVALS)
    return generate(session, migration, "cut", actor, number, TWO_APPROVALS)


def approve_cut(
    session: Session, actor: Actor, migration_id: UUID, digest: str, version: int | None = None
) -> ExecutionPlan:
    """Approve the cut whose digest was shown, and with it its return. Returns the plan of the cut.

    Two persons of two authorities, neither of whom registered, planned, or will apply it.
    """
    migration = store.lock(session, migration_id, version)
    plan = plan_to(session, migration, "cut")
    way_back = plan_to(session, migration, "return")
    approval.approve_plan(session, actor, way_back.id, way_back.tuple_digest or "")
    approval.approve_plan(session, actor, plan.id, digest)
    if plan.status == PlanStatus.APPROVED and migration.status == S.REHEARSED:
        store.transition(session, migration, S.SCHEDULED, actor.audit_name, {"plan": plan.number})
    return plan


def cut(session: Session, actor: Actor, migration_id: UUID, version: int | None = None) -> Run:
    """Switch to the target from the approved plan, inside a window. Needs `plans:apply`. Returns the run."""
    migration = lock_for(session, actor, Permission.PLANS_APPLY, migration_id, version)
    require_step(migration, {S.SCHEDULED, S.REHEARSED})
    if not stored_plan(migration.plan_document).may_cut(now(session)):
        raise OutsideWindow
    if plan_to(session, migration, "return").status != PlanStatus.APPROVED:
        raise ReturnNotApproved
    run = _apply(session, actor, migration, "cut")
    if migration.status == S.REHEARSED:
        store.transition(session, migration, S.SCHEDULED, actor.audit_name)
    return run


def return_(session: Session, actor: Actor, migration_id: UUID, version: int | None = None) -> Run:
    """Switch back to the source with every write that the target accepted. Needs `plans:apply`.

    The return was approved together with its cut. Returns the run.
    """
    migration = lock_for(session, actor, Permission.PLANS_APPLY, migration_id, version)
    require_step(migration, MAY_RETURN)
    return _apply(session, actor, migration, "return")


def order_return(session: Session, actor: Actor, migration_id: UUID, version: int | None = None) -> Run:
    """Plan another return, after the one that was approved with the cut came to nothing. Returns the run.

    Needs `plans:author`; two persons approve it with `approve`.
    """
    migration = lock_for(session, actor, Permission.PLANS_AUTHOR, migration_id, version)
    require_step(migration, MAY_RETURN)
    require_nothing_under_way(session, migration, ("return",))
    return generate(
        session, migration, "return", actor, store.next_round(session, migration.id), TWO_APPROVALS
    )


def record_pause(
    session: Session, actor: Actor, migration_id: UUID, number: int, longest_ms: float, at_fence_ms: float
) -> MigrationSwitch:
    """Keep the write pause that the clients themselves saw at a switch, in milliseconds.

    Needs `plans:apply`. Returns the switch.
    """
    migration = lock_for(session, actor, Permission.PLANS_APPLY, migration_id)
    if not 0 <= at_fence_ms <= longest_ms:
        raise BadInput("The gap that holds the fence is at most the longest one.", field="at_fence_ms")
    switch = store.lock_switch(session, migration.id, number)
    switch.pause_ms, switch.pause_at_fence_ms = longest_ms, at_fence_ms
    store.keep_switch(session, switch)
    told = {"switch": number, "pause_ms": longest_ms, "pause_at_fence_ms": at_fence_ms}
    store.note(session, migration, "migration:pause_measured", actor.audit_name, told)
    return switch


def accept(session: Session, actor: Actor, migration_id: UUID, version: int | None = None) -> Migration:
    """The department accepts the system where it runs now; the target is billed from today on.

    Needs `resources:activate`. Raises NotProven unless the last switch has a proof of equality, TrialTooShort
    before the plan's trial days are over. Returns the migration.
    """
    migration = lock_for(session, actor, Permission.RESOURCES_ACTIVATE, migration_id, version)
    require_step(migration, {S.TRIAL_RUN})
    acceptance.accept(session, migration, actor)
    return migration


def order_finalise(session: Session, actor: Actor, migration_id: UUID, version: int | None = None) -> Run:
    """Plan the point of no return: everything of the movers is taken away. Returns the run.

    Needs `plans:author`.
    """
    migration = lock_for(session, actor, Permission.PLANS_AUTHOR, migration_id, version)
    require_step(migration, {S.ACCEPTED})
    require_nothing_under_way(session, migration, ("disarm",))
    return generate(
        session, migration, "disarm", actor, store.next_round(session, migration.id), ONE_APPROVAL
    )


def finalise(session: Session, actor: Actor, migration_id: UUID, version: int | None = None) -> Run:
    """Take the way back away, from an approved plan of its own. Needs `plans:apply`. Returns the run."""
    migration = lock_for(session, actor, Permission.PLANS_APPLY, migration_id, version)
    require_step(migration, {S.ACCEPTED})
    return _apply(session, actor, migration, "disarm")


def order_removal(session: Session, actor: Actor, migration_id: UUID, version: int | None = None) -> Run:
    """Plan to give the migration up: the source serves on, copies and everything of the movers go away.

    Needs `plans:author`; one person approves it with `approve`. Returns the run.
    """
    migration = lock_for(session, actor, Permission.PLANS_AUTHOR, migration_id, version)
    require_step(migration, MAY_REMOVE)
    require_nothing_under_way(session, migration, ("arm", "disarm"))
    return generate(
        session, migration, "disarm", actor, store.next_round(session, migration.id), ONE_APPROVAL
    )


def remove(session: Session, actor: Actor, migration_id: UUID, version: int | None = None) -> Run:
    """Give the migration up from its approved plan. Needs `plans:apply`. Returns the run."""
    migration = lock_for(session, actor, Permission.PLANS_APPLY, migration_id, version)
    require_step(migration, MAY_REMOVE)
    return _apply(session, actor, migration, "disarm")


def retire(
    session: Session, actor: Actor, migration_id: UUID, record: dict[str, Any], version: int | None = None
) -> Migration:
    """Keep the record that the legacy system was stopped and its media cleared; the migration has ended.

    `record` is {stopped_on, sanitisation, remark}. Needs `plans:apply`. Returns the migration.
    """
    migration = lock_for(session, actor, Permission.PLANS_APPLY, migration_id, version)
    require_step(migration, {S.FINALISED})
    if not str(record.get("sanitisation", "")).strip():
        raise BadInput("Say how the media were cleared.", field="sanitisation")
    migration.retirement = {**record, "recorded_on": today(session).isoformat()}
    store.transition(session, migration, S.LEGACY_RETIRED, actor.audit_name, {"record": migration.retirement})
    return migration


def abort(
    session: Session, actor: Actor, migration_id: UUID, reason: str, version: int | None = None
) -> Migration:
    """End a migration before anything of it is on a host; the source serves on. Returns the migration.

    Needs `plans:author`, or `requests:draft` in the system's own organisation.
    """
    own = store.lock(session, migration_id).organisation_code == actor.organisation
    right = Permission.REQUESTS_DRAFT if own else Permission.PLANS_AUTHOR
    migration = lock_for(session, actor, right, migration_id, version)
    require_step(migration, BEFORE_ARMING)
    if not reason.strip():
        raise BadInput("A reason is needed.", field="reason")
    require_nothing_under_way(session, migration, ("arm",))
    store.transition(session, migration, S.ABORTED, actor.audit_name, {"reason": reason.strip()})
    return migration


def settle(session: Session, actor: Actor, migration_id: UUID, version: int | None = None) -> Run | None:
    """After a failure that left something open: leave the plan behind, or let a worker read both sides.

    Where a switch has begun, the run lets the side that may serve, serve, and the books follow what it reads.
    Needs `runs:recover`. Returns the run, or None where nothing had to be read.
    """
    migration = lock_for(session, actor, Permission.RUNS_RECOVER, migration_id, version)
    for act in ("cut", "return", "arm", "disarm"):
        plan = current_plan(session, migration.id, act)
        if plan is None or plan.status != PlanStatus.FAILED:
            continue
        switch = queries.switch_of_plan(session, plan.id)
        if switch is not None and _is_open(switch):
            workspace = run_store.lock_workspace(session, plan.workspace_id)
            return generation.queue_run(session, workspace, "settle", plan, actor)
        run_store.transition_plan(session, plan, PlanStatus.ABANDONED, actor.audit_name)
        if act == "arm" and migration.status in (S.RESOURCES_READY, S.REPLICATING):
            store.transition(session, migration, S.DESIGNED, actor.audit_name)
        return None
    raise NotInThisStep("Nothing of this migration waits to be settled.")


def _is_open(switch: MigrationSwitch) -> bool:
    """Whether nobody knows yet which side serves, or the name does not lead there."""
    made_without_name = switch.outcome == "cut" and not switch.name_switched
    return made_without_name or switch.outcome in ("under_way", "unsettled")
