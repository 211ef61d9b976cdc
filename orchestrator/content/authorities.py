"""Who decides on which part of a revision (domain §6.13): finance on money, the office on limits. Pure."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


class Authority(StrEnum):
    """A body that must agree to its part of a revision."""

    FINANCE = "finance"
    SMART_CITY_OFFICE = "smart_city_office"


MONEY = frozenset({"budget_line", "price_catalogue", "sku", "sku_price"})
"""Kinds of rows that decide about money. Everything else decides about limits and rights."""


def authorities_over(differences: Iterable[Mapping[str, Any]]) -> tuple[Authority, ...]:
    """Whose approval a revision with these differences needs; each has the `kind` of its row."""
    needed = {
        Authority.FINANCE if item["kind"] in MONEY else Authority.SMART_CITY_OFFICE for item in differences
    }
    return tuple(sorted(needed))
