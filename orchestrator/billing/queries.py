"""Reads of billing; above all the rater: set-based in PostgreSQL, one text for quote, plan cost and bill."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from orchestrator.billing.errors import UnpricedUsage
from orchestrator.billing.gaps_sql import FEW, GAPS, GAPS_OF_FEW
from orchestrator.billing.models import UsageEvent, UsageInterval
from orchestrator.billing.rating import RatedLine, Usage
from orchestrator.billing.rating_sql import (
    COLUMNS,
    DISCOUNTS_GIVEN,
    DISCOUNTS_STORED,
    PRICES_GIVEN,
    PRICES_STORED,
    SKUS_GIVEN,
    SKUS_STORED,
    SPLITS_GIVEN,
    SPLITS_STORED,
    USAGE_GIVEN,
    flaws,
    rating,
    terms,
)
from orchestrator.core.errors import NotFound

PRICE_TERMS = "SELECT token FROM price_terms"
"""A token that changes whenever a price, a discount or a payer split does: same token, same rating."""

_LINES = f" SELECT {COLUMNS} FROM rated"  # noqa: S608 - constants alone
_STORED = (PRICES_STORED, SKUS_STORED)
_GIVEN = (PRICES_GIVEN, SKUS_GIVEN)
_TERMS = {"stored": (DISCOUNTS_STORED, SPLITS_STORED), "given": (DISCOUNTS_GIVEN, SPLITS_GIVEN)}


def rate(session: Session, usage: Sequence[Usage]) -> list[RatedLine]:
    """Price `usage`, day by day, from the price lists in force; lines by resource, SKU and first day.

    Raises:
        UnpricedUsage: some day of some usage does not have exactly one price; SKU and first day are named.
    """
    return _rate(session, usage, {}, (*_STORED, *_TERMS["stored"]))


def rate_by(
    session: Session, usage: Sequence[Usage], given: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[RatedLine]:
    """Price `usage` under terms, and usually prices, that nobody stored; nothing is written.

    `given` has the rows of ``discounts`` and ``splits``, and of ``prices`` and ``skus`` or neither, with
    the columns that `orchestrator.billing.rating_sql` lists. With prices given no table is read.

    Raises:
        UnpricedUsage: as `rate`; also two discounts or two payer splits on one day.
    """
    relations = {name: json.dumps(rows, default=str) for name, rows in given.items()}
    prices = _GIVEN if "prices" in given else _STORED
    return _rate(session, usage, relations, (*prices, *_TERMS["given"]))


def _rate(
    session: Session, usage: Sequence[Usage], given: Mapping[str, str], sources: tuple[str, ...]
) -> list[RatedLine]:
    if not usage:
        return []
    relations = {**given, "usage": json.dumps([_row(item) for item in usage], default=str)}
    priced = terms(USAGE_GIVEN, sources)
    if found := session.execute(text(flaws(priced)), relations).first():
        raise unpriced(*found)
    rows = session.execute(text(rating(priced) + _LINES), relations)
    # Sorted here, because a database may sort texts by the rules of a language.
    return sorted((RatedLine(*row) for row in rows), key=lambda line: (line.resource, line.sku, line.starts))


def _row(item: Usage) -> dict[str, Any]:
    row = {name: value for name, value in vars(item).items() if name != "spec"}
    return row | (vars(item.spec) if item.spec else {"arch": ""})


def unpriced(flaw: str, resource: str, sku: str, day: date) -> UnpricedUsage:
    """The error for one row of `flaws`: what is wanted exactly once is missing or given more often."""
    kind, count, name = flaw.split(" ", 2)
    what = "no price" if kind == "price" and count == "0" else f"{count} {kind}s"
    needed = "" if name == sku else f", which {sku} needs,"
    return UnpricedUsage(
        f"{name}{needed} has {what} on {day}, a billed day of {resource}.", sku=sku, day=day.isoformat()
    )


def last_event(session: Session, resource_id: UUID) -> UsageEvent:
    """The event of a resource that was recorded last.

    Raises:
        NotFound: nothing about it was ever recorded.
    """
    statement = select(UsageEvent).where(UsageEvent.resource_id == resource_id)
    found = session.exec(statement.order_by(col(UsageEvent.seq).desc()).limit(1)).first()
    if found is None:
        raise NotFound
    return found


def released_on(session: Session, resource_id: UUID) -> date | None:
    """The day on which the billing of a resource ended last, or None."""
    statement = select(func.max(UsageEvent.day)).where(
        UsageEvent.resource_id == resource_id, UsageEvent.kind == "released"
    )
    return session.exec(statement).one()


def first_gap(session: Session, after: int = 0) -> tuple[UUID, str, date] | None:
    """Resource, SKU and first day on which stored intervals are not what the events say, or None.

    Looks at every resource with an event whose number is above `after`.
    """
    newer = select(UsageEvent.seq).where(col(UsageEvent.seq) > after).limit(FEW + 1).subquery()
    few = session.exec(select(func.count()).select_from(newer)).one() <= FEW
    found = session.execute(text(GAPS_OF_FEW if few else GAPS), {"after": after}).first()
    return (found[0], found[1], found[2]) if found else None


def intervals_of(
    session: Session, resource_id: UUID, sku: str, starts: date, ends: date
) -> Sequence[UsageInterval]:
    """The stored usage of a resource and SKU on the days ``[starts, ends)``, oldest first."""
    statement = select(UsageInterval).where(
        UsageInterval.resource_id == resource_id,
        UsageInterval.sku_code == sku,
        col(UsageInterval.days).op("&&")(func.daterange(starts, ends)),
    )
    return session.exec(statement.order_by(func.lower(UsageInterval.days))).all()
