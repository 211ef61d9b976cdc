"""Read and lock rows by primary key, and issue the next number of a yearly series."""

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
    """Return the row with this primary key.

    Raises:
        NotFound: No such row exists.
    """
    row = session.get(table, key)
    if row is None:
        raise NotFound
    return row


def lock_row(session: Session, table: type[Row], key: Any) -> Row:
    """Lock the row for this transaction and return its current content.

    Raises:
        NotFound: No such row exists.
    """
    row = session.get(table, key, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound
    return row


def require_version(row: Any, version: int | None) -> None:
    """Refuse a decision that was made on an older state of the row; None accepts any state.

    Raises:
        VersionConflict: The row's `version` is not the given one.
    """
    current = getattr(row, "version", None)
    if version is not None and current != version:
        raise VersionConflict(current=current)


def from_document(session: Session, table: type[Row], document: Mapping[str, Any]) -> Row:
    """Return a row, attached to the session, from a JSON document of all its columns.

    It replaces the session's present instance of the row, so flush that instance first.
    """
    mapper = inspect(table)
    row: Row = mapper.class_manager.new_instance()
    # Like the ORM's own loading, this skips validation: the values were validated when they were written.
    row.__dict__.update(document)
    row.__dict__.update({name: parse(document[name]) for name, parse in _parsers(table) if document[name]})
    present = session.identity_map.get(mapper.identity_key_from_instance(row))
    if present is not None:
        session.expunge(present)
    make_transient_to_detached(row)
    session.add(row)
    return row


@cache
def _parsers(table: type[SQLModel]) -> tuple[tuple[str, Callable[[str], Any]], ...]:
    """Return the columns whose values are texts in JSON (ids and instants), each with its parser."""
    parsers: dict[type, Callable[[str], Any]] = {Uuid: UUID, DateTime: datetime.fromisoformat}
    return tuple(
        (column.key, parser)
        for column in inspect(table).columns
        for column_type, parser in parsers.items()
        if isinstance(column.type, column_type)
    )


def next_number(session: Session, column: Any, prefix: str) -> str:
    """Return the next number of a series, ``<prefix>-<year>-<at least four digits>``.

    The series stays locked until the transaction ends, so that no number is issued twice.
    """
    series = f"{prefix}-{today(session).year}-"
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:series, 0))"), {"series": series})
    order = (func.length(col(column)).desc(), col(column).desc())
    latest = select(column).where(col(column).startswith(series, autoescape=True)).order_by(*order).limit(1)
    last = session.exec(latest).first()
    return f"{series}{int(last.rsplit('-', 1)[1]) + 1 if last else 1:04d}"
