"""Input and records of a worker that plans, prepares or cleans up a migration."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.clock import now
from orchestrator.core.errors import BusinessError, IllegalTransition
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.migrations import queries, store
from orchestrator.migrations.errors import ForeignSource
from orchestrator.migrations.findings import Finding, finding
from orchestrator.migrations.kinds import Side
from orchestrator.migrations.lifecycle import BEFORE_PREPARATION, MigrationStatus
from orchestrator.migrations.models import Migration
from orchestrator.migrations.movers import Preflight, Progress
from orchestrator.migrations.plan_files import (
    HostDocument,
    MigrationPlanDocument,
    host_document,
    stored_host,
    stored_plan,
    transfer_of,
)
from orchestrator.migrations.records import PreflightRecord, ProgressRecord
from orchestrator.migrations.transfer import MigrationHost, Transfer
from orchestrator.policies.pack import PolicyPack
from orchestrator.runs import queries as run_queries
from orchestrator.runs import store as run_store
from orchestrator.runs.lifecycle import PlanStatus, RunStatus
from orchestrator.runs.models import ExecutionPlan, Run
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.migrations.target import target_host
from orchestrator.workflows.plans import generation
from orchestrator.workflows.plans.generation import PlanningResult

S = MigrationStatus


@dataclass(frozen=True)
class MigrationOrder:
    """Input of a worker that plans or plays one plan of a migration."""

    migration_id: UUID
    number: str
    act: PlanKind
    plan: MigrationPlanDocument
    target: MigrationHost
    source: MigrationHost | None
    names: MigrationHost | None
    serves: Side

    def transfer(self, source: MigrationHost, names: MigrationHost | None) -> Transfer:
        """Return the transfer with these hosts.

        Raises:
            BadTransfer: The transfer cannot be carried out as the plan describes it.
        """
        return transfer_of(self.plan, self.number, source, self.target, names)

    def stored_transfer(self) -> Transfer:
        """Return the transfer with the hosts that were approved.

        Raises:
            IllegalTransition: No preflight has found the source yet.
            BadTransfer: The transfer cannot be carried out as the plan describes it.
        """
        if self.source is None:
            raise IllegalTransition("No preflight has found the source of this migration.")
        return self.transfer(self.source, self.names)


@dataclass(frozen=True)
class HostReadings:
    """Readings of the hosts while a plan is made; the migration stores those that were taken."""

    preflight: Preflight | None = None
    progress: Progress | None = None
    transfer: Transfer | None = None
    """The transfer whose hosts were found."""


def migration_order(session: Session, plan_id: UUID) -> MigrationOrder:
    """Return the input for a worker that plans or plays this execution plan.

    Raises:
        TargetNotApplied: No applied plan of the request has created the target.
    """
    act = queries.act_of_plan(session, plan_id)
    migration = queries.get(session, act.migration_id)
    return MigrationOrder(
        migration_id=migration.id,
        number=migration.number,
        act=PlanKind(act.act),
        plan=stored_plan(migration.plan_document),
        target=target_host(session, migration),
        source=stored_host(migration.source_host) if migration.source_host else None,
        names=stored_host(migration.names_host) if migration.names_host else None,
        serves=Side(migration.serving_side),
    )


def require_own_source(session: Session, migration_id: UUID, host: HostDocument) -> None:
    """Refuse a source in another organisation's workspace.

    Raises:
        ForeignSource: The workspace was created for another organisation.
    """
    owner = queries.get(session, migration_id).organisation_code
    for workspace in run_queries.workspaces(session):
        if workspace.key == host.workspace and workspace.organisation_code != owner:
            raise ForeignSource


def record_planned(
    session: Session, run_id: UUID, result: PlanningResult, pack: PolicyPack, readings: HostReadings
) -> ExecutionPlan:
    """Store the plan with the readings of the hosts, and return it.

    An unblocked preparation plan makes the migration designed; an unblocked cutover plan makes a migration
    that was rolled back rehearsed again.
    """
    plan = generation.record_plan(session, run_id, result, pack)
    act = queries.act_of_plan(session, plan.id)
    migration = store.lock(session, act.migration_id)
    worker = f"worker:{run_store.lock_run(session, run_id).worker}"
    _store_readings(session, migration, readings)
    if plan.status != PlanStatus.SUBMITTED:
        _say(session, migration, Reason(plan.reason or "", plan.reason_zh or ""))
    elif act.act == PlanKind.PREPARE and migration.status == S.REGISTERED:
        store.transition(session, migration, S.ASSESSED, worker)
        store.transition(session, migration, S.DESIGNED, worker, {"plan": plan.number})
    elif act.act == PlanKind.CUTOVER and migration.status == S.ROLLED_BACK:
        store.transition(session, migration, S.REHEARSED, worker, {"plan": plan.number})
    return plan


def _store_readings(session: Session, migration: Migration, readings: HostReadings) -> None:
    if readings.transfer is not None:
        hosts = readings.transfer.hosts()
        migration.source_host = host_document(readings.transfer.source)
        migration.target_host = host_document(readings.transfer.target)
        migration.names_host = host_document(hosts["names"]) if "names" in hosts else {}
        migration.serving_address = readings.transfer.source.address
    if readings.preflight is not None:
        migration.preflight = PreflightRecord(readings.preflight, now(session)).document()
    if readings.progress is not None:
        migration.progress = ProgressRecord(readings.progress).document()
    store.touch(session, migration)


def show_reason(session: Session, plan_id: UUID, reason: Reason) -> None:
    """Show on the migration why its plan failed."""
    _say(session, _locked(session, plan_id), reason)


def gate_findings(progress: Progress) -> list[Finding]:
    """Return why the copy is not ready for a cutover, unless its own findings say so."""
    if progress.ready or any(finding.blocking for finding in progress.trouble):
        return []
    if progress.tables_done < progress.tables:
        return [finding("still_copying", {"tables": progress.tables - progress.tables_done})]
    return [finding("not_following", {"side": Side.TARGET})]


def _say(session: Session, migration: Migration, reason: Reason) -> None:
    migration.reason, migration.reason_zh = reason.en, reason.zh
    migration.next_step, migration.next_step_zh = reason.next_en, reason.next_zh
    store.touch(session, migration)


def begin_preparation(session: Session, plan_id: UUID, worker: str) -> None:
    """Record that the preparation begins: from now on the hosts hold parts of the mover."""
    migration = _locked(session, plan_id)
    if migration.status == S.DESIGNED:
        facts = {"target": stored_host(migration.target_host).address}
        store.transition(session, migration, S.RESOURCES_READY, worker, facts)
    if migration.status == S.RESOURCES_READY:
        store.transition(session, migration, S.REPLICATING, worker)


def record_progress(session: Session, plan_id: UUID, record: ProgressRecord) -> None:
    """Record the progress of the copy; pages show this record and read no host."""
    migration = _locked(session, plan_id)
    migration.progress = record.document()
    store.touch(session, migration)


def record_prepared(session: Session, run_id: UUID) -> None:
    """Record that the copy is complete, changes are replicated and the rollback path is prepared."""
    run, plan = _run_and_plan(session, run_id)
    worker = f"worker:{run.worker}"
    run.outcome = {"ready_at": now(session).isoformat()}
    run_store.transition_run(session, run, RunStatus.SUCCEEDED, worker)
    run_store.transition_plan(session, plan, PlanStatus.APPLIED, worker)
    migration = _locked(session, plan.id)
    store.transition(session, migration, S.REHEARSED, worker, {"gate": "ready"})


def record_failed(session: Session, run_id: UUID, reason: Reason, *, cancelled: bool = False) -> None:
    """Record that a preparation or a clean-up failed; it is safe to plan it again."""
    run, plan = _run_and_plan(session, run_id)
    worker = f"worker:{run.worker}"
    ended = RunStatus.CANCELLED if cancelled and run.status == RunStatus.RUNNING else RunStatus.FAILED
    run_store.transition_run(session, run, ended, worker, reason=reason)
    run_store.transition_plan(session, plan, PlanStatus.FAILED, worker, reason=reason)
    run_store.transition_plan(session, plan, PlanStatus.ABANDONED, worker)
    migration = _locked(session, plan.id)
    if plan.kind == PlanKind.PREPARE and migration.status not in BEFORE_PREPARATION:
        store.transition(session, migration, S.DESIGNED, worker, {"reason": reason.en})
    _say(session, migration, reason)


def reason_of(findings: Sequence[Finding], otherwise: str) -> Reason:
    """Join findings to one reason with its next step, in both languages."""
    if not findings:
        return Reason(
            otherwise,
            otherwise,
            "Read the run's log, fix the cause, then try again.",
            "请查看日志，处理后重试。",
        )
    return Reason(
        " ".join(finding.problem_en for finding in findings),
        "".join(finding.problem_zh for finding in findings),
        " ".join(finding.fix_en for finding in findings),
        "".join(finding.fix_zh for finding in findings),
    )


def refusal_reason(error: BusinessError) -> Reason:
    """Return a business error as the reason of a run."""
    return Reason(error.detail, error.zh)


def _locked(session: Session, plan_id: UUID) -> Migration:
    return store.lock(session, queries.act_of_plan(session, plan_id).migration_id)


def _run_and_plan(session: Session, run_id: UUID) -> tuple[Run, ExecutionPlan]:
    run = run_store.lock_run(session, run_id)
    if run.plan_id is None:
        raise IllegalTransition("This run has no plan.")
    return run, run_store.lock_plan(session, run.plan_id)
