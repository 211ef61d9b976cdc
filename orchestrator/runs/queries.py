"""Reads of workspaces, plans, approvals, runs and logs."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlmodel import Session, col, select

from orchestrator.core.errors import NotFound
from orchestrator.core.plan_kinds import DELIVERY_KINDS, MIGRATION_KINDS, TERRAFORM_KINDS
from orchestrator.core.rows import get_row
from orchestrator.runs.kinds import RunKind
from orchestrator.runs.lifecycle import LIVE, PlanStatus, RunStatus
from orchestrator.runs.models import (
    Approval,
    ExecutionPlan,
    PlanArtifact,
    Run,
    RunLogChunk,
    StateLock,
    StateVersion,
    Workspace,
)


def plan(session: Session, plan_id: UUID) -> ExecutionPlan:
    """Return a plan.

    Raises:
        NotFound: No such plan exists.
    """
    return get_row(session, ExecutionPlan, plan_id)


def run(session: Session, run_id: UUID) -> Run:
    """Return a run.

    Raises:
        NotFound: No such run exists.
    """
    return get_row(session, Run, run_id)


def workspace(session: Session, workspace_id: UUID) -> Workspace:
    """Return a workspace.

    Raises:
        NotFound: No such workspace exists.
    """
    return get_row(session, Workspace, workspace_id)


def workspaces(session: Session, organisation: str | None = None) -> Sequence[Workspace]:
    """Return the workspaces that are not released, ordered by key."""
    statement = select(Workspace).where(col(Workspace.released_at).is_(None)).order_by(Workspace.key)
    if organisation is not None:
        statement = statement.where(Workspace.organisation_code == organisation)
    return session.exec(statement).all()


def artifact(session: Session, plan_id: UUID) -> PlanArtifact:
    """Return the encrypted bundle and plan file of a plan.

    Raises:
        NotFound: The plan has no recorded files.
    """
    return get_row(session, PlanArtifact, plan_id)


def live_plan(session: Session, request_id: UUID) -> ExecutionPlan | None:
    """Return the live plan of a request, or None."""
    statement = select(ExecutionPlan).where(
        ExecutionPlan.request_id == request_id,
        col(ExecutionPlan.status).in_(LIVE),
        col(ExecutionPlan.kind).not_in(MIGRATION_KINDS),
    )
    return session.exec(statement).one_or_none()


def plans_of(session: Session, request_id: UUID) -> Sequence[ExecutionPlan]:
    """Return all plans of a request, oldest first."""
    statement = select(ExecutionPlan).where(ExecutionPlan.request_id == request_id)
    return session.exec(statement.order_by(col(ExecutionPlan.created_at), ExecutionPlan.number)).all()


def plan_page(
    session: Session,
    statuses: Collection[PlanStatus],
    *,
    organisation: str | None = None,
    before: str | None = None,
    limit: int = 50,
) -> Sequence[ExecutionPlan]:
    """Return plans in these statuses, newest first; `before` is the last number of the previous page."""
    statement = select(ExecutionPlan).order_by(col(ExecutionPlan.number).desc()).limit(limit)
    if statuses:
        statement = statement.where(col(ExecutionPlan.status).in_(statuses))
    if organisation is not None:
        statement = statement.where(ExecutionPlan.organisation_code == organisation)
    if before is not None:
        statement = statement.where(ExecutionPlan.number < before)
    return session.exec(statement).all()


def approvals(session: Session, plan_id: UUID) -> Sequence[Approval]:
    """Return all decisions about a plan, oldest first."""
    statement = select(Approval).where(Approval.plan_id == plan_id)
    return session.exec(statement.order_by(col(Approval.at))).all()


def runs_of_plan(session: Session, plan_id: UUID) -> Sequence[Run]:
    """Return all runs of a plan, oldest first."""
    return session.exec(select(Run).where(Run.plan_id == plan_id).order_by(col(Run.created_at))).all()


def run_page(
    session: Session, *, organisation: str | None = None, before: UUID | None = None, limit: int = 50
) -> Sequence[Run]:
    """Return runs, newest first; `before` is the id of the last run of the previous page."""
    statement = select(Run).order_by(col(Run.created_at).desc(), col(Run.id).desc()).limit(limit)
    if organisation is not None:
        statement = statement.where(Run.organisation_code == organisation)
    if before is not None:
        last = run(session, before)
        statement = statement.where(
            (col(Run.created_at) < last.created_at)
            | ((col(Run.created_at) == last.created_at) & (col(Run.id) < before))
        )
    return session.exec(statement).all()


def active_runs(session: Session, organisation: str | None = None) -> Sequence[Run]:
    """Return the runs that have not ended, of one organisation or of all."""
    working = [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.VERIFYING]
    statement = select(Run).where(col(Run.status).in_(working))
    if organisation is not None:
        statement = statement.where(Run.organisation_code == organisation)
    return session.exec(statement).all()


def is_cancel_requested(session: Session, run_id: UUID) -> bool:
    """Return whether a person cancelled the run; polled several times a second while an engine runs."""
    return bool(session.exec(select(Run.cancel_requested).where(Run.id == run_id)).one_or_none())


def run_by_token(session: Session, digest: str) -> Run | None:
    """Return the active run whose token has this hash, or None."""
    return session.exec(select(Run).where(Run.token_hash == digest)).one_or_none()


def log_chunks(session: Session, run_id: UUID, after_line: int = 0) -> Sequence[RunLogChunk]:
    """Return the log chunks, starting with the chunk that contains line `after_line` + 1."""
    statement = select(RunLogChunk).where(RunLogChunk.run_id == run_id).order_by(col(RunLogChunk.seq))
    return [
        chunk
        for chunk in session.exec(statement)
        if chunk.first_line + chunk.text.count("\n") + 1 > after_line
    ]


def newest_state(session: Session, workspace_id: UUID) -> StateVersion | None:
    """Return the newest version of a workspace's state, or None."""
    statement = select(StateVersion).where(StateVersion.workspace_id == workspace_id)
    return session.exec(statement.order_by(col(StateVersion.version).desc()).limit(1)).first()


