"""What is billed: usage of a resource and SKU on half-open ranges of Asia/Shanghai days."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, Numeric
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
