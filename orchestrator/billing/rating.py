"""Input and output of the rater."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum


class BillingState(StrEnum):
    """State in which a resource is billed: at the price, at the price for suspended resources, at 0.00."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    WAIVED = "waived"


class LineKind(StrEnum):
    """Kind of a statement line: of the month itself, or a correction of an earlier month.

    A counter-line reverses a line that turned out wrong; a right line replaces it.
    """

    ORDINARY = "ordinary"
    COUNTER = "counter"
    RIGHT = "right"


@dataclass(frozen=True)
class Spec:
    """The size that a percentage refers to, such as that of the host whose standby is billed."""

    arch: str
    vcpu: Decimal
    memory_gb: Decimal


@dataclass(frozen=True)
class Usage:
    """A quantity of one SKU on one resource during the days `[starts, ends)`.

    `department` selects discounts and payer splits; only SKUs billed as a percentage of a spec have a `spec`.
    """

    resource: str
    sku: str
    quantity: Decimal
    starts: date
    ends: date
    department: str = ""
    state: str = "active"
    spec: Spec | None = None


@dataclass(frozen=True)
class RatedLine:
    """One priced line; `amount_fen` is rounded, everything else is exact.

    `price_fen` is None for tiers and percentages; `shares_fen` are the shares of `payers` and add up to the
    amount.
    """

    resource: str
    sku: str
    quantity: Decimal
    catalogue: str
    price_fen: int | None
    starts: date
    ends: date
    month_days: int
    amount_fen: int
    department: str
    state: str
    vcpu: Decimal | None
    memory_gb: Decimal | None
    percent: Decimal | None
    discount: Decimal
    payers: Sequence[str]
    shares_fen: Sequence[int]

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.ends - self.starts).days
