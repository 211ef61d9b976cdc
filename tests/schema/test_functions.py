"""The functions of the database: one file each, equal to the installed ones."""

from collections.abc import Mapping
from pathlib import Path

import psycopg

from orchestrator import schema

FILES = sorted((Path(schema.__file__).parent / "functions").glob("*.sql"))
FUNCTIONS = """
SELECT proname, pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'public' AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
"""


def functions(connection: psycopg.Connection[tuple[str, str]]) -> Mapping[str, str]:
    return dict(connection.execute(FUNCTIONS).fetchall())


def test_every_function_of_a_migrated_database_has_a_file_and_equals_it(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        installed = functions(connection)
        for file in FILES:
            connection.execute(file.read_bytes())
        assert [file.stem for file in FILES] == sorted(installed)
        assert functions(connection) == installed
        connection.rollback()
