"""Rows by their key: read or lock one, and the next number of a yearly series."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import DateTime, Uuid, func, inspect, text
from sqlalchemy.orm import make_transient_to_detached
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
    require_version(found, version)
    return found


def require_version(row: Any, version: int | None) -> None:
    """Refuse what was decided on an older state of the row.

    Raises:
        VersionConflict: its `version` is no longer the given one.
    """
    current = getattr(row, "version", None)
    if version is not None and current != version:
        raise VersionConflict(current=current)


def from_document(session: Session, table: type[Row], document: Mapping[str, Any]) -> Row:
    """The row that a statement has read as a JSON document of all its columns, as the session's own.

    Whatever else the session knew of this row is forgotten, so it must have been flushed.
    """
    mapper = inspect(table)
    row: Row = mapper.class_manager.new_instance()
    # As a query does it: what the database sends was checked when it was written.
    row.__dict__.update(document)
    row.__dict__.update({name: read(document[name]) for name, read in _readers(table) if document[name]})
    known = session.identity_map.get(mapper.identity_key_from_instance(row))
    if known is not None:
        session.expunge(known)
    make_transient_to_detached(row)
    session.add(row)
    return row


@cache
def _readers(table: type[SQLModel]) -> tuple[tuple[str, Callable[[str], Any]], ...]:
    """How the columns are read that JSON writes as text."""
    readers: dict[type, Callable[[str], Any]] = {Uuid: UUID, DateTime: datetime.fromisoformat}
    return tuple(
        (column.key, reader)
        for column in inspect(table).columns
        for kind, reader in readers.items()
        if isinstance(column.type, kind)
    )


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
