"""The product's clock: one instant per transaction, shifted where a sample city lives in the past.

The shift is a row in the database, so that every process on every host reads the same date.
Timeouts and heartbeats use the machine's own clock, never this one.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlmodel import Field, Session, SQLModel

CITY = ZoneInfo("Asia/Shanghai")
_CACHED = "product_clock_now"


class ClockShift(SQLModel, table=True):
    """How far the product's clock runs from the machine's; at most one row."""

    __tablename__ = "clock_shift"

    id: int = Field(default=1, primary_key=True)
    seconds: float = 0.0


PRODUCT_NOW = "now() + make_interval(secs => coalesce((SELECT seconds FROM clock_shift), 0))"
"""The instant of a transaction in SQL."""


def now(session: Session) -> datetime:
    """The instant of this transaction, aware, in UTC."""
    cached = session.info.get(_CACHED)
    if isinstance(cached, datetime):
        return cached
    return remember(session, session.execute(text(f"SELECT {PRODUCT_NOW}")).scalar_one())


def remember(session: Session, instant: datetime) -> datetime:
    """Keep the instant that another statement of this transaction has read; in UTC."""
    session.info[_CACHED] = instant.astimezone(UTC)
    return instant.astimezone(UTC)


def today(session: Session) -> date:
    """The date of this transaction in Asia/Shanghai."""
    return now(session).astimezone(CITY).date()


def set_to(session: Session, instant: datetime) -> None:
    """Make the product's clock show `instant` now and run on from there."""
    shift = (instant - datetime.now(UTC)).total_seconds()
    session.merge(ClockShift(id=1, seconds=shift))
    session.flush()
    session.info.pop(_CACHED, None)


def advance(session: Session, by: timedelta) -> None:
    """Move the product's clock forward; it never goes back."""
    set_to(session, now(session) + by)
