"""Drift: order checks, and open a case for a person where reality differs; nothing is repaired silently."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlmodel import Session

from orchestrator.core.errors import IllegalTransition
from orchestrator.core.plan_kinds import TERRAFORM_KINDS
from orchestrator.departments.permissions import Actor, Permission, require
from orchestrator.resources import store as resources
from orchestrator.resources.drift import DriftFinding
from orchestrator.runs import queries, store
from orchestrator.runs.kinds import RunKind
from orchestrator.runs.lifecycle import RunStatus
from orchestrator.runs.models import Run
from orchestrator.runs.outcomes import Reason
from orchestrator.workflows.plans.generation import queue_run


@dataclass(frozen=True)
class DriftOrder:
    """Inputs of a drift check: the bundle of the last applied plan."""

    run_id: UUID
    workspace_id: UUID
    workspace_key: str
    cloud: str
    bundle: bytes


def check_drift(session: Session, actor: Actor, workspace_id: UUID) -> Run:
    """Order a drift check of a workspace; it changes nothing."""
    workspace = store.lock_workspace(session, workspace_id)
    require(actor, Permission.RESOURCES_CHECK_DRIFT, workspace.organisation_code)
    if workspace.released_at is not None or queries.last_applied(session, workspace_id) is None:
        raise IllegalTransition("Nothing is provisioned in this workspace.")
    return queue_run(session, workspace, RunKind.DRIFT, None, actor)


def check_everything(session: Session) -> int:
    """Order a drift check of every workspace without a waiting or running run; the calendar calls this."""
    busy = {run.workspace_id for run in queries.active_runs(session)}
    idle = [workspace for workspace in queries.workspaces(session) if workspace.id not in busy]
    wanted = [workspace for workspace in idle if queries.last_applied(session, workspace.id) is not None]
    for workspace in wanted:
        queue_run(session, workspace, RunKind.DRIFT, None, None)
    return len(wanted)


def begin_drift(session: Session, run_id: UUID, worker: str, token_hash: str) -> DriftOrder | None:
    """Start a drift run on a worker, also an unfinished one of a lost worker; return its input or None."""
    run = store.lock_run(session, run_id)
    plan = queries.last_applied(session, run.workspace_id, TERRAFORM_KINDS)
    if plan is None or run.status not in (RunStatus.QUEUED, RunStatus.RUNNING):
        return None
    if run.status == RunStatus.QUEUED:
        store.begin_run(session, run, worker, token_hash)
    else:
        run.attempt, run.worker, run.token_hash = run.attempt + 1, worker, token_hash
        store.release_state_lock(session, run)
        session.add(run)
    workspace = queries.workspace(session, run.workspace_id)
    sealed = queries.artifact(session, plan.id)
    return DriftOrder(run.id, workspace.id, workspace.key, workspace.cloud, sealed.bundle)


def record_drift(
    session: Session, run_id: UUID, differing: Sequence[DriftFinding], existing: Iterable[str] = ()
) -> None:
    """Open the drift case or renew its findings; close it if there is no difference.

    `existing` are the addresses of all cloud objects; one without a row is a finding too (invariant 22).
    """
    run = store.lock_run(session, run_id)
    worker = f"worker:{run.worker}"
    rows = {row.address for row in resources.lock_all(session, run.workspace_id)}
    unknown = [DriftFinding(address, unknown=True) for address in sorted(set(existing) - rows)]
    findings = [*differing, *unknown]
    run.outcome = {"findings": [finding.document() for finding in findings]}
    if findings:
        drift = resources.Drift(run.workspace_id, run.id, run.organisation_code, findings)
        resources.open_drift(session, drift, worker)
    else:
        resources.close_drift(session, run.workspace_id, worker)
    _mark_resources(session, run, findings)
    store.transition_run(session, run, RunStatus.SUCCEEDED, worker)


def _mark_resources(session: Session, run: Run, findings: Sequence[DriftFinding]) -> None:
    by_address = {finding.address: finding.document() for finding in findings}
    for resource in resources.lock_all(session, run.workspace_id):
        resource.drift = by_address.get(resource.address, {})
        session.add(resource)
    session.flush()


def fail_drift(
    session: Session, run_id: UUID, reason: Reason, exit_code: int | None, *, cancelled: bool = False
) -> None:
    """Record that the drift check failed or was cancelled; the drift case stays as it is."""
    run = store.lock_run(session, run_id)
    run.exit_code = exit_code
    ended = RunStatus.CANCELLED if cancelled else RunStatus.FAILED
    store.transition_run(session, run, ended, f"worker:{run.worker}", reason=reason)