def state_lock(session: Session, workspace_id: UUID) -> StateLock | None:
    """Return the lock on a workspace's state, or None."""
    return session.get(StateLock, workspace_id)


def last_applied(
    session: Session, workspace_id: UUID, kinds: Collection[str] = DELIVERY_KINDS
) -> ExecutionPlan | None:
    """Return the newest plan of these kinds that was applied in a workspace, or None."""
    statement = (
        select(ExecutionPlan)
        .where(ExecutionPlan.workspace_id == workspace_id, col(ExecutionPlan.kind).in_(kinds))
        .where(ExecutionPlan.status == PlanStatus.APPLIED)
        .order_by(col(ExecutionPlan.status_at).desc())
        .limit(1)
    )
    return session.exec(statement).first()


def last_apply(session: Session, workspace_id: UUID) -> Run:
    """Return the newest Terraform apply run of a workspace.

    Raises:
        NotFound: No plan was ever applied in the workspace.
    """
    statement = (
        select(Run)
        .join(ExecutionPlan, col(ExecutionPlan.id) == col(Run.plan_id))
        .where(Run.workspace_id == workspace_id, Run.kind == RunKind.APPLY)
        .where(col(ExecutionPlan.kind).in_(TERRAFORM_KINDS))
        .order_by(col(Run.created_at).desc())
        .limit(1)
    )
    newest = session.exec(statement).first()
    if newest is None:
        raise NotFound
    return newest


def workspace_of_request(session: Session, request_id: UUID) -> Workspace:
    """Return the workspace of a provisioning request.

    Raises:
        NotFound: The request has no workspace yet.
    """
    workspace = session.exec(select(Workspace).where(Workspace.origin_request_id == request_id)).one_or_none()
    if workspace is None:
        raise NotFound
    return workspace
