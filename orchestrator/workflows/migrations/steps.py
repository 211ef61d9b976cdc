"""Steps of a migration that people order; `acts.py` beside this file says who may, from which status.

Nothing here touches a host: the steps queue runs, and workers play them. `docs/migrating.md` has the table.
"""

from dataclasses import replace
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.clock import now, today
from orchestrator.core.errors import BadInput
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.departments.permissions import Actor, Permission, Role, require
from orchestrator.migrations import queries, store
from orchestrator.migrations.errors import AlreadyMigrating, NotInThisStep, OutsideWindow, RollbackNotApproved
from orchestrator.migrations.kinds import UNDECIDED, SwitchOutcome
from orchestrator.migrations.lifecycle import MigrationStatus
from orchestrator.migrations.models import Migration, MigrationSwitch
from orchestrator.migrations.pause import WriteGaps
from orchestrator.migrations.plan_files import MigrationPlanDocument, stored_plan
from orchestrator.migrations.records import Retirement
from orchestrator.resource_requests import queries as request_queries
from orchestrator.resource_requests.kinds import RequestKind
from orchestrator.resource_requests.models import ResourceRequest
from orchestrator.runs import store as run_store
from orchestrator.runs.kinds import RunKind
from orchestrator.runs.lifecycle import PlanStatus
from orchestrator.runs.models import Run
from orchestrator.systems import queries as system_queries
from orchestrator.workflows.act import Call
from orchestrator.workflows.migrations import acceptance
from orchestrator.workflows.migrations.plans import generate, lock_for, plan_to, supersede_rollback
from orchestrator.workflows.migrations.reads import current_plan
from orchestrator.workflows.migrations.target import target_host
from orchestrator.workflows.perform import perform
from orchestrator.workflows.plans import generation
from orchestrator.workflows.plans.acts import APPLY_OF_MIGRATION, APPROVE_OF_MIGRATION, PLAN

S = MigrationStatus
ONE_APPROVAL = (Role.CENTRE_APPROVER,)
TWO_APPROVALS = (Role.CENTRE_APPROVER, Role.SMART_CITY_OFFICE)
"""Two persons of two authorities approve a cutover and its rollback (domain §2.11, M6)."""


def register(
    session: Session, actor: Actor, document: MigrationPlanDocument, request_number: str
) -> Migration:
    """Register the migration of one of the department's systems onto the hosts of a request.

    Needs `requests:draft` in the organisation of the system.

    Raises:
        BadInput: The organisation has no such system, or no such request for hosts of it.
        AlreadyMigrating: Another migration uses the hosts of the request.
    """
    require(actor, Permission.REQUESTS_DRAFT)
    system = system_queries.find(session, document.system)
    if system is None or system.organisation_code != actor.organisation:
        raise BadInput(
            f"Your organisation has no system {document.system}.",
            field="system",
            detail_zh=f"本单位没有系统 {document.system}",
        )
    request = _provision(session, actor, request_number)
    if request is None or request.system_code != document.system:
        raise BadInput(
            f"There is no request {request_number} for hosts of {document.system}.",
            field="request",
            detail_zh=f"没有为 {document.system} 申请主机的申请单 {request_number}",
        )
    if queries.live_of_request(session, request.id) is not None:
        raise AlreadyMigrating
    migration = Migration(
        number="",
        plan_key=document.plan,
        plan_digest=document.digest(),
        plan_document=document.model_dump(mode="json"),
        title=document.title,
        system_code=document.system,
        organisation_code=actor.organisation,
        request_id=request.id,
        registered_by=actor.person_id,
    )
    return store.add(session, migration, actor.audit_name)


def _provision(session: Session, actor: Actor, number: str) -> ResourceRequest | None:
    """Return the request for hosts with this number among those of the actor's organisation."""
    own = request_queries.Filter(actor.organisation, text=number)
    requests = request_queries.page(session, own)
    matching = (row for row in requests if row.number == number and row.kind == RequestKind.PROVISION)
    return next(matching, None)


def preflight(call: Call, migration: Migration) -> Run:
    """Check both sides, read-only, and plan the preparation of replication when nothing blocks it.

    Raises:
        TargetNotApplied: no applied plan of the request has made the target.
    """
    target_host(call.session, migration)
    return _plan(call, migration, PlanKind.PREPARE, ONE_APPROVAL)


