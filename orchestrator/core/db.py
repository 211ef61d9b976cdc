"""The database at its edges: engine, transaction, naming of constraints, column types.

Only this module commits. A request, a job and a command are one transaction each: they enter
`transaction()` and either everything they wrote is kept, with its audit events, or nothing is.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Any
from uuid import uuid4

from sqlalchemy import CheckConstraint, Column, DateTime, Engine, create_engine, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, Session

from orchestrator.core import audit
from orchestrator.core.errors import AuditNote, BusinessError


def sqlalchemy_url(database_url: str) -> str:
    """The address with the psycopg 3 driver named, whatever scheme the setting carries."""
    _, _, rest = database_url.partition("://")
    return f"postgresql+psycopg://{rest}"


def libpq_url(database_url: str) -> str:
    """The address as libpq (psycopg itself) reads it."""
    _, _, rest = database_url.partition("://")
    return f"postgresql://{rest}"


def create_database_engine(database_url: str, pool_size: int = 10) -> Engine:
    """An engine whose every connection finds the tables of the product and of the queue.

    A server with just-in-time compilation would compile the rater anew at each call, for seconds.
    """
    return create_engine(
        sqlalchemy_url(database_url),
        pool_size=pool_size,
        max_overflow=20,
        pool_pre_ping=True,
        connect_args={"options": "-c search_path=public,queue -c jit=off"},
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """One unit of work: commits at the end with its audit events, rolls back on any error.

    An error that carries a note (a refusal that must leave a trace) is noted in a transaction of its
    own after the rollback.
    """
    try:
        with Session(engine, expire_on_commit=False) as session:
            yield session
            _keep(session)
    except BusinessError as error:
        if error.note is not None:
            _keep_note(engine, error.note)
        raise


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A transaction in which PostgreSQL refuses every write; it is rolled back at the end."""
    with Session(engine, expire_on_commit=False) as session:
        session.execute(text("SET TRANSACTION READ ONLY"))
        yield session
        session.rollback()


def _keep(session: Session) -> None:
    session.flush()
    audit.write_pending(session)
    session.commit()


def _keep_note(engine: Engine, note: AuditNote) -> None:
    with Session(engine) as session:
        audit.record(
            session,
            note.action,
            note.subject,
            actor=note.actor,
            organisation=note.organisation,
            data=note.data,
        )
        _keep(session)


def id_field() -> Any:
    """A random UUID primary key."""
    return Field(default_factory=uuid4, primary_key=True)


def instant(*, nullable: bool = False) -> Any:
    """A column of aware instants."""
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))


def document(default: Any) -> Any:
    """A JSONB column; `default` is a factory such as dict or list."""
    return Field(default_factory=default, sa_column=Column(JSONB, nullable=False))


def one_of(column: str, statuses: type[StrEnum] | Iterable[str]) -> CheckConstraint:
    """A CHECK that repeats an enumeration in the database."""
    values = ", ".join(f"'{value}'" for value in statuses)
    return CheckConstraint(f"{column} IN ({values})", name=f"{column}_known")
