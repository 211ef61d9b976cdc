"""The authority over each part of a revision: finance for money, the smart-city office for limits (§6.13)."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


class Authority(StrEnum):
    """An authority that must approve its part of a revision."""

    FINANCE = "finance"
    SMART_CITY_OFFICE = "smart_city_office"


MONEY = frozenset({"budget_line", "price_catalogue", "sku", "sku_price"})
"""Kinds of rows that concern money. All other kinds concern limits and rights."""


def authorities_over(differences: Iterable[Mapping[str, Any]]) -> tuple[Authority, ...]:
    """Return the authorities that must approve a revision with these stored differences."""
    kinds = {difference["kind"] for difference in differences}
    return tuple(
        sorted({Authority.FINANCE if kind in MONEY else Authority.SMART_CITY_OFFICE for kind in kinds})
    )
