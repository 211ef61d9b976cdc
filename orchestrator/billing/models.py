"""What is billed: usage of a resource and SKU on half-open ranges of Asia/Shanghai days."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Column, Numeric, String
from sqlalchemy.dialects.postgresql import DATERANGE, ExcludeConstraint
from sqlmodel import Field, SQLModel

from orchestrator.core.db import id_field, one_of


class UsageInterval(SQLModel, table=True):
    """One quantity of one SKU during `days`; two of the same resource and SKU never overlap (invariant 4)."""

    __tablename__ = "usage_intervals"
    __table_args__ = (
        one_of("billing_state", ("active", "suspended", "waived")),
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
    sku_code: str = Field(foreign_key="skus.code")
    quantity: Decimal = Field(sa_column=Column(Numeric(18, 6), nullable=False))
    billing_state: str = "active"
    days: Any = Field(sa_column=Column(DATERANGE, nullable=False))
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
