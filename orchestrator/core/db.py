"""The database at its edges: engine, transaction, naming of constraints, column types.

Only this module commits. A request, a job and a command are one transaction each: they enter
`transaction()` and either everything they wrote is kept, with its audit events, or nothing is.
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
from orchestrator.core.errors import AuditNote, BusinessError

REFUSED: Final = "GC001"
"""The SQLSTATE by which our functions in the database refuse; the message says what."""
_CLOSING: Final = "closing_statement"


def sqlalchemy_url(database_url: str) -> str:
    """The address with the psycopg 3 driver named, whatever scheme the setting carries."""
    _, _, rest = database_url.partition("://")
    return f"postgresql+psycopg://{rest}"


def libpq_url(database_url: str) -> str:
    """The address as libpq (psycopg itself) reads it."""
    _, _, rest = database_url.partition("://")
    return f"postgresql://{rest}"


def create_database_engine(database_url: str, pool_size: int = 10, max_overflow: int = 20) -> Engine:
    """An engine whose every connection finds the tables of the product and of the queue.

    It opens at most `pool_size` and `max_overflow` connections together, and keeps `pool_size` of them open.
    A server with just-in-time compilation would compile the rater anew at each call, for seconds.
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


def ping(engine: Engine) -> None:
    """Return once the database has answered; errors of the connection are raised."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))


@contextmanager
def rolled_back(session: Session) -> Iterator[None]:
    """Take back at the end of the block whatever it has written, and release the locks it has taken."""
    savepoint = session.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()


@dataclass(frozen=True)
class _Closing:
    statement: str
    values: Mapping[str, Any]
    refused: Callable[[str], BusinessError]


def write_with_commit(
    session: Session, statement: str, values: Mapping[str, Any], refused: Callable[[str], BusinessError]
) -> None:
    """Let the transaction end with this statement, which takes locks that everybody wants.

    It goes to the database in one message with the audit events and the commit, so that the locks are held
    for no way of that message. `statement` is in the driver's style. Where it raises `REFUSED`, nothing of
    the transaction is kept, and what `refused` makes of the message is raised from where it ends.
    """
    if session.info.setdefault(_CLOSING, closing := _Closing(statement, values, refused)) is not closing:
        raise RuntimeError("A transaction ends with one statement.")


def _keep(session: Session) -> None:
    session.flush()
    closing: _Closing | None = session.info.pop(_CLOSING, None)
    events = audit.take_pending(session)
    statements = [(closing.statement, closing.values)] if closing else []
    if events:
        statements.append(events)
    try:
        _send_with_commit(session, statements)
    except psycopg.Error as error:
        if closing and error.sqlstate == REFUSED:
            raise closing.refused(error.diag.message_primary or "") from error
        raise DBAPIError.instance(None, None, error, psycopg.Error) from error
    session.commit()


def _send_with_commit(session: Session, statements: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Send the statements and the commit in one message; the session only has to let go afterwards.

    A message of several statements has its values quoted by the driver. In a pipeline each would leave as
    soon as it is made, and the locks of the first be held while the program makes the next.
    """
    if statements:
        driver = cast("psycopg.Connection[Any]", session.connection().connection.driver_connection)
        together = "; ".join([*(statement for statement, _ in statements), "COMMIT"])
        values = {name: value for _, given in statements for name, value in given.items()}
        with psycopg.ClientCursor(driver) as cursor:
            cursor.execute(together, values)


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
