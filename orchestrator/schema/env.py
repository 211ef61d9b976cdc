"""Alembic environment: one connection, a lock timeout, one revision at a time per database."""

from alembic import context
from sqlalchemy import Connection, text

from orchestrator.core.db import create_database_engine
from orchestrator.schema.functions import create_functions
from orchestrator.schema.tables import metadata

_ONE_AT_A_TIME = 7_305_201_906


def _is_ours(name: str | None, kind: str, _parents: object) -> bool:
    # The queue's tables are on the search path too, but queue.sql declares them, not the models.
    return kind != "table" or not (name or "").startswith("procrastinate_")


def _run(connection: Connection) -> None:
    # A revision that cannot get its locks fails soon instead of stopping the service behind it.
    connection.execute(text("SET lock_timeout = '5s'"))
    connection.execute(text(f"SELECT pg_advisory_lock({_ONE_AT_A_TIME})"))
    connection.commit()
    try:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            include_name=_is_ours,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        if context.config.attributes.get("replaces_functions"):
            create_functions(connection)
            connection.commit()
    finally:
        connection.rollback()
        connection.execute(text(f"SELECT pg_advisory_unlock({_ONE_AT_A_TIME})"))
        connection.commit()


def run() -> None:
    """Run the revisions on the database in the main option ``sqlalchemy.url``, which the caller has set.

    Raises:
        RuntimeError: no address is set, because alembic was called directly.
    """
    url = context.config.get_main_option("sqlalchemy.url")
    if not url:
        raise RuntimeError("No database address: run `govcloud database upgrade`.")
    engine = create_database_engine(url)
    try:
        with engine.connect() as connection:
            _run(connection)
    finally:
        engine.dispose()


run()
