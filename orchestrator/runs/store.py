"""Writes of workspaces, plans, approvals and runs."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlmodel import Session, col, select

from orchestrator.core import transitions
from orchestrator.core.clock import now
from orchestrator.core.rows import lock_row, next_number
from orchestrator.core.transitions import Transition
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


def workspace_for(session: Session, new: Workspace) -> Workspace:
    """Return the workspace of the request that `new` names; the first plan of the request stores `new`."""
    workspace = session.exec(
        select(Workspace).where(Workspace.origin_request_id == new.origin_request_id).with_for_update()
    ).one_or_none()
    if workspace is None:
        workspace = new
        workspace.created_at = now(session)
        session.add(workspace)
        session.flush()
    return workspace


def lock_workspace(session: Session, workspace_id: UUID) -> Workspace:
    """Lock and return a workspace.

    Raises:
        NotFound: No such workspace exists.
    """
    return lock_row(session, Workspace, workspace_id)


def add_plan(session: Session, plan: ExecutionPlan) -> ExecutionPlan:
    """Store a new plan under the next number of the year, ``EP-2019-0001``."""
    plan.number = next_number(session, ExecutionPlan.number, "EP")
    plan.created_at = plan.status_at = now(session)
    session.add(plan)
    session.flush()
    return plan


def lock_plan(session: Session, plan_id: UUID) -> ExecutionPlan:
    """Lock and return a plan.

    Raises:
        NotFound: No such plan exists.
    """
    return lock_row(session, ExecutionPlan, plan_id)


def transition_plan(
    session: Session, plan: ExecutionPlan, status: PlanStatus, actor: str, *, reason: Reason | None = None
) -> None:
    """Change the status of a plan and record the reason."""
    change_plan(session, plan, Transition(status, actor), reason=reason)


def change_plan(
    session: Session, plan: ExecutionPlan, change: Transition[PlanStatus], *, reason: Reason | None = None
) -> None:
    """Change the status of a plan like `transition_plan`, with further facts for the audit event.

    No other function changes the status.
    """
    facts = {"number": plan.number, "digest": plan.tuple_digest, **change.data}
    if reason is not None:
        plan.reason, plan.reason_zh = reason.en, reason.zh
        facts["reason"] = reason.en
    session.add(plan)
    change = replace(change, organisation=plan.organisation_code, data=facts)
    transitions.transition(session, PLAN_LIFECYCLE, plan, change)


def save_artifact(
    session: Session, plan_id: UUID, bundle: bytes, plan_file: bytes | None, changes: dict[str, Any]
) -> None:
    """Store the encrypted bundle and plan file that the engine will run."""
    session.merge(PlanArtifact(plan_id=plan_id, bundle=bundle, plan_file=plan_file, changes=changes))
    session.flush()


def add_approval(session: Session, approval: Approval) -> None:
    """Store one decision; the database refuses a person who has another role in the plan."""
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
    """Lock and return a run.

    Raises:
        NotFound: No such run exists.
    """
    return lock_row(session, Run, run_id)


def begin_run(session: Session, run: Run, worker: str, token_hash: str) -> None:
    """Start a run on a worker. The token permits to read the state, and to write it while an apply runs."""
    run.started_at = run.started_at or now(session)
    run.attempt += 1
    run.worker = worker
    run.token_hash = token_hash
    transition_run(session, run, RunStatus.RUNNING, f"worker:{worker}")


def transition_run(
    session: Session, run: Run, status: RunStatus, actor: str, *, reason: Reason | None = None, **data: Any
) -> None:
    """Change the status of a run. A final status revokes its token and releases its state lock."""
    if reason is not None:
        run.reason, run.reason_zh = reason.en, reason.zh
        run.next_step, run.next_step_zh = reason.next_en, reason.next_zh
    session.add(run)
    transitions.transition(
        session,
        RUN_LIFECYCLE,
        run,
        Transition(status, actor=actor, organisation=run.organisation_code, data={"kind": run.kind, **data}),
    )
    if RUN_LIFECYCLE.is_final(status):
        _end(session, run)


def _end(session: Session, run: Run) -> None:
    run.finished_at = now(session)
    run.token_hash = None
    session.add(run)
    release_state_lock(session, run)


def release_state_lock(session: Session, run: Run) -> None:
    """Release the state lock of a run whose processes have ended."""
    held = session.get(StateLock, run.workspace_id)
    if held is not None and held.run_id == run.id:
        session.delete(held)
    session.flush()


def expire_plans(session: Session, instant: datetime) -> list[ExecutionPlan]:
    """Lock and return the waiting plans that have expired; plans locked by others are skipped."""
    statement = (
        select(ExecutionPlan)
        .where(col(ExecutionPlan.status).in_([PlanStatus.SUBMITTED, PlanStatus.APPROVED]))
        .where(col(ExecutionPlan.expires_at) <= instant)
        .with_for_update(skip_locked=True)
    )
    return list(session.exec(statement))


def take_state_lock(session: Session, run: Run, lock_id: str, info: dict[str, Any]) -> StateLock | None:
    """Lock the state for `run`; return the existing lock if there is one, else None."""
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


@dataclass(frozen=True)
class SealedState:
    """A version of a workspace's state: its header, the hash of the clear text, and the encrypted bytes."""

    header: StateHeader
    sha256: str
    data: bytes


def add_state_version(session: Session, run: Run, workspace: Workspace, state: SealedState) -> None:
    """Append a version of the state and store its serial with the workspace."""
    last = session.exec(
        select(func.max(StateVersion.version)).where(StateVersion.workspace_id == workspace.id)
    ).one()
    session.add(
        StateVersion(
            workspace_id=workspace.id,
            version=(last or 0) + 1,
            serial=state.header.serial,
            lineage=state.header.lineage,
            run_id=run.id,
            sha256=state.sha256,
            data=state.data,
            at=now(session),
        )
    )
    workspace.lineage, workspace.serial = state.header.lineage, state.header.serial
    session.add(workspace)
    session.flush()
