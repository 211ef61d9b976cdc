"""Run files of SQL statements."""

from pathlib import Path

import psycopg
from sqlalchemy import Connection


def run_file(connection: Connection, file: Path) -> None:
    """Run all statements of a file in the transaction of the connection, without parameters."""
    driver: psycopg.Connection[object] = connection.connection.driver_connection  # type: ignore[assignment]
    driver.execute(file.read_bytes())
