"""Orders and records of a worker that plans, prepares or cleans up a migration."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.clock import now
from orchestrator.core.errors import BusinessError, IllegalTransition
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.migrations import queries, store
from orchestrator.migrations.errors import ForeignSource
from orchestrator.migrations.findings import Finding, finding
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
from orchestrator.migrations.progress import rate
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
    serves: str

    def transfer(self, source: MigrationHost, names: MigrationHost | None) -> Transfer:
        """The transfer with these hosts. Raises BadMove."""
        return transfer_of(self.plan, self.number, source, self.target, names)

    def stored_transfer(self) -> Transfer:
        """The transfer with the hosts that were approved. Raises BadMove."""
        if self.source is None:
            raise IllegalTransition("No preflight has found the source of this migration.")
        return self.transfer(self.source, self.names)


def migration_order(session: Session, plan_id: UUID) -> MigrationOrder:
    """The order behind an execution plan. Raises TargetNotApplied if the target is not the applied one."""
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
        serves=migration.serving_side,
    )


def require_own_source(session: Session, migration_id: UUID, host: HostDocument) -> None:
    """Refuse a source in another organisation's workspace.

    Raises:
        ForeignSource: the workspace was made for another organisation.
    """
    owner = queries.get(session, migration_id).organisation_code
    for workspace in run_queries.workspaces(session):
        if workspace.key == host.workspace and workspace.organisation_code != owner:
            raise ForeignSource


def record_planned(
    session: Session,
    run_id: UUID,
    result: PlanningResult,
    pack: PolicyPack,
    found: Mapping[str, Any],
) -> ExecutionPlan:
    """Store the plan and the findings before it: `found` are columns of the migration.

    An unblocked preparation plan designs the migration; an unblocked cutover plan passes the cutover check.
    """
    plan = generation.record_plan(session, run_id, result, pack)
    act = queries.act_of_plan(session, plan.id)
    migration = store.lock(session, act.migration_id)
    worker = f"worker:{run_store.lock_run(session, run_id).worker}"
    for name, value in found.items():
        setattr(migration, name, value)
    if "preflight" in found:
        migration.preflight = {**found["preflight"], "at": now(session).isoformat()}
    store.touch(session, migration)
    if plan.status != PlanStatus.SUBMITTED:
        _say(session, migration, Reason(plan.reason or "", plan.reason_zh or ""))
    elif act.act == PlanKind.PREPARE and migration.status == S.REGISTERED:
        store.transition(session, migration, S.ASSESSED, worker)
        store.transition(session, migration, S.DESIGNED, worker, {"plan": plan.number})
    elif act.act == PlanKind.CUTOVER and migration.status == S.ROLLED_BACK:
        store.transition(session, migration, S.REHEARSED, worker, {"plan": plan.number})
    return plan


def tell(session: Session, plan_id: UUID, reason: Reason) -> None:
    """Show on the migration why its plan failed."""
    _say(session, _locked(session, plan_id), reason)


def gate_findings(progress: Progress) -> list[Finding]:
    """Return why the copy is not ready, where its findings do not say so."""
    if progress.ready or any(each.blocking for each in progress.trouble):
        return []
    if progress.tables_done < progress.tables:
        return [finding("still_copying", {"tables": progress.tables - progress.tables_done})]
    return [finding("not_following", {"side": "target"})]


def _say(session: Session, migration: Migration, reason: Reason) -> None:
    migration.reason, migration.reason_zh = reason.en, reason.zh
    migration.next_step, migration.next_step_zh = reason.next_en, reason.next_zh
    store.touch(session, migration)


def hosts_found(source: MigrationHost, target: MigrationHost, names: MigrationHost | None) -> dict[str, Any]:
    """The hosts as columns of the migration."""
    return {
        "source_host": host_document(source),
        "target_host": host_document(target),
        "names_host": host_document(names) if names else {},
        "serving_address": source.address,
    }


def preflight_document(found: Preflight) -> dict[str, Any]:
    """A preflight as it is stored and shown; `at` is added when it is kept."""
    return {
        "passed": found.passed,
        "findings": [finding_document(each) for each in found.findings],
        "database_bytes": found.database_bytes,
        "file_bytes": found.file_bytes,
        "files": found.files,
    }


def finding_document(found: Finding) -> dict[str, Any]:
    """One finding as it is stored and shown."""
    return {**asdict(found), "facts": {name: str(value) for name, value in found.facts.items()}}


def progress_document(before: Progress | None, found: Progress) -> dict[str, Any]:
    """Progress with the rate since the look before, as it is stored and shown."""
    document = asdict(found)
    document["trouble"] = [finding_document(each) for each in found.trouble]
    pace = rate(before, found) if before is not None and found.at > before.at else None
    document["bytes_a_second"] = round(pace.bytes_a_second) if pace else None
    left = pace.seconds_left if pace else None
    document["seconds_left"] = None if left is None else round(left, 1)
    return document


def begin_preparation(session: Session, plan_id: UUID, worker: str) -> None:
    """Record that the approved plan is played: from now on the hosts hold parts of the mover."""
    migration = _locked(session, plan_id)
    if migration.status == S.DESIGNED:
        store.transition(
            session, migration, S.RESOURCES_READY, worker, {"target": migration.target_host["address"]}
        )
    if migration.status == S.RESOURCES_READY:
        store.transition(session, migration, S.REPLICATING, worker)


def keep_progress(session: Session, plan_id: UUID, document: Mapping[str, Any]) -> None:
    """Record the progress of the copy; pages read it from here and ask no host."""
    migration = _locked(session, plan_id)
    migration.progress = dict(document)
    store.touch(session, migration)


def record_prepared(session: Session, run_id: UUID) -> None:
    """The copy is complete, changes follow and the rollback path is prepared: a cutover may be planned."""
    run, plan = _run_and_plan(session, run_id)
    worker = f"worker:{run.worker}"
    run.outcome = {"ready_at": now(session).isoformat()}
    run_store.transition_run(session, run, RunStatus.SUCCEEDED, worker)
    run_store.transition_plan(session, plan, PlanStatus.APPLIED, worker)
    migration = _locked(session, plan.id)
    store.transition(session, migration, S.REHEARSED, worker, {"gate": "ready"})


def record_failed(session: Session, run_id: UUID, reason: Reason, *, cancelled: bool = False) -> None:
    """Preparing or cleaning up did not come to its end; it is safe to plan it again."""
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
        " ".join(each.problem_en for each in findings),
        "".join(each.problem_zh for each in findings),
        " ".join(each.fix_en for each in findings),
        "".join(each.fix_zh for each in findings),
    )


def refusal_reason(error: BusinessError) -> Reason:
    """A business error as the reason of a run."""
    return Reason(error.detail, error.zh)


def _locked(session: Session, plan_id: UUID) -> Migration:
    return store.lock(session, queries.act_of_plan(session, plan_id).migration_id)


def _run_and_plan(session: Session, run_id: UUID) -> tuple[Run, ExecutionPlan]:
    run = run_store.lock_run(session, run_id)
    if run.plan_id is None:
        raise IllegalTransition("This run has no plan.")
    return run, run_store.lock_plan(session, run.plan_id)
