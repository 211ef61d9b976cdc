"""Limits, pools and budget lines, and the amounts that live requests hold.

Words of quota: limit, held, committed. Words of budget: appropriated, free, held, committed, spent.
The CHECKs repeat invariants 1, 2 and 9 of the domain, so that no program error can oversell.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from orchestrator.core.db import id_field, instant, one_of
from orchestrator.core.zone_classes import ZoneClass
from orchestrator.quotas.arithmetic import Counter


class ResourceClass(StrEnum):
    """The kinds of amounts that quotas and pools count."""

    VCPU = "vcpu"
    MEMORY_GB = "memory_gb"
    BLOCK_GB = "block_gb"


class Payer(StrEnum):
    """Who pays: the department, or the city's central budget."""

    DEPARTMENT = "department"
    CENTRAL = "central"


class BudgetState(StrEnum):
    """Status of a budget line."""

    PROVISIONAL = "provisional"
    APPROVED = "approved"
    CLOSED = "closed"


class QuotaLimit(SQLModel, table=True):
    """Limit of one organisation for one resource class, over all zones of a zone class."""

    __tablename__ = "quota_limits"
    __table_args__ = (
        one_of("zone_class", ZoneClass),
        one_of("resource_class", ResourceClass),
        CheckConstraint("held >= 0 AND committed >= 0", name="amounts_not_negative"),
        CheckConstraint("held + committed <= amount", name="never_oversold"),
    )

    organisation_code: str = Field(primary_key=True, foreign_key="organisations.code")
    zone_class: str = Field(primary_key=True)
    resource_class: str = Field(primary_key=True)
    amount: int
    held: int = 0
    committed: int = 0


class ResourcePool(SQLModel, table=True):
    """Capacity of one zone and architecture."""

    __tablename__ = "resource_pools"

    code: str = Field(primary_key=True)
    name_zh: str
    name_en: str
    zone: str
    arch: str
    overcommit_percent: int
    warn_at_percent: int
    free: bool = False
    expiry_days: int | None = None


class PoolCapacity(SQLModel, table=True):
    """One resource class of a pool; `allocatable` is capacity × overcommit, rounded down."""

    __tablename__ = "pool_capacities"
    __table_args__ = (
        one_of("resource_class", ResourceClass),
        CheckConstraint("held >= 0 AND committed >= 0", name="amounts_not_negative"),
        CheckConstraint("held + committed <= allocatable", name="never_oversold"),
    )

    pool_code: str = Field(primary_key=True, foreign_key="resource_pools.code")
    resource_class: str = Field(primary_key=True)
    capacity: int
    allocatable: int
    held: int = 0
    committed: int = 0


class BudgetLine(SQLModel, table=True):
    """Money of one payer for one purpose in one fiscal year, in fen."""

    __tablename__ = "budget_lines"
    __table_args__ = (
        UniqueConstraint("organisation_code", "fiscal_year", "purpose", "payer"),
        UniqueConstraint("id", "fiscal_year"),
        one_of("payer", Payer),
        one_of("state", BudgetState),
        CheckConstraint(
            "held_fen >= 0 AND committed_fen >= 0 AND spent_fen >= 0", name="amounts_not_negative"
        ),
        CheckConstraint("held_fen + committed_fen + spent_fen <= appropriated_fen", name="never_overspent"),
    )

    id: UUID = id_field()
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    fiscal_year: int
    purpose: str
    payer: str
    state: str = BudgetState.APPROVED
    appropriated_fen: int = Field(sa_column=Column(BigInteger, nullable=False))
    held_fen: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    committed_fen: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    spent_fen: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))

    @property
    def free_fen(self) -> int:
        """The amount that new requests may still hold."""
        return self.appropriated_fen - self.held_fen - self.committed_fen - self.spent_fen


class HoldStatus(StrEnum):
    """Status of a hold; only a live one holds amounts."""

    LIVE = "live"
    COMMITTED = "committed"
    RELEASED = "released"


class Hold(SQLModel, table=True):
    """Amounts held by one request until they are committed, released or expired (invariant 3)."""

    __tablename__ = "holds"
    __table_args__ = (one_of("status", HoldStatus),)

    id: UUID = id_field()
    request_id: UUID = Field(foreign_key="resource_requests.id", unique=True)
    organisation_code: str = Field(foreign_key="organisations.code", index=True)
    status: str = HoldStatus.LIVE
    created_at: datetime = instant()
    expires_at: datetime = instant()
    ended_at: datetime | None = instant(nullable=True)


class HoldItem(SQLModel, table=True):
    """One amount of a hold.

    `target` is the text of its counter. A negative amount is released when the hold is committed. Money is
    counted from the day of the commit, which writes the final amount here.
    """

    __tablename__ = "hold_items"

    hold_id: UUID = Field(primary_key=True, foreign_key="holds.id")
    target: str = Field(primary_key=True)
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))

    @property
    def counter(self) -> Counter:
        """The counter that is held."""
        return Counter.parse(self.target)


class BudgetCommitment(SQLModel, table=True):
    """Money that a budget line has committed to a quantity of one SKU on one resource over some days.

    A change or release gives amounts back from these rows, so they return to the same line, price and days. A
    row only loses days from its end, with their amount; a trigger refuses every other change. Another trigger
    refuses a line that has less committed than its rows.
    """

    __tablename__ = "budget_commitments"
    __table_args__ = (
        ForeignKeyConstraint(["line_id", "fiscal_year"], ["budget_lines.id", "budget_lines.fiscal_year"]),
        CheckConstraint("quantity > 0 AND amount_fen >= 0", name="amounts_sensible"),
        CheckConstraint(
            "starts <= ends AND starts >= make_date(fiscal_year, 1, 1)"
            " AND ends <= make_date(fiscal_year + 1, 1, 1)",
            name="days_of_its_fiscal_year",
        ),
    )

    id: UUID = id_field()
    line_id: UUID = Field(index=True)
    fiscal_year: int
    workspace_id: UUID = Field(foreign_key="workspaces.id", index=True)
    request_id: UUID = Field(foreign_key="resource_requests.id")
    committed_at: datetime = instant()
    address: str
    sku_code: str = Field(foreign_key="skus.code")
    quantity: int
    catalogue_code: str = Field(foreign_key="price_catalogues.code")
    price_fen: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    starts: date
    ends: date
    amount_fen: int = Field(sa_column=Column(BigInteger, nullable=False))
