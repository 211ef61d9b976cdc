"""Database engine, transactions and column types.

Only this module commits. An API request, a job or a command runs in `transaction()`: either all its writes
are committed together with their audit events, or none is.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, cast
from uuid import uuid4

import psycopg
from sqlalchemy import CheckConstraint, Column, DateTime, Engine, create_engine, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError
from sqlmodel import Field, Session

from orchestrator.core import audit
from orchestrator.core.errors import BusinessError
from orchestrator.core.events import Event

REFUSED: Final = "GC001"
"""The SQLSTATE that the product's database functions raise to refuse; the message says which rule."""
_FINAL_STATEMENT: Final = "final_statement"


def sqlalchemy_url(database_url: str) -> str:
    """Return the address with the psycopg 3 driver, for any PostgreSQL scheme in the setting."""
    _, _, rest = database_url.partition("://")
    return f"postgresql+psycopg://{rest}"


def libpq_url(database_url: str) -> str:
    """Return the address in the form that libpq and psycopg accept."""
    _, _, rest = database_url.partition("://")
    return f"postgresql://{rest}"


def create_database_engine(database_url: str, pool_size: int = 10, max_overflow: int = 20) -> Engine:
    """Return an engine whose connections see the tables of the product and of the queue.

    It opens at most `pool_size` + `max_overflow` connections and keeps `pool_size` of them open. Just-in-time
    compilation is off, because the server would spend seconds compiling the rating query at each call.
    """
    return create_engine(
        sqlalchemy_url(database_url),
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_pre_ping=True,
        connect_args={"options": "-c search_path=public,queue -c jit=off"},
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """Run one unit of work: commit it at the end with its audit events, roll it back on any error.

    If the error carries an audit note (a refusal that must be audited), the note is written in a separate
    transaction after the rollback.
    """
    try:
        with Session(engine, expire_on_commit=False) as session:
            yield session
            _commit(session)
    except BusinessError as error:
        if error.note is not None:
            _write_note(engine, error.note)
        raise


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Run a read-only transaction; PostgreSQL refuses every write, and it is rolled back at the end."""
    with Session(engine, expire_on_commit=False) as session:
        session.execute(text("SET TRANSACTION READ ONLY"))
        yield session
        session.rollback()


def ping(engine: Engine) -> None:
    """Return once the database has answered; connection errors are raised."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


@contextmanager
def rolled_back(session: Session) -> Iterator[None]:
    """Roll the block's writes back at its end and release the locks that it acquired."""
    savepoint = session.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()


@dataclass(frozen=True)
class _FinalStatement:
    statement: str
    values: Mapping[str, Any]
    refused: Callable[[str], BusinessError]


def write_with_commit(
    session: Session, statement: str, values: Mapping[str, Any], refused: Callable[[str], BusinessError]
) -> None:
    """Register the transaction's final statement, one that acquires contended locks.

    It is sent in one round trip with the audit events and COMMIT, so no lock is held while the client waits
    on the network. The parameters of `statement` are in the driver's style. If the statement raises
    `REFUSED`, the transaction is rolled back, and its end raises the error that `refused` returns for the
    message.
    """
    final = _FinalStatement(statement, values, refused)
    if session.info.setdefault(_FINAL_STATEMENT, final) is not final:
        raise RuntimeError("A transaction can have only one final statement.")


def _commit(session: Session) -> None:
    session.flush()
    final: _FinalStatement | None = session.info.pop(_FINAL_STATEMENT, None)
    events = audit.take_pending(session)
    statements = [(final.statement, final.values)] if final else []
    if events:
        statements.append(events)
    try:
        _send_with_commit(session, statements)
    except psycopg.Error as error:
        if final and error.sqlstate == REFUSED:
            raise final.refused(error.diag.message_primary or "") from error
        raise DBAPIError.instance(None, None, error, psycopg.Error) from error
    session.commit()


def _send_with_commit(session: Session, statements: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Send the statements and COMMIT in one message; the session's own commit then has nothing to do.

    The driver quotes the values of a message with several statements. A pipeline is not used, because it
    sends each statement as soon as it is ready and would hold the locks of the first while the next is built.
    """
    if statements:
        connection = cast("psycopg.Connection[Any]", session.connection().connection.driver_connection)
        message = "; ".join([*(statement for statement, _ in statements), "COMMIT"])
        values = {name: value for _, parameters in statements for name, value in parameters.items()}
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute(message, values)


def _write_note(engine: Engine, note: Event) -> None:
    with Session(engine) as session:
        audit.record(session, note)
        _commit(session)


def id_field() -> Any:
    """Return a primary key column with random UUIDs."""
    return Field(default_factory=uuid4, primary_key=True)


def instant(*, nullable: bool = False) -> Any:
    """Return a column of time zone aware instants."""
    return Field(default=None, sa_column=Column(DateTime(timezone=True), nullable=nullable))


def document(default: Any) -> Any:
    """Return a JSONB column; `default` is a factory such as dict or list."""
    return Field(default_factory=default, sa_column=Column(JSONB, nullable=False))


def one_of(column: str, statuses: type[StrEnum] | Iterable[str]) -> CheckConstraint:
    """Return a CHECK constraint that limits the column to these values."""
    values = ", ".join(f"'{value}'" for value in statuses)
    return CheckConstraint(f"{column} IN ({values})", name=f"{column}_known")
