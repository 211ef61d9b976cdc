"""Writes of workspaces, plans, approvals and runs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from orchestrator.core import transitions
from orchestrator.core.clock import now
from orchestrator.core.rows import lock_row, next_number
from orchestrator.runs.lifecycle import PLAN_LIFECYCLE, RUN_LIFECYCLE, PlanStatus, RunStatus
from orchestrator.runs.models import (
    Approval,
    ExecutionPlan,
    PlanArtifact,
    Run,
    StateLock,
    StateVersion,
    Workspace,
)
from orchestrator.runs.outcomes import Reason
from orchestrator.runs.state_files import StateHeader


def workspace_for(
    session: Session, request_id: UUID, key: str, cloud: str, zone: str, organisation: str, system: str | None
) -> Workspace:
    """The workspace of a provisioning request; made at its first plan, the same one at every later one."""
    found = session.exec(
        select(Workspace).where(Workspace.origin_request_id == request_id).with_for_update()
    ).one_or_none()
    if found is not None:
        return found
    workspace = Workspace(
        key=key,
        cloud=cloud,
        zone=zone,
        organisation_code=organisation,
        system_code=system,
        origin_request_id=request_id,
        created_at=now(session),
    )
    session.add(workspace)
    session.flush()
    return workspace


def lock_workspace(session: Session, workspace_id: UUID) -> Workspace:
    """A workspace, locked.

    Raises:
        NotFound: there is none.
    """
    return lock_row(session, Workspace, workspace_id)


def add_plan(session: Session, plan: ExecutionPlan) -> ExecutionPlan:
    """Store a new plan under the next number of the year, ``EP-2019-0001``."""
    plan.number = next_number(session, ExecutionPlan.number, "EP")
    plan.created_at = plan.status_at = now(session)
    session.add(plan)
    session.flush()
    return plan


def lock_plan(session: Session, plan_id: UUID, version: int | None = None) -> ExecutionPlan:
    """A plan, locked.

    Raises:
        NotFound: there is none.
        VersionConflict: it is no longer at `version`.
    """
    return lock_row(session, ExecutionPlan, plan_id, version)


def transition_plan(
    session: Session,
    plan: ExecutionPlan,
    status: PlanStatus,
    actor: str,
    *,
    reason: Reason | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """The one door to a plan's status."""
    if reason is not None:
        plan.reason, plan.reason_zh = reason.en, reason.zh
    session.add(plan)
    facts = {"number": plan.number, "digest": plan.tuple_digest, **(data or {})}
    if reason is not None:
        facts["reason"] = reason.en
    transitions.transition(
        session, PLAN_LIFECYCLE, plan, status, actor=actor, organisation=plan.organisation_code, data=facts
    )


def save_artifact(
    session: Session, plan_id: UUID, bundle: bytes, plan_file: bytes | None, changes: dict[str, Any]
) -> None:
    """Keep the (encrypted) bytes that will be run."""
    session.merge(PlanArtifact(plan_id=plan_id, bundle=bundle, plan_file=plan_file, changes=changes))
    session.flush()


def add_approval(session: Session, approval: Approval) -> None:
    """Store one decision; the database refuses a person who has another part in the plan."""
    approval.at = now(session)
    session.add(approval)
    session.flush()


def add_run(session: Session, run: Run) -> Run:
    """Store a queued run."""
    run.created_at = run.status_at = now(session)
    session.add(run)
    session.flush()
    return run


def lock_run(session: Session, run_id: UUID) -> Run:
    """A run, locked.

    Raises:
        NotFound: there is none.
    """
    return lock_row(session, Run, run_id)


def begin_run(session: Session, run: Run, worker: str, token_hash: str) -> None:
    """A worker takes the run; its token may read the state, and write it while the run applies."""
    run.started_at = run.started_at or now(session)
    run.attempt += 1
    run.worker = worker
    run.token_hash = token_hash
    transition_run(session, run, RunStatus.RUNNING, f"worker:{worker}")


def transition_run(
    session: Session, run: Run, status: RunStatus, actor: str, *, reason: Reason | None = None, **data: Any
) -> None:
    """The one door to a run's status; a run that ends loses its token and its lock on the state."""
    if reason is not None:
        run.reason, run.reason_zh = reason.en, reason.zh
        run.next_step, run.next_step_zh = reason.next_en, reason.next_zh
    session.add(run)
    transitions.transition(
        session,
        RUN_LIFECYCLE,
        run,
        status,
        actor=actor,
        organisation=run.organisation_code,
        data={"kind": run.kind, **data},
    )
    if RUN_LIFECYCLE.is_final(status):
        _end(session, run)


def _end(session: Session, run: Run) -> None:
    run.finished_at = now(session)
    run.token_hash = None
    session.add(run)
    release_state_lock(session, run)


def release_state_lock(session: Session, run: Run) -> None:
    """Free the state lock of a run whose processes are known to be gone."""
    held = session.get(StateLock, run.workspace_id)
    if held is not None and held.run_id == run.id:
        session.delete(held)
    session.flush()


def expire_plans(session: Session, instant: datetime) -> list[ExecutionPlan]:
    """Plans that wait past their expiry, locked; those that others hold are left for the next time."""
    statement = (
        select(ExecutionPlan)
        .where(col(ExecutionPlan.status).in_([PlanStatus.SUBMITTED, PlanStatus.APPROVED]))
        .where(col(ExecutionPlan.expires_at) <= instant)
        .with_for_update(skip_locked=True)
    )
    return list(session.exec(statement))


def take_state_lock(session: Session, run: Run, lock_id: str, info: dict[str, Any]) -> StateLock | None:
    """Lock the state for `run`; the lock that is in the way, or None when it was taken.

    A second lock by the same run after its first process died replaces the first: the lease proves
    that this process is gone.
    """
    held = session.exec(
        select(StateLock).where(StateLock.workspace_id == run.workspace_id).with_for_update()
    ).one_or_none()
    if held is not None:
        return held
    session.add(
        StateLock(workspace_id=run.workspace_id, run_id=run.id, lock_id=lock_id, info=info, at=now(session))
    )
    session.flush()
    return None


def add_state_version(
    session: Session, run: Run, workspace: Workspace, header: StateHeader, sha256: str, sealed: bytes
) -> None:
    """Append a version of the state and move the workspace's serial."""
    last = session.exec(
        select(func.max(StateVersion.version)).where(StateVersion.workspace_id == workspace.id)
    ).one()
    session.add(
        StateVersion(
            workspace_id=workspace.id,
            version=(last or 0) + 1,
            serial=header.serial,
            lineage=header.lineage,
            run_id=run.id,
            sha256=sha256,
            data=sealed,
            at=now(session),
        )
    )
    workspace.lineage, workspace.serial = header.lineage, header.serial
    session.add(workspace)
    session.flush()
