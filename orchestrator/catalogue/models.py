"""SKUs and their prices by day."""

from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Column
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from orchestrator.core.db import one_of


class Fulfilment(StrEnum):
    """The way in which a SKU is delivered."""

    TERRAFORM = "terraform"
    ANSIBLE = "ansible"
    MANUAL = "manual"
    INCLUDED = "included"


class SkuBilling(StrEnum):
    """The way in which a SKU is billed."""

    MONTHLY = "monthly"
    ONE_OFF = "one_off"
    PERCENT_OF_SPEC = "percent_of_spec"


class QuotaClass(StrEnum):
    """The resource class that a SKU takes of quota and pool."""

    VCPU = "vcpu"
    MEMORY_GB = "memory_gb"
    BLOCK_GB = "block_gb"
    NONE = "none"


class Sku(SQLModel, table=True):
    """A priced unit; `fulfilment` names how it is delivered."""

    __tablename__ = "skus"
    __table_args__ = (
        one_of("fulfilment", Fulfilment),
        one_of("billing", SkuBilling),
        one_of("quota_class", QuotaClass),
    )

    code: str = Field(primary_key=True)
    name_zh: str
    name_en: str
    unit: str
    product_group: str
    billing: str
    quota_class: str
    fulfilment: str
    payer: str = "department"
    arch: str | None = None
    disk_tier: str | None = None


class PriceCatalogue(SQLModel, table=True):
    """A version of the price list, in force on the days `[valid_from, valid_to)`."""

    __tablename__ = "price_catalogues"
    __table_args__ = (CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name="period_forward"),)

    code: str = Field(primary_key=True)
    name_zh: str
    name_en: str
    valid_from: date
    valid_to: date | None = None


class SkuPrice(SQLModel, table=True):
    """The price of one SKU in one catalogue: fen per unit and month, tiers of it, or a percentage of a spec.

    `tiers` is a list of ``{"up_to": 5, "price_fen": 2000}`` in rising order; the last has `up_to` null.
    `suspended_percent` is the part of the price for a suspended resource; None is the whole price.
    """

    __tablename__ = "sku_prices"
    __table_args__ = (
        CheckConstraint("num_nonnulls(price_fen, percent, tiers) = 1", name="one_kind_of_price"),
        CheckConstraint("price_fen >= 0", name="price_not_negative"),
        CheckConstraint("suspended_percent BETWEEN 0 AND 100", name="suspended_percent_known"),
    )

    catalogue_code: str = Field(primary_key=True, foreign_key="price_catalogues.code")
    sku_code: str = Field(primary_key=True, foreign_key="skus.code")
    price_fen: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    percent: int | None = None
    suspended_percent: int | None = None
    tiers: list[dict[str, Any]] | None = Field(
        default=None, sa_column=Column(JSONB(none_as_null=True), nullable=True)
    )
