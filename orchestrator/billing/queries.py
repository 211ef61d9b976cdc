"""Reads of billing, with the rater: set-based in PostgreSQL, one text for quote, plan cost and bill."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from orchestrator.billing.errors import UnpricedUsage
from orchestrator.billing.intervals import EventKind
from orchestrator.billing.models import UsageEvent, UsageInterval
from orchestrator.billing.rating import RatedLine, Usage
from orchestrator.core.db import rolled_back
from orchestrator.core.errors import NotFound
from orchestrator.core.sql_blocks import load_sql

_FOLDER = Path(__file__).parent
_RATING = load_sql(_FOLDER / "rating.sql")
_GAPS = load_sql(_FOLDER / "gaps.sql")


def rate(session: Session, usage: Sequence[Usage]) -> list[RatedLine]:
    """Price `usage`, day by day, from the price lists in force; lines by resource, SKU and first day.

    Raises:
        UnpricedUsage: some day of some usage does not have exactly one price; SKU and first day are named.
    """
    return _rate(session, usage, {}, "stored_terms")


def rate_by(
    session: Session, usage: Sequence[Usage], given: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[RatedLine]:
    """Price `usage` under terms, and usually prices, that are not stored; nothing is written.

    `given` has the rows of ``discounts`` and ``splits``, and of ``prices`` and ``skus`` or neither, with
    the columns that ``rating.sql`` lists. With prices given no table is read.

    Raises:
        UnpricedUsage: as `rate`; also two discounts or two payer splits on one day.
    """
    documents = {name: json.dumps(rows, default=str) for name, rows in given.items()}
    return _rate(session, usage, documents, "given_prices" if "prices" in given else "given_terms")


def _rate(
    session: Session, usage: Sequence[Usage], given: Mapping[str, str], sources: str
) -> list[RatedLine]:
    if not usage:
        return []
    documents = {**given, "usage": json.dumps([_row(one) for one in usage], default=str)}
    if flaw := session.execute(text(_RATING[f"flaws_by_{sources}"]), documents).first():
        raise unpriced(*flaw)
    rows = session.execute(text(_RATING[f"lines_by_{sources}"]), documents)
    # Sorted here, because a database may sort texts by the rules of a language.
    return sorted((RatedLine(*row) for row in rows), key=lambda line: (line.resource, line.sku, line.starts))


def _row(usage: Usage) -> dict[str, Any]:
    row = {name: value for name, value in vars(usage).items() if name != "spec"}
    return row | (vars(usage.spec) if usage.spec else {"arch": ""})


def unpriced(flaw: str, resource: str, sku: str, day: date) -> UnpricedUsage:
    """Return the error for one row of `flaws`: a price, discount or split is missing or not unique."""
    kind, count, name = flaw.split(" ", 2)
    matches = "no price" if kind == "price" and count == "0" else f"{count} {kind}s"
    needed = "" if name == sku else f", which {sku} needs,"
    return UnpricedUsage(
        f"{name}{needed} has {matches} on {day}, a billed day of {resource}.", sku=sku, day=day.isoformat()
    )


def last_event(session: Session, resource_id: UUID) -> UsageEvent:
    """Return the event of a resource that was recorded last.

    Raises:
        NotFound: the resource has no event.
    """
    statement = select(UsageEvent).where(UsageEvent.resource_id == resource_id)
    event = session.exec(statement.order_by(col(UsageEvent.seq).desc()).limit(1)).first()
    if event is None:
        raise NotFound
    return event


def released_on(session: Session, resource_id: UUID) -> date | None:
    """Return the last day on which the billing of a resource ended, or None."""
    statement = select(func.max(UsageEvent.day)).where(
        UsageEvent.resource_id == resource_id, UsageEvent.kind == EventKind.RELEASED
    )
    return session.exec(statement).one()


def first_gap(session: Session, after: int = 0) -> tuple[UUID, str, date] | None:
    """Return resource, SKU and first day where stored intervals differ from the events, or None.

    Compares every resource with an event whose number is above `after`.
    """
    # Table and setting go with the savepoint. The statistics of the table tell the planner whether to look a
    # few resources up or to join all usage.
    with rolled_back(session):
        session.execute(text("SET LOCAL enable_nestloop = on"))
        session.execute(text(_GAPS["changed_resources"]), {"after": after})
        session.execute(text("ANALYZE changed_resources"))
        if not session.execute(text(_GAPS["opened_as_stored"]), {"after": after}).scalar_one():
            session.execute(text(_GAPS["add_opened_resources"]), {"after": after})
        gap = session.execute(text(_GAPS["first_gap"])).first()
    return (gap[0], gap[1], gap[2]) if gap else None


def intervals_of(
    session: Session, resource_id: UUID, sku: str, starts: date, ends: date
) -> Sequence[UsageInterval]:
    """Return the stored usage of a resource and SKU on the days ``[starts, ends)``, oldest first."""
    statement = select(UsageInterval).where(
        UsageInterval.resource_id == resource_id,
        UsageInterval.sku_code == sku,
        col(UsageInterval.days).op("&&")(func.daterange(starts, ends)),
    )
    return session.exec(statement.order_by(func.lower(UsageInterval.days))).all()
