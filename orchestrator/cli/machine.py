"""The database of this machine's product, for commands that work on it and not through the API."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session


@contextmanager
def database() -> Iterator[Session]:
    """One transaction.

    Raises:
        BadInput: no database is named; says what to do.
    """
    from orchestrator.core.db import create_database_engine, transaction
    from orchestrator.settings import Settings
    from orchestrator.wiring import database_url

    engine = create_database_engine(database_url(Settings()))
    try:
        with transaction(engine) as session:
            yield session
    finally:
        engine.dispose()
