"""Organisations, people, their identities, roles, tokens and sessions."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from orchestrator.core.db import document, id_field, instant, one_of
from orchestrator.departments.lifecycle import PersonStatus
from orchestrator.departments.permissions import Role


class OrganisationKind(StrEnum):
    """The kinds of organisations."""

    CITY_DEPT = "city_dept"
    CITY_UNIT = "city_unit"
    COUNTY = "county"
    COMMITTEE = "committee"
    COUNTY_INFORMATIZATION = "county_informatization"
    VERTICAL = "vertical"
    PROVIDER = "provider"
    AUTHORITY = "authority"


class Organisation(SQLModel, table=True):
    """A body that asks, reviews, funds or executes."""

    __tablename__ = "organisations"
    __table_args__ = (one_of("kind", OrganisationKind),)

    code: str = Field(primary_key=True)
    name_zh: str
    name_en: str
    kind: str
    parent_code: str | None = Field(default=None, foreign_key="organisations.code")


class AccessLink(SQLModel, table=True):
    """An organisation's line to the data centre (clause 1)."""

    __tablename__ = "access_links"

    organisation_code: str = Field(primary_key=True, foreign_key="organisations.code")
    mbps: int


class Person(SQLModel, table=True):
    """A human being; separation of duties compares persons, never identities."""

    __tablename__ = "persons"
    __table_args__ = (one_of("language", ("zh", "en")), one_of("status", PersonStatus))

    id: UUID = id_field()
    username: str = Field(unique=True)
    name_zh: str
    name_en: str
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    status: str = PersonStatus.ACTIVE
    status_at: datetime = instant()
    version: int = 1
    language: str = "zh"

    @property
    def is_active(self) -> bool:
        """Return whether the person can act."""
        return self.status == PersonStatus.ACTIVE


class Identity(SQLModel, table=True):
    """One way in which a person signs in: a local account or a service account."""

    __tablename__ = "identities"
    __table_args__ = (one_of("kind", ("local", "oidc", "service")), UniqueConstraint("kind", "subject"))

    id: UUID = id_field()
    person_id: UUID = Field(foreign_key="persons.id", index=True)
    kind: str
    subject: str
    password_hash: str | None = None
    failed_attempts: int = 0
    locked_until: datetime | None = instant(nullable=True)


class RoleGrant(SQLModel, table=True):
    """A role of a person during a period, `[valid_from, valid_to)`."""

    __tablename__ = "role_grants"
    __table_args__ = (
        one_of("role", Role),
        UniqueConstraint("person_id", "role", "valid_from"),
        CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="period_forward"),
    )

    id: UUID = id_field()
    person_id: UUID = Field(foreign_key="persons.id", index=True)
    role: str
    valid_from: date
    valid_to: date | None = None


class OfficerFiling(SQLModel, table=True):
    """The filing of a department's information officer (clause 13): at most one is current."""

    __tablename__ = "officer_filings"
    __table_args__ = (
        one_of("status", ("current", "superseded", "lapsed")),
        Index(
            "uq_officer_filings_current",
            "organisation_code",
            unique=True,
            postgresql_where=sql("status = 'current'"),
        ),
    )

    id: UUID = id_field()
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    person_id: UUID | None = Field(default=None, foreign_key="persons.id")
    year: int
    filed_on: date
    status: str = "current"


class ApiToken(SQLModel, table=True):
    """A personal token: only its hash is stored."""

    __tablename__ = "api_tokens"

    id: UUID = id_field()
    person_id: UUID = Field(foreign_key="persons.id", index=True)
    name: str
    token_hash: str = Field(unique=True)
    scopes: list[str] = document(list)
    created_at: datetime = instant()
    expires_at: datetime = instant()
    revoked_at: datetime | None = instant(nullable=True)
    last_used_at: datetime | None = instant(nullable=True)


class WebSession(SQLModel, table=True):
    """A signed-in browser; ends by sign-out, by idleness or at its latest instant."""

    __tablename__ = "web_sessions"

    id: UUID = id_field()
    person_id: UUID = Field(foreign_key="persons.id", index=True)
    token_hash: str = Field(unique=True)
    created_at: datetime = instant()
    last_seen_at: datetime = instant()
    expires_at: datetime = instant()
    ended_at: datetime | None = instant(nullable=True)
