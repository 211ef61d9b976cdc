"""Bodies of billing calls: the decision about a dispute, and corrections of usage."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.api.shapes import ReasonBody
from orchestrator.api.statement_shapes import UsageState
from orchestrator.billing.intervals import SkuUse
from orchestrator.billing.rating import Spec

Quantity = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=6)]


class DisputeDecision(ReasonBody):
    """The decision about a dispute."""

    upheld: bool


class SpecBody(BaseModel):
    """The size to which a percentage refers."""

    model_config = ConfigDict(extra="forbid")

    arch: str
    vcpu: Quantity
    memory_gb: Quantity


class SkuUseBody(BaseModel):
    """A quantity of one SKU."""

    model_config = ConfigDict(extra="forbid")

    sku: str
    quantity: Quantity
    spec: SpecBody | None = None

    def use(self) -> SkuUse:
        """Return the use as the workflow takes it."""
        return SkuUse(self.sku, self.quantity, Spec(**self.spec.model_dump()) if self.spec else None)


class UsageCorrectionBody(ReasonBody):
    """The correct usage from a day on: the billing state, or all SKUs; `once` is charged on that day only."""

    day: date
    state: UsageState | None = None
    skus: list[SkuUseBody] | None = None
    once: bool = False
