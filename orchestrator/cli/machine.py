"""The local database, for commands that do not use the API."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlmodel import Session

    from orchestrator.settings import Settings


def settings_here() -> "Settings":
    """Return the settings, with the address of the embedded database of a running `govcloud up`.

    Raises:
        BadInput: no database is configured and none runs here.
    """
    from orchestrator.adapters.embedded_postgres import EmbeddedPostgres
    from orchestrator.core.errors import BadInput
    from orchestrator.settings import Settings

    settings = Settings()
    if settings.database_url:
        return settings
    embedded = EmbeddedPostgres(settings.home / "postgres")
    if not embedded.answers():
        raise BadInput(
            f"No database: none runs in {settings.home}. Start `govcloud up` or `govcloud demo`, set "
            "GOVCLOUD_HOME to the folder of one that runs, or set DATABASE_URL.",
            field="DATABASE_URL",
        )
    return settings.model_copy(update={"database_url": embedded.url})


@contextmanager
def database() -> "Iterator[Session]":
    """Yield one transaction.

    Raises:
        BadInput: no database is configured and none runs here.
    """
    from orchestrator.core.db import create_database_engine, transaction
    from orchestrator.wiring import database_url

    engine = create_database_engine(database_url(settings_here()))
    try:
        with transaction(engine) as session:
            yield session
    finally:
        engine.dispose()
