"""The functions of the database, one file each.

Every upgrade replaces them, so no revision repeats their text.

A function that gets other parameters or another result needs a revision that drops the old one.
"""

from pathlib import Path
from typing import Final

from sqlalchemy import Connection

from orchestrator.schema.sql_files import run_file

FILES: Final = tuple(sorted(Path(__file__).resolve().parent.glob("*.sql")))


def create_functions(connection: Connection) -> None:
    """Create or replace every function, in the transaction of the connection."""
    for file in FILES:
        run_file(connection, file)
