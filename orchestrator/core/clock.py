"""The product's clock: one instant per transaction, with an offset for a sample city in the past.

The offset is a row in the database, so that every process on every host reads the same date.
Timeouts and heartbeats use the machine's clock, never this one.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlmodel import Field, Session, SQLModel

from orchestrator.core.sql_blocks import load_sql

CITY = ZoneInfo("Asia/Shanghai")
_CACHED = "product_clock_now"


class ClockShift(SQLModel, table=True):
    """The offset in seconds of the product's clock from the machine's clock; at most one row."""

    __tablename__ = "clock_shift"

    id: int = Field(default=1, primary_key=True)
    seconds: float = 0.0


PRODUCT_NOW = load_sql(Path(__file__).with_suffix(".sql"))["product_now"]
"""The product's time at the start of the transaction, as an SQL expression."""
PRODUCT_TODAY = f"(({PRODUCT_NOW}) AT TIME ZONE '{CITY.key}')::date"
"""The Asia/Shanghai date of the transaction, as an SQL expression."""


def now(session: Session) -> datetime:
    """Return the product's time of this transaction, time zone aware, in UTC."""
    cached = session.info.get(_CACHED)
    if isinstance(cached, datetime):
        return cached
    return cache_now(session, session.execute(text(f"SELECT {PRODUCT_NOW}")).scalar_one())


def cache_now(session: Session, instant: datetime) -> datetime:
    """Store the instant for later calls of `now` in this transaction, and return it in UTC.

    For a statement that has selected `PRODUCT_NOW` together with other values.
    """
    session.info[_CACHED] = instant.astimezone(UTC)
    return instant.astimezone(UTC)


def today(session: Session) -> date:
    """Return the Asia/Shanghai date of this transaction."""
    return now(session).astimezone(CITY).date()


def set_to(session: Session, instant: datetime) -> None:
    """Set the product's clock to `instant`; it continues to run from there."""
    shift = (instant - datetime.now(UTC)).total_seconds()
    session.merge(ClockShift(id=1, seconds=shift))
    session.flush()
    session.info.pop(_CACHED, None)


def advance(session: Session, by: timedelta) -> None:
    """Move the product's clock forward by `by`."""
    set_to(session, now(session) + by)