def _plan(call: Call, migration: Migration, act: str, approvals: tuple[Role, ...]) -> Run:
    number = store.next_round(call.session, migration.id)
    return generate(call, migration, act, number, approvals)


def approve(call: Call, migration: Migration) -> Migration:
    """Approve the plan that was shown: of the preparation, of another rollback, or of the clean-up."""
    plans = [
        current_plan(call.session, migration.id, act)
        for act in (PlanKind.PREPARE, PlanKind.ROLLBACK, PlanKind.CLEAN_UP)
    ]
    waiting = [plan for plan in plans if plan is not None and plan.status == PlanStatus.SUBMITTED]
    if not waiting:
        raise NotInThisStep("No plan of this migration waits for this approval.")
    shown = [plan for plan in waiting if plan.tuple_digest == call.digest] or waiting
    perform(PLAN, APPROVE_OF_MIGRATION, replace(call, version=None), shown[0].id)
    return migration


def start(call: Call, migration: Migration) -> Run:
    """Prepare replication in both directions and start the copies, from the approved plan."""
    target_host(call.session, migration)
    return _apply(call, migration, PlanKind.PREPARE)


def _apply(call: Call, migration: Migration, act: str) -> Run:
    plan = plan_to(call.session, migration, act)
    run: Run = perform(PLAN, APPLY_OF_MIGRATION, replace(call, version=None), plan.id)
    return run


def plan_cutover(call: Call, migration: Migration) -> Run:
    """Check the preconditions and plan the next cutover together with its rollback.

    They hold when the copy is complete, changes are replicated and the rollback path is prepared.
    """
    session, actor = call.session, call.actor.audit_name
    if migration.status == S.SCHEDULED:
        store.transition(session, migration, S.REHEARSED, actor)
    supersede_rollback(session, migration, actor)
    number = store.next_round(session, migration.id)
    generate(call, migration, PlanKind.ROLLBACK, number, TWO_APPROVALS)
    return generate(call, migration, PlanKind.CUTOVER, number, TWO_APPROVALS)


def approve_cutover(call: Call, migration: Migration) -> Migration:
    """Approve the cutover that was shown, and its rollback with it; two authorities approve once each."""
    session, other = call.session, replace(call, version=None)
    plan = plan_to(session, migration, PlanKind.CUTOVER)
    rollback = plan_to(session, migration, PlanKind.ROLLBACK)
    perform(PLAN, APPROVE_OF_MIGRATION, replace(other, digest=rollback.tuple_digest or ""), rollback.id)
    perform(PLAN, APPROVE_OF_MIGRATION, other, plan.id)
    if plan.status == PlanStatus.APPROVED and migration.status == S.REHEARSED:
        store.transition(session, migration, S.SCHEDULED, call.actor.audit_name, {"plan": plan.number})
    return migration


def cut_over(call: Call, migration: Migration) -> Run:
    """Cut over to the target from the approved plan, inside a window.

    Raises:
        OutsideWindow: no window of the plan is open.
        RollbackNotApproved: the rollback that belongs to this cutover is not approved.
    """
    if not stored_plan(migration.plan_document).may_cut_over(now(call.session)):
        raise OutsideWindow
    if plan_to(call.session, migration, PlanKind.ROLLBACK).status != PlanStatus.APPROVED:
        raise RollbackNotApproved
    run = _apply(call, migration, PlanKind.CUTOVER)
    if migration.status == S.REHEARSED:
        store.transition(call.session, migration, S.SCHEDULED, call.actor.audit_name)
    return run


def roll_back(call: Call, migration: Migration) -> Run:
    """Roll back to the source with every write that the target has accepted."""
    return _apply(call, migration, PlanKind.ROLLBACK)


def plan_rollback(call: Call, migration: Migration) -> Run:
    """Plan another rollback, when the rollback approved with the cutover could not be used."""
    return _plan(call, migration, PlanKind.ROLLBACK, TWO_APPROVALS)


