"""Rows by their key: read or lock one, and the next number of a yearly series."""

from typing import Any, TypeVar

from sqlalchemy import func, text
from sqlmodel import Session, SQLModel, col, select

from orchestrator.core.clock import today
from orchestrator.core.errors import NotFound, VersionConflict

Row = TypeVar("Row", bound=SQLModel)


def get_row(session: Session, table: type[Row], key: Any) -> Row:
    """The row with this primary key.

    Raises:
        NotFound: there is none.
    """
    found = session.get(table, key)
    if found is None:
        raise NotFound
    return found


def lock_row(session: Session, table: type[Row], key: Any, version: int | None = None) -> Row:
    """The row as it is now, locked for this transaction.

    Raises:
        NotFound: there is none.
        VersionConflict: its `version` is no longer the given one.
    """
    found = session.get(table, key, with_for_update=True, populate_existing=True)
    if found is None:
        raise NotFound
    current = getattr(found, "version", None)
    if version is not None and current != version:
        raise VersionConflict(current=current)
    return found


def next_number(session: Session, column: Any, prefix: str) -> str:
    """The next number of a series, ``<prefix>-<year>-<at least four digits>``.

    Whoever takes a number holds the series until the transaction ends, so that none is given twice.
    """
    series = f"{prefix}-{today(session).year}-"
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:series, 0))"), {"series": series})
    order = (func.length(col(column)).desc(), col(column).desc())
    taken = select(column).where(col(column).startswith(series, autoescape=True)).order_by(*order).limit(1)
    last = session.exec(taken).first()
    return f"{series}{int(last.rsplit('-', 1)[1]) + 1 if last else 1:04d}"
