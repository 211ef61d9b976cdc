"""A version of the price list, to which the amounts of statements lead."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class PriceRow:
    """The price of one SKU for a unit and month; `price` and the suspended price are in words."""

    sku: str
    name: str
    unit: str
    price: str
    suspended: str


@dataclass(frozen=True)
class PriceList:
    """Page ``prices/list.html``; in force on the days `[starts, ends)`, open without `ends`."""

    code: str
    name: str
    starts: date
    ends: date | None
    rows: tuple[PriceRow, ...]