def record_pause(
    session: Session, actor: Actor, migration_id: UUID, number: int, gaps: WriteGaps
) -> MigrationSwitch:
    """Record the write pause that clients saw at a cutover or rollback, and return the switch.

    Needs `plans:apply`.
    """
    migration = lock_for(session, actor, Permission.PLANS_APPLY, migration_id)
    if not 0 <= gaps.at_fence_ms <= gaps.longest_ms:
        raise BadInput("The gap that holds the fence is at most the longest one.", field="at_fence_ms")
    switch = store.lock_switch(session, migration.id, number)
    switch.pause_ms, switch.pause_at_fence_ms = gaps.longest_ms, gaps.at_fence_ms
    store.keep_switch(session, switch)
    facts = {"switch": number, "pause_ms": gaps.longest_ms, "pause_at_fence_ms": gaps.at_fence_ms}
    store.note(session, migration, "migration:pause_measured", actor.audit_name, facts)
    return switch


def accept(call: Call, migration: Migration) -> Migration:
    """Accept the system where it runs now; the target is billed from today on.

    Raises:
        NotProven: the last cutover has no equality proof.
        TrialTooShort: the trial days of the plan are not over.
    """
    acceptance.accept(call.session, migration, call.actor)
    return migration


def plan_finalisation(call: Call, migration: Migration) -> Run:
    """Plan to finalise: the rollback path is removed with everything else of the movers."""
    return _plan(call, migration, PlanKind.CLEAN_UP, ONE_APPROVAL)


def finalise(call: Call, migration: Migration) -> Run:
    """Finalise from the approved plan: there is no rollback afterwards."""
    return _apply(call, migration, PlanKind.CLEAN_UP)


def plan_clean_up(call: Call, migration: Migration) -> Run:
    """Plan to give the migration up: the source serves on, everything of the movers is removed."""
    return _plan(call, migration, PlanKind.CLEAN_UP, ONE_APPROVAL)


def clean_up(call: Call, migration: Migration) -> Run:
    """Give the migration up from the approved plan; the source serves on."""
    return _apply(call, migration, PlanKind.CLEAN_UP)


def retire(call: Call, migration: Migration) -> Migration:
    """Record that the legacy system was stopped and its media sanitised; the migration has ended."""
    record: Retirement = call.content
    if not record.sanitisation.strip():
        raise BadInput("Say how the media were sanitised.", field="sanitisation")
    migration.retirement = replace(record, recorded_on=today(call.session)).document()
    facts = {"record": migration.retirement}
    store.transition(call.session, migration, S.LEGACY_RETIRED, call.actor.audit_name, facts)
    return migration


def abort(call: Call, migration: Migration) -> Migration:
    """End a migration before anything of it is on a host; the source serves on."""
    store.transition(call.session, migration, S.ABORTED, call.actor.audit_name, {"reason": call.reason})
    return migration


def inspect(call: Call, migration: Migration) -> Migration:
    """Inspect both sides after a failure, and reopen the side that is safe to serve.

    The failed plan is abandoned; a worker inspects the sides only where a switch has begun.
    """
    session, actor = call.session, call.actor
    for act in (PlanKind.CUTOVER, PlanKind.ROLLBACK, PlanKind.PREPARE, PlanKind.CLEAN_UP):
        plan = current_plan(session, migration.id, act)
        if plan is None or plan.status != PlanStatus.FAILED:
            continue
        switch = queries.switch_of_plan(session, plan.id)
        if switch is not None and _is_open(switch):
            workspace = run_store.lock_workspace(session, plan.workspace_id)
            generation.queue_run(session, workspace, RunKind.INSPECT, plan, actor)
            return migration
        run_store.transition_plan(session, plan, PlanStatus.ABANDONED, actor.audit_name)
        if act == PlanKind.PREPARE and migration.status in (S.RESOURCES_READY, S.REPLICATING):
            store.transition(session, migration, S.DESIGNED, actor.audit_name)
        return migration
    raise NotInThisStep("Nothing of this migration waits to be inspected.")


def _is_open(switch: MigrationSwitch) -> bool:
    """Return True while the serving side is unknown, or the name does not point to it."""
    made_without_name = switch.outcome == SwitchOutcome.SWITCHED and not switch.name_switched
    return made_without_name or switch.outcome in UNDECIDED
