"""Acceptance of a migration, and the record of its clean-up."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.clock import today
from orchestrator.core.errors import IllegalTransition
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.departments.permissions import Actor
from orchestrator.migrations import queries, store
from orchestrator.migrations.errors import NotProven, TrialTooShort
from orchestrator.migrations.kinds import Direction, SideBilling, SwitchOutcome
from orchestrator.migrations.lifecycle import MigrationStatus
from orchestrator.migrations.models import Migration
from orchestrator.migrations.movers import CleanUp
from orchestrator.migrations.plan_files import stored_plan
from orchestrator.migrations.records import Billing
from orchestrator.resource_requests import store as requests
from orchestrator.resource_requests.lifecycle import RequestStatus
from orchestrator.resources import store as resources
from orchestrator.resources.lifecycle import ResourceStatus
from orchestrator.runs import queries as run_queries
from orchestrator.runs import store as run_store
from orchestrator.runs.lifecycle import PlanStatus, RunStatus
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.billing import usage

BILLED = Billing(SideBilling.ACTIVE)


def accept(session: Session, migration: Migration, actor: Actor) -> None:
    """Bill the target from today on and fulfil its request; the migration is locked by the caller."""
    _require_proof(session, migration)
    _require_trial(session, migration)
    request = requests.lock(session, migration.request_id)
    workspace = run_queries.workspace_of_request(session, request.id)
    rows = [row for row in resources.lock_all(session, workspace.id) if row.status == ResourceStatus.TRIAL]
    usage.hand_over(session, (), rows, run_queries.last_apply(session, workspace.id), actor.audit_name)
    if request.status == RequestStatus.IN_TRIAL:
        requests.transition(session, request, RequestStatus.FULFILLED, actor.audit_name)
    migration.billing = BILLED.document()
    facts = {"billing": migration.billing}
    store.transition(session, migration, MigrationStatus.ACCEPTED, actor.audit_name, facts)


def _require_proof(session: Session, migration: Migration) -> None:
    switches = queries.switches(session, migration.id)
    switched = [switch for switch in switches if switch.outcome == SwitchOutcome.SWITCHED]
    last = switched[-1] if switched else None
    if last is None or last.direction != Direction.CUTOVER or not last.proof_equal or not last.followed_at:
        raise NotProven


def _require_trial(session: Session, migration: Migration) -> None:
    days = stored_plan(migration.plan_document).trial_days
    if migration.trial_since is None or migration.trial_since + timedelta(days=days) > today(session):
        raise TrialTooShort(f"The trial run lasts at least {days} days, since {migration.trial_since}.")


def record_cleaned_up(session: Session, run_id: UUID, result: CleanUp) -> None:
    """Record the removed parts; if every host was cleaned, the migration is finalised or aborted."""
    run = run_store.lock_run(session, run_id)
    if run.plan_id is None:
        raise IllegalTransition("This run has no plan.")
    plan = run_store.lock_plan(session, run.plan_id)
    migration = store.lock(session, queries.act_of_plan(session, plan.id).migration_id)
    worker = f"worker:{run.worker}"
    removed = {host: list(names) for host, names in result.removed.items()}
    run.outcome = {"removed": removed, "left": list(result.left)}
    if result.left:
        reason = _left_behind(result.left)
        run_store.transition_run(session, run, RunStatus.FAILED, worker, reason=reason)
        run_store.transition_plan(session, plan, PlanStatus.FAILED, worker, reason=reason)
        run_store.transition_plan(session, plan, PlanStatus.ABANDONED, worker)
        return
    run_store.transition_run(session, run, RunStatus.SUCCEEDED, worker)
    run_store.transition_plan(session, plan, PlanStatus.APPLIED, worker)
    final = migration.status == MigrationStatus.ACCEPTED
    status = MigrationStatus.FINALISED if final else MigrationStatus.ABORTED
    store.transition(session, migration, status, worker, {"removed": removed})
    _close_rollback_path(session, migration, worker)


def _close_rollback_path(session: Session, migration: Migration, actor: str) -> None:
    for act in queries.acts(session, migration.id):
        plan = run_store.lock_plan(session, act.plan_id)
        if act.act in (PlanKind.CUTOVER, PlanKind.ROLLBACK) and plan.status in (
            PlanStatus.SUBMITTED,
            PlanStatus.APPROVED,
        ):
            run_store.transition_plan(session, plan, PlanStatus.SUPERSEDED, actor)


def _left_behind(hosts: Sequence[str]) -> Reason:
    names = ", ".join(hosts)
    return Reason(
        f"These hosts could not be reached: {names}. Parts of the mover remain on them.",
        f"无法访问：{names}；其上仍有迁移组件。",
        "Start these hosts, then plan again.",
        "请启动这些主机，然后重新编制关闭回退通道计划。",
    )
