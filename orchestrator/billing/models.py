"""What is billed: events, usage of a resource and SKU on half-open ranges of days, and terms of prices."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    String,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import DATERANGE, JSONB, ExcludeConstraint
from sqlmodel import Field, SQLModel

from orchestrator.billing.intervals import EVENT_KINDS, NOT_BILLED
from orchestrator.billing.rating import BILLED_STATES
from orchestrator.core.db import id_field, instant, one_of


class MeteredResource(SQLModel, table=True):
    """What statements say about a resource, as it was when its billing first began; never changed."""

    __tablename__ = "metered_resources"

    resource_id: UUID = Field(primary_key=True, foreign_key="resources.id")
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    system_code: str | None = Field(default=None, foreign_key="systems.code")
    zone: str
    address: str


class UsageEvent(SQLModel, table=True):
    """Something that changes what a resource is billed for, from `day` on; never changed or deleted.

    `billing_state` None leaves the state as it is, ``none`` ends billing; `skus` None leaves SKUs and
    quantities as they are. `at` is the instant that orders events of one day.
    """

    __tablename__ = "usage_events"
    __table_args__ = (
        one_of("kind", EVENT_KINDS),
        one_of("billing_state", (*BILLED_STATES, NOT_BILLED)),
        CheckConstraint("billing_state IS NOT NULL OR skus IS NOT NULL", name="says_something"),
        # A run that is settled twice, because a worker died in between, tells its story once.
        Index(
            "uq_usage_events_once_a_run",
            "resource_id",
            "run_id",
            "kind",
            unique=True,
            postgresql_where=sql("kind IN ('opened', 'resized', 'released')"),
        ),
        Index("ix_usage_events_resource", "resource_id", "day", "at", "seq"),
    )

    seq: int | None = Field(
        default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True)
    )
    resource_id: UUID = Field(foreign_key="metered_resources.resource_id")
    kind: str
    day: date
    at: datetime = instant()
    billing_state: str | None = None
    skus: list[dict[str, Any]] | None = Field(
        default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True)
    )
    run_id: UUID = Field(foreign_key="runs.id")
    state_serial: int = Field(sa_column=Column(BigInteger, nullable=False))
    actor: str
    reason: str | None = None


class UsageInterval(SQLModel, table=True):
    """One quantity of one SKU during `days`; two of the same resource and SKU never overlap (invariant 4).

    Intervals follow from the events of their resource, and are what is rated; `event_seq` is the event
    with which this one began, and `run_id` with `state_serial` the apply behind its quantity.
    """

    __tablename__ = "usage_intervals"
    __table_args__ = (
        one_of("billing_state", BILLED_STATES),
        CheckConstraint("quantity >= 0", name="quantity_not_negative"),
        CheckConstraint(
            "NOT isempty(days) AND lower_inc(days) AND NOT upper_inc(days)", name="days_half_open"
        ),
        ExcludeConstraint(
            ("resource_id", "="),
            ("sku_code", "="),
            ("days", "&&"),
            using="gist",
            name="ex_usage_intervals_no_overlap",
        ),
    )

    id: UUID = id_field()
    resource_id: UUID = Field(foreign_key="resources.id", index=True)
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    sku_code: str = Field(foreign_key="skus.code")
    quantity: Decimal = Field(sa_column=Column(Numeric(18, 6), nullable=False))
    spec_arch: str = ""
    spec_vcpu: Decimal | None = Field(default=None, sa_column=Column(Numeric(18, 6), nullable=True))
    spec_memory_gb: Decimal | None = Field(default=None, sa_column=Column(Numeric(18, 6), nullable=True))
    billing_state: str = "active"
    days: Any = Field(sa_column=Column(DATERANGE, nullable=False))
    event_seq: int = Field(sa_column=Column(BigInteger, ForeignKey("usage_events.seq"), nullable=False))
    run_id: UUID = Field(foreign_key="runs.id")
    state_serial: int = Field(sa_column=Column(BigInteger, nullable=False))


class Discount(SQLModel, table=True):
    """A percentage off the price of one SKU for one department; at most one on a day."""

    __tablename__ = "billing_discounts"
    __table_args__ = (
        CheckConstraint("percent BETWEEN 0 AND 100", name="percent_known"),
        CheckConstraint("NOT isempty(days) AND NOT lower_inf(days)", name="days_begin"),
        ExcludeConstraint(
            ("organisation_code", "="),
            ("sku_code", "="),
            ("days", "&&"),
            using="gist",
            name="ex_billing_discounts_one_a_day",
        ),
    )

    id: UUID = id_field()
    organisation_code: str = Field(foreign_key="organisations.code")
    sku_code: str = Field(foreign_key="skus.code")
    percent: Decimal = Field(sa_column=Column(Numeric(5, 2), nullable=False))
    days: Any = Field(sa_column=Column(DATERANGE, nullable=False))


class PayerSplit(SQLModel, table=True):
    """Who pays which percentage of one SKU for one department; `percents` are those of `payers`, in order."""

    __tablename__ = "billing_payer_splits"
    __table_args__ = (
        CheckConstraint("cardinality(payers) = cardinality(percents)", name="a_percentage_each"),
        CheckConstraint("0 <= ALL (percents)", name="percents_not_negative"),
        CheckConstraint("NOT isempty(days) AND NOT lower_inf(days)", name="days_begin"),
        ExcludeConstraint(
            ("organisation_code", "="),
            ("sku_code", "="),
            ("days", "&&"),
            using="gist",
            name="ex_billing_payer_splits_one_a_day",
        ),
    )

    id: UUID = id_field()
    organisation_code: str = Field(foreign_key="organisations.code")
    sku_code: str = Field(foreign_key="skus.code")
    payers: list[str] = Field(sa_column=Column(ARRAY(String), nullable=False))
    percents: list[Decimal] = Field(sa_column=Column(ARRAY(Numeric(5, 2)), nullable=False))
    days: Any = Field(sa_column=Column(DATERANGE, nullable=False))
