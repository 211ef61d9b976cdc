"""Shapes of the price catalogue and of resource pools."""

from datetime import date

from pydantic import BaseModel
from typing_extensions import TypeAliasType

from orchestrator.api.shapes import Shape
from orchestrator.catalogue.models import Fulfilment, QuotaClass, SkuBilling
from orchestrator.content import documents
from orchestrator.quotas.models import Payer, ResourceClass
from orchestrator.resource_requests.drafting import DiskTier

Arch = TypeAliasType("Arch", documents.Arch)
SkuUnit = TypeAliasType("SkuUnit", documents.Unit)


class CatalogueVersion(Shape):
    """A version of the price list, in force from `valid_from` to before `valid_to`."""

    code: str
    name_zh: str
    name_en: str
    valid_from: date
    valid_to: date | None


class PricedSku(BaseModel):
    """A SKU with its price: `price_fen` for a unit and month, or `percent` of a spec; both null for tiers."""

    code: str
    name_zh: str
    name_en: str
    unit: SkuUnit
    product_group: str
    billing: SkuBilling
    quota_class: QuotaClass
    fulfilment: Fulfilment
    payer: Payer
    arch: Arch | None
    disk_tier: DiskTier | None
    price_fen: int | None
    percent: int | None


class PriceList(BaseModel):
    """The price catalogue in force, with every SKU."""

    catalogue: CatalogueVersion
    skus: list[PricedSku]


class PoolCapacity(Shape):
    """One resource class of a pool; `allocatable` is capacity times overcommit, rounded down."""

    resource_class: ResourceClass
    capacity: int
    allocatable: int
    held: int
    committed: int


class PoolDetail(BaseModel):
    """A resource pool: the capacity of one zone and architecture."""

    code: str
    name_zh: str
    name_en: str
    zone: str
    arch: Arch
    overcommit_percent: int
    warn_at_percent: int
    free: bool
    expiry_days: int | None
    capacities: list[PoolCapacity]
