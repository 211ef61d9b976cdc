"""The rater: set-based in PostgreSQL, one code for quote, plan cost and bill.

A line is one resource and SKU over days of one month and one price list. Its amount is quantity ×
price × days ÷ days in the month, rounded half-up once, in exact decimals (domain §2.9).
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from orchestrator.billing.errors import UnpricedUsage

_RATE = text("""
WITH usage AS (
    SELECT * FROM jsonb_to_recordset(CAST(:usage AS jsonb))
        AS u(resource text, sku text, quantity numeric, starts date, ends date)
), months AS (
    SELECT m::date AS starts, (m + interval '1 month')::date AS ends
    FROM generate_series((SELECT date_trunc('month', min(starts)) FROM usage),
                         (SELECT max(ends) - 1 FROM usage)::timestamp, interval '1 month') AS m
), pieces AS (
    SELECT u.resource, u.sku, u.quantity, c.code AS catalogue, p.price_fen,
           greatest(u.starts, m.starts, c.valid_from) AS starts,
           least(u.ends, m.ends, coalesce(c.valid_to, 'infinity')) AS ends,
           m.ends - m.starts AS month_days
    FROM usage u
    JOIN months m ON m.starts < u.ends AND u.starts < m.ends
    JOIN price_catalogues c ON c.valid_from < least(u.ends, m.ends)
                           AND coalesce(c.valid_to, 'infinity') > greatest(u.starts, m.starts)
    JOIN sku_prices p ON p.catalogue_code = c.code AND p.sku_code = u.sku AND p.price_fen IS NOT NULL
)
SELECT resource, sku, quantity, catalogue, price_fen, starts, ends, month_days,
       div(2 * quantity * price_fen * (ends - starts) + month_days, 2 * month_days)::bigint AS amount_fen
FROM pieces ORDER BY resource, sku, starts
""")


@dataclass(frozen=True)
class Usage:
    """A quantity of one SKU on one resource during the days `[starts, ends)`."""

    resource: str
    sku: str
    quantity: Decimal
    starts: date
    ends: date


@dataclass(frozen=True)
class RatedLine:
    """One priced line; `amount_fen` is rounded, everything else is exact."""

    resource: str
    sku: str
    quantity: Decimal
    catalogue: str
    price_fen: int
    starts: date
    ends: date
    month_days: int
    amount_fen: int


def rate(session: Session, usage: Sequence[Usage]) -> list[RatedLine]:
    """Price `usage`, day by day, from the price lists in force.

    Raises:
        UnpricedUsage: some day of some usage has no price; the SKU and the day are named.
    """
    if not usage:
        return []
    lines = [RatedLine(*row) for row in session.execute(_RATE, {"usage": json.dumps(_rows(usage))})]
    _require_every_day(usage, lines)
    return lines


def _rows(usage: Sequence[Usage]) -> list[dict[str, Any]]:
    return [{key: str(value) for key, value in asdict(item).items()} for item in usage]


def _require_every_day(usage: Sequence[Usage], lines: Sequence[RatedLine]) -> None:
    priced: dict[tuple[str, str], int] = {}
    for line in lines:
        key = (line.resource, line.sku)
        priced[key] = priced.get(key, 0) + (line.ends - line.starts).days
    wanted: dict[tuple[str, str], int] = {}
    for item in usage:
        key = (item.resource, item.sku)
        wanted[key] = wanted.get(key, 0) + (item.ends - item.starts).days
    for (resource, sku), days in wanted.items():
        if priced.get((resource, sku), 0) != days:
            raise UnpricedUsage(f"{sku} of {resource} does not have exactly one price on every day.", sku=sku)
