"""Migrations, the execution plans that carry them out, and every switch from one side to the other."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from orchestrator.core.db import document, id_field, instant, one_of
from orchestrator.core.plan_kinds import MIGRATION_KINDS
from orchestrator.migrations.kinds import Direction, Side, SwitchOutcome
from orchestrator.migrations.lifecycle import MigrationStatus


class Migration(SQLModel, table=True):
    """One system on its way from a legacy host to hosts that a request has provisioned.

    `serving_side` is the recorded one; after a crash both hosts are read and the record is corrected.
    """

    __tablename__ = "migrations"
    __table_args__ = (
        one_of("status", MigrationStatus),
        one_of("serving_side", Side),
        Index(
            "uq_migrations_live",
            "request_id",
            unique=True,
            postgresql_where=sql("status NOT IN ('aborted','legacy_retired')"),
        ),
    )

    id: UUID = id_field()
    number: str = Field(unique=True)
    plan_key: str
    plan_digest: str
    plan_document: dict[str, Any] = document(dict)
    title: str
    system_code: str = Field(foreign_key="systems.code")
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    request_id: UUID = Field(foreign_key="resource_requests.id", index=True)
    workspace_id: UUID | None = Field(default=None, foreign_key="workspaces.id")
    registered_by: UUID = Field(foreign_key="persons.id")
    status: str = MigrationStatus.REGISTERED
    status_at: datetime = instant()
    version: int = 1
    created_at: datetime = instant()
    reason: str | None = None
    reason_zh: str | None = None
    next_step: str | None = None
    next_step_zh: str | None = None
    serving_side: str = Side.SOURCE
    serving_address: str | None = None
    source_host: dict[str, Any] = document(dict)
    target_host: dict[str, Any] = document(dict)
    names_host: dict[str, Any] = document(dict)
    preflight: dict[str, Any] = document(dict)
    progress: dict[str, Any] = document(dict)
    billing: dict[str, Any] = document(dict)
    trial_since: date | None = None
    retirement: dict[str, Any] = document(dict)


class MigrationAct(SQLModel, table=True):
    """The link between an execution plan and its migration, with its purpose."""

    __tablename__ = "migration_acts"
    __table_args__ = (one_of("act", MIGRATION_KINDS),)

    plan_id: UUID = Field(primary_key=True, foreign_key="execution_plans.id")
    migration_id: UUID = Field(foreign_key="migrations.id", index=True)
    act: str
    round: int = 0


class MigrationSwitch(SQLModel, table=True):
    """One switch in either direction: addresses before and after, pause, proof.

    `fenced_ms` is how long no side accepted a write, as the script on the hosts saw it; `pause_ms` and
    `pause_at_fence_ms` are what clients measured. `proof_digest` is over the reports of both sides.
    """

    __tablename__ = "migration_switches"
    __table_args__ = (
        one_of("direction", Direction),
        one_of("outcome", SwitchOutcome),
        UniqueConstraint("migration_id", "number"),
        CheckConstraint("proof_equal IS NULL OR proof_digest IS NOT NULL", name="proof_has_digest"),
        Index(
            "uq_migration_switches_one_under_way",
            "migration_id",
            unique=True,
            postgresql_where=sql("outcome IN ('under_way','unknown')"),
        ),
    )

    id: UUID = id_field()
    migration_id: UUID = Field(sa_column=Column(ForeignKey("migrations.id"), nullable=False, index=True))
    number: int
    direction: str
    automatic: bool = False
    plan_id: UUID = Field(foreign_key="execution_plans.id")
    run_id: UUID = Field(foreign_key="runs.id")
    outcome: str = SwitchOutcome.UNDER_WAY
    began_at: datetime = instant()
    from_address: str
    to_address: str
    switch_key: str | None = None
    fenced_at: datetime | None = instant(nullable=True)
    opened_at: datetime | None = instant(nullable=True)
    marks: dict[str, Any] = document(dict)
    fenced_ms: float | None = None
    name_switched: bool = False
    pause_ms: float | None = None
    pause_at_fence_ms: float | None = None
    billing: dict[str, Any] = document(dict)
    reason: str | None = None
    reason_zh: str | None = None
    proof: dict[str, Any] = document(dict)
    proof_digest: str | None = None
    proof_equal: bool | None = None
    followed_at: datetime | None = instant(nullable=True)
