"""Resources of departments in a cloud, and cases of drift."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from orchestrator.core.db import document, id_field, instant, one_of
from orchestrator.resources.lifecycle import DriftStatus, ResourceStatus


class Resource(SQLModel, table=True):
    """One object of a workspace; `address` is its logical name, ``instance/web-2``."""

    __tablename__ = "resources"
    __table_args__ = (
        one_of("status", ResourceStatus),
        Index(
            "uq_resources_address",
            "workspace_id",
            "address",
            unique=True,
            postgresql_where=sql("status <> 'released'"),
        ),
    )

    id: UUID = id_field()
    workspace_id: UUID = Field(foreign_key="workspaces.id", index=True)
    address: str
    kind: str
    request_id: UUID = Field(foreign_key="resource_requests.id", index=True)
    plan_id: UUID = Field(foreign_key="execution_plans.id")
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    system_code: str | None = Field(default=None, foreign_key="systems.code")
    status: str = ResourceStatus.PROVISIONING
    status_at: datetime = instant()
    version: int = 1
    spec: dict[str, Any] = document(dict)
    cloud_id: str | None = None
    ip_address: str | None = None
    connection: dict[str, Any] = document(dict)
    created_at: datetime = instant()
    trial_ends_on: date | None = None
    opened_on: date | None = None
    released_on: date | None = None
    drift: dict[str, Any] = document(dict)


class DriftCase(SQLModel, table=True):
    """A difference between state and reality that a person has to decide about."""

    __tablename__ = "drift_cases"
    __table_args__ = (
        one_of("status", DriftStatus),
        Index("uq_drift_cases_open", "workspace_id", unique=True, postgresql_where=sql("status = 'open'")),
    )

    id: UUID = id_field()
    workspace_id: UUID = Field(foreign_key="workspaces.id", index=True)
    run_id: UUID = Field(foreign_key="runs.id")
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    status: str = DriftStatus.OPEN
    opened_at: datetime = instant()
    closed_at: datetime | None = instant(nullable=True)
    findings: list[dict[str, Any]] = document(list)
