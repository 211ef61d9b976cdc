"""Workspaces, execution plans, approvals, runs, and the state files of Terraform."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from orchestrator.core.db import document, id_field, instant, one_of
from orchestrator.core.plan_kinds import PlanKind
from orchestrator.runs.kinds import Decision, RunKind
from orchestrator.runs.lifecycle import PlanStatus, RunStatus


class Workspace(SQLModel, table=True):
    """One Terraform state: the resources that one provisioning request created."""

    __tablename__ = "workspaces"
    __table_args__ = (CheckConstraint("key ~ '^[a-z][a-z0-9-]{0,39}$'", name="key_is_plain"),)

    id: UUID = id_field()
    key: str = Field(unique=True)
    cloud: str
    zone: str
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    system_code: str | None = Field(default=None, foreign_key="systems.code")
    origin_request_id: UUID = Field(
        sa_column=Column(ForeignKey("resource_requests.id", use_alter=True), nullable=False, unique=True)
    )
    created_at: datetime = instant()
    released_at: datetime | None = instant(nullable=True)
    lineage: str = ""
    serial: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))


class ExecutionPlan(SQLModel, table=True):
    """A plan that is approved and run once: every member of the approved tuple is a column.

    The persons are columns so that their distinctness is a database constraint (invariant 20); the
    approvers are compared by the trigger `approvals_distinct_persons`.
    """

    __tablename__ = "execution_plans"
    __table_args__ = (
        one_of("kind", PlanKind),
        one_of("status", PlanStatus),
        CheckConstraint(
            "author_id <> requester_id AND author_id <> endorser_id", name="author_is_another_person"
        ),
        CheckConstraint(
            "applier_id <> requester_id AND applier_id <> endorser_id AND applier_id <> author_id",
            name="applier_is_another_person",
        ),
        Index(
            "uq_execution_plans_live",
            "request_id",
            unique=True,
            postgresql_where=sql(
                "status IN ('generated','checked','submitted','approved','applying','verifying','failed')"
                " AND kind IN ('provision','change','release','undo','baseline')"
            ),
        ),
    )

    id: UUID = id_field()
    number: str = Field(unique=True)
    kind: str
    request_id: UUID = Field(foreign_key="resource_requests.id", index=True)
    workspace_id: UUID = Field(foreign_key="workspaces.id", index=True)
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    status: str = PlanStatus.GENERATED
    status_at: datetime = instant()
    version: int = 1
    reason: str | None = None
    reason_zh: str | None = None
    created_at: datetime = instant()
    expires_at: datetime | None = instant(nullable=True)
    requester_id: UUID = Field(foreign_key="persons.id")
    endorser_id: UUID | None = Field(default=None, foreign_key="persons.id")
    author_id: UUID = Field(foreign_key="persons.id")
    applier_id: UUID | None = Field(default=None, foreign_key="persons.id")
    required_approvals: list[str] = document(list)
    tuple_digest: str | None = None
    members: dict[str, Any] = document(dict)
    summary: dict[str, Any] = document(dict)
    findings: list[dict[str, Any]] = document(list)
    monthly_fen: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    catalogue_code: str | None = None


class PlanArtifact(SQLModel, table=True):
    """The bytes of a plan, encrypted: the rendered bundle (tar) and Terraform's plan file."""

    __tablename__ = "plan_artifacts"

    plan_id: UUID = Field(primary_key=True, foreign_key="execution_plans.id")
    bundle: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    plan_file: bytes | None = Field(default=None, sa_column=Column(LargeBinary, nullable=True))
    changes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSONB, nullable=False))


class Approval(SQLModel, table=True):
    """One decision of one person about the digest that the page showed."""

    __tablename__ = "approvals"
    __table_args__ = (
        one_of("decision", Decision),
        UniqueConstraint("plan_id", "approver_id"),
    )

    id: UUID = id_field()
    plan_id: UUID = Field(foreign_key="execution_plans.id", index=True)
    role: str
    approver_id: UUID = Field(foreign_key="persons.id")
    decision: str
    digest: str
    reason: str | None = None
    at: datetime = instant()


class Run(SQLModel, table=True):
    """One execution of an engine. At most one run is active in a workspace."""

    __tablename__ = "runs"
    __table_args__ = (
        one_of("kind", RunKind),
        one_of("status", RunStatus),
        Index(
            "uq_runs_one_active",
            "workspace_id",
            unique=True,
            postgresql_where=sql("status IN ('running','verifying')"),
        ),
        Index(
            "uq_runs_apply_once",
            "plan_id",
            unique=True,
            postgresql_where=sql("kind = 'apply' AND status <> 'cancelled'"),
        ),
    )

    id: UUID = id_field()
    kind: str
    workspace_id: UUID = Field(foreign_key="workspaces.id", index=True)
    plan_id: UUID | None = Field(default=None, foreign_key="execution_plans.id", index=True)
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    status: str = RunStatus.QUEUED
    status_at: datetime = instant()
    version: int = 1
    started_by: UUID | None = Field(default=None, foreign_key="persons.id")
    created_at: datetime = instant()
    started_at: datetime | None = instant(nullable=True)
    finished_at: datetime | None = instant(nullable=True)
    attempt: int = 0
    worker: str | None = None
    job_id: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    token_hash: str | None = Field(default=None, index=True)
    cancel_requested: bool = False
    exit_code: int | None = None
    reason: str | None = None
    reason_zh: str | None = None
    next_step: str | None = None
    next_step_zh: str | None = None
    outcome: dict[str, Any] = document(dict)


class RunLogChunk(SQLModel, table=True):
    """Consecutive lines of a run's log."""

    __tablename__ = "run_log_chunks"

    run_id: UUID = Field(primary_key=True)
    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    first_line: int = Field(sa_column=Column(BigInteger, nullable=False))
    text: str
    at: datetime = instant()


class StateVersion(SQLModel, table=True):
    """One version of a workspace's Terraform state, encrypted; versions are never changed."""

    __tablename__ = "state_versions"
    __table_args__ = (UniqueConstraint("workspace_id", "version"),)

    id: UUID = id_field()
    workspace_id: UUID = Field(foreign_key="workspaces.id", index=True)
    version: int = Field(sa_column=Column(BigInteger, nullable=False))
    serial: int = Field(sa_column=Column(BigInteger, nullable=False))
    lineage: str
    run_id: UUID = Field(foreign_key="runs.id")
    sha256: str
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    at: datetime = instant()


class StateLock(SQLModel, table=True):
    """Terraform's lock on a state, owned by the run whose token took it."""

    __tablename__ = "state_locks"

    workspace_id: UUID = Field(primary_key=True, foreign_key="workspaces.id")
    run_id: UUID = Field(foreign_key="runs.id")
    lock_id: str
    info: dict[str, Any] = document(dict)
    at: datetime = instant()
