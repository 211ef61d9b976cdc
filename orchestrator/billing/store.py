"""Writes of billing."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.dialects.postgresql import Range
from sqlmodel import Session, col

from orchestrator.billing.models import UsageInterval


def open_intervals(
    session: Session,
    resource_id: UUID,
    skus: Iterable[tuple[str, int]],
    starts: date,
    run_id: UUID,
    serial: int,
) -> None:
    """Start billing `skus` of a resource on `starts`, open-ended; the run and state serial say why."""
    for sku, quantity in skus:
        session.add(
            UsageInterval(
                resource_id=resource_id,
                sku_code=sku,
                quantity=Decimal(quantity),
                days=Range(starts, None, bounds="[)"),
                run_id=run_id,
                state_serial=serial,
            )
        )
    session.flush()


def close_intervals(session: Session, resource_id: UUID, ends: date) -> None:
    """End billing of a resource on `ends` (that day is not billed).

    An interval that began on or after `ends` never had a billed day, so it disappears (domain §2.9,
    *Day*: open and close on one date give no line).
    """
    mine = (col(UsageInterval.resource_id) == resource_id, func.upper_inf(UsageInterval.days))
    for interval in session.query(UsageInterval).filter(*mine, func.lower(UsageInterval.days) >= ends):
        session.delete(interval)
    session.flush()
    shortened = func.daterange(func.lower(UsageInterval.days), ends, "[)")
    session.execute(update(UsageInterval).where(*mine).values(days=shortened))
