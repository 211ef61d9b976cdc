"""Usage events and intervals, terms of prices, and statements with lines and movement."""

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
    UniqueConstraint,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import DATERANGE, JSONB, ExcludeConstraint
from sqlmodel import Field, SQLModel

from orchestrator.billing.intervals import NOT_BILLED, EventKind
from orchestrator.billing.lifecycle import StatementStatus
from orchestrator.billing.rating import BillingState, LineKind
from orchestrator.core.db import id_field, instant, one_of


class MeteredResource(SQLModel, table=True):
    """Facts about a resource that statements show, as they were when its billing began; never changed."""

    __tablename__ = "metered_resources"

    resource_id: UUID = Field(primary_key=True, foreign_key="resources.id")
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    system_code: str | None = Field(default=None, foreign_key="systems.code")
    zone: str
    address: str


class UsageEvent(SQLModel, table=True):
    """A change of the billing of a resource from `day` on; never changed or deleted.

    `billing_state` None leaves the state as it is, ``none`` ends billing; `skus` None leaves SKUs and
    quantities as they are. `at` is the instant that orders events of one day.
    """

    __tablename__ = "usage_events"
    __table_args__ = (
        one_of("kind", EventKind),
        one_of("billing_state", (*BillingState, NOT_BILLED)),
        CheckConstraint("billing_state IS NOT NULL OR skus IS NOT NULL", name="says_something"),
        # A run whose result is recorded twice, because a worker died in between, records each event once.
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
        one_of("billing_state", BillingState),
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
    billing_state: str = BillingState.ACTIVE
    days: Any = Field(sa_column=Column(DATERANGE, nullable=False))
    event_seq: int = Field(sa_column=Column(BigInteger, ForeignKey("usage_events.seq"), nullable=False))
    run_id: UUID = Field(foreign_key="runs.id")
    state_serial: int = Field(sa_column=Column(BigInteger, nullable=False))


class PriceTerms(SQLModel, table=True):
    """One row, whose token the database renews whenever a price, a discount or a payer split changes."""

    __tablename__ = "price_terms"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: int = Field(default=1, primary_key=True)
    token: UUID


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


class UsageStatement(SQLModel, table=True):
    """Usage of one department in one month, with its cost (用量确认单).

    An upheld dispute ends it and makes the next `revision`; the old one is kept. Triggers refuse every change
    of an issued statement, except of status and persons.
    """

    __tablename__ = "usage_statements"
    __table_args__ = (
        one_of("status", StatementStatus),
        UniqueConstraint("organisation_code", "month", "revision"),
        CheckConstraint("extract(day FROM month) = 1", name="month_begins"),
        CheckConstraint("(status IN ('open', 'metered')) = (number IS NULL)", name="numbered_when_issued"),
        CheckConstraint("(status = 'open') = (event_seq IS NULL)", name="metered_up_to_an_event"),
        CheckConstraint("verified_by_id <> confirmed_by_id", name="confirmed_by_another_person"),
        CheckConstraint(
            "decided_by_id <> verified_by_id AND decided_by_id <> disputed_by_id"
            " AND decided_by_id <> confirmed_by_id",
            name="decided_by_another_person",
        ),
        Index(
            "uq_usage_statements_current",
            "organisation_code",
            "month",
            unique=True,
            postgresql_where=sql("status <> 'upheld'"),
        ),
    )

    id: UUID = id_field()
    organisation_code: str = Field(foreign_key="organisations.code")
    month: date = Field(index=True)
    revision: int = 1
    replaces_id: UUID | None = Field(default=None, foreign_key="usage_statements.id")
    number: str | None = Field(default=None, unique=True)
    status: str = StatementStatus.OPEN
    status_at: datetime = instant()
    version: int = 1
    event_seq: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    line_count: int = 0
    total_fen: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    issued_on: date | None = None
    answer_due: date | None = None
    digest: str | None = None
    verified_by_id: UUID | None = Field(default=None, foreign_key="persons.id")
    confirmed_by_id: UUID | None = Field(default=None, foreign_key="persons.id")
    confirmed_on: date | None = None
    disputed_by_id: UUID | None = Field(default=None, foreign_key="persons.id")
    dispute_reason: str | None = None
    decided_by_id: UUID | None = Field(default=None, foreign_key="persons.id")
    decision_reason: str | None = None


LARGEST_POSITION = 2**63 - 1
"""The largest position that a line can have."""


class StatementLine(SQLModel, table=True):
    """One rounded line. A counter-line turns the sign of a line that was stated for an earlier `month`.

    A month has a million lines. They have no foreign keys, because they are written from usage that has them;
    a trigger refuses to insert or delete lines of a statement that is not open.
    """

    __tablename__ = "statement_lines"
    __table_args__ = (
        one_of("kind", LineKind),
        CheckConstraint(
            "CASE kind WHEN 'counter' THEN amount_fen <= 0 ELSE amount_fen >= 0 END", name="sign"
        ),
        CheckConstraint(
            "(kind = 'counter') = (reverses_statement_id IS NOT NULL)", name="counter_names_line"
        ),
        Index("ix_statement_lines_corrections", "month", postgresql_where=sql("kind <> 'ordinary'")),
    )

    statement_id: UUID = Field(primary_key=True)
    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    kind: str
    month: date
    resource_id: UUID
    sku_code: str
    quantity: Decimal = Field(sa_column=Column(Numeric(18, 6), nullable=False))
    billing_state: str
    catalogue_code: str
    price_fen: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    percent: int | None = None
    vcpu: Decimal | None = Field(default=None, sa_column=Column(Numeric(18, 6), nullable=True))
    memory_gb: Decimal | None = Field(default=None, sa_column=Column(Numeric(18, 6), nullable=True))
    discount: Decimal = Field(sa_column=Column(Numeric(5, 2), nullable=False))
    starts: date
    ends: date
    month_days: int
    amount_fen: int = Field(sa_column=Column(BigInteger, nullable=False))
    payers: list[str] = Field(sa_column=Column(ARRAY(String), nullable=False))
    shares_fen: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False))
    run_id: UUID
    reverses_statement_id: UUID | None = None
    reverses_position: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))


class SkuMovement(SQLModel, table=True):
    """Movement of the billed quantity of one SKU in the month of a statement; it balances (invariant 7)."""

    __tablename__ = "sku_movements"
    __table_args__ = (
        CheckConstraint("opening + increases - decreases = closing", name="balances"),
        CheckConstraint("increases >= 0 AND decreases >= 0", name="not_negative"),
    )

    statement_id: UUID = Field(primary_key=True, foreign_key="usage_statements.id")
    sku_code: str = Field(primary_key=True, foreign_key="skus.code")
    opening: Decimal = Field(sa_column=Column(Numeric(20, 6), nullable=False))
    increases: Decimal = Field(sa_column=Column(Numeric(20, 6), nullable=False))
    decreases: Decimal = Field(sa_column=Column(Numeric(20, 6), nullable=False))
    closing: Decimal = Field(sa_column=Column(Numeric(20, 6), nullable=False))


class ConsideredCorrection(SQLModel, table=True):
    """Marks that a statement has compared an earlier month with all events up to `event_seq`."""

    __tablename__ = "considered_corrections"

    statement_id: UUID = Field(primary_key=True, foreign_key="usage_statements.id")
    month: date = Field(primary_key=True)
    event_seq: int = Field(sa_column=Column(BigInteger, nullable=False))
