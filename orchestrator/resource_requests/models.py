"""Tables of resource requests, their lines and their comments."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from orchestrator.core.db import document, id_field, instant, one_of
from orchestrator.core.zone_classes import ZoneClass
from orchestrator.resource_requests.kinds import RequestKind
from orchestrator.resource_requests.lifecycle import RequestStatus


class ResourceRequest(SQLModel, table=True):
    """A request with its quote and the rule results of its last submission.

    The endorser is another person than the requester, unless the information officer filed the request
    (domain §2.15). The CHECK holds for administrators too.
    """

    __tablename__ = "resource_requests"
    __table_args__ = (
        one_of("kind", RequestKind),
        one_of("status", RequestStatus),
        one_of("zone_class", ZoneClass),
        CheckConstraint("endorser_id <> requester_id OR filed_by_officer", name="endorser_is_another_person"),
        CheckConstraint(
            "reviewer_id <> requester_id AND reviewer_id <> endorser_id", name="reviewer_is_another_person"
        ),
        CheckConstraint("(kind = 'provision') = (target_workspace_id IS NULL)", name="change_has_a_target"),
    )

    id: UUID = id_field()
    number: str = Field(unique=True)
    kind: str = RequestKind.PROVISION
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    system_code: str | None = Field(default=None, foreign_key="systems.code")
    zone_class: str = ZoneClass.PRODUCTION
    target_workspace_id: UUID | None = Field(default=None, foreign_key="workspaces.id")
    title: str
    justification: str
    status: str = RequestStatus.DRAFT
    status_at: datetime = instant()
    version: int = 1
    requester_id: UUID = Field(foreign_key="persons.id", index=True)
    endorser_id: UUID | None = Field(default=None, foreign_key="persons.id")
    reviewer_id: UUID | None = Field(default=None, foreign_key="persons.id")
    filed_by_officer: bool = False
    created_at: datetime = instant()
    submitted_at: datetime | None = instant(nullable=True)
    reason: str | None = None
    catalogue_code: str | None = Field(default=None, foreign_key="price_catalogues.code")
    monthly_fen: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    year_fen: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    quote: dict[str, Any] = document(dict)
    judgement: list[dict[str, Any]] = document(list)


class RequestLine(SQLModel, table=True):
    """`count` equal hosts with disk, backup and services; `key` becomes part of their addresses."""

    __tablename__ = "request_lines"
    __table_args__ = (
        UniqueConstraint("request_id", "position"),
        UniqueConstraint("request_id", "key"),
        CheckConstraint("count BETWEEN 1 AND 200", name="count_sensible"),
        CheckConstraint(
            "vcpu > 0 AND memory_gb > 0 AND disk_gb >= 0 AND backup_gb >= 0", name="sizes_sensible"
        ),
        CheckConstraint("key ~ '^[a-z][a-z0-9-]{0,23}$'", name="key_is_plain"),
    )

    id: UUID = id_field()
    request_id: UUID = Field(foreign_key="resource_requests.id", index=True)
    position: int
    key: str
    label: str
    purpose: str
    pool_code: str = Field(foreign_key="resource_pools.code")
    image: str
    count: int = 1
    vcpu: int
    memory_gb: int
    disk_gb: int
    disk_tier: str = "SSD"
    backup_gb: int = 0
    host_services: list[str] = document(list)
    ports: list[int] = document(list)


class RequestComment(SQLModel, table=True):
    """The reason given by a person who returned, refused, declined or rejected a request."""

    __tablename__ = "request_comments"

    id: UUID = id_field()
    request_id: UUID = Field(foreign_key="resource_requests.id", index=True)
    person_id: UUID = Field(foreign_key="persons.id")
    at: datetime = instant()
    act: str
    text: str
