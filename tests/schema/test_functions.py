"""The functions of the database: one file each, equal to the installed ones."""

from collections.abc import Mapping

import psycopg

from orchestrator.schema import revisions
from orchestrator.schema.functions import FILES

FUNCTIONS = """
SELECT proname, pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'public' AND NOT EXISTS (
    SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
"""
EARLIER = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'
"""


def functions(connection: psycopg.Connection[tuple[str, str]]) -> Mapping[str, str]:
    return dict(connection.execute(FUNCTIONS).fetchall())


def test_every_function_of_an_upgraded_database_has_a_file_and_equals_it(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        installed = functions(connection)
        for file in FILES:
            connection.execute(file.read_bytes())
        assert [file.stem for file in FILES] == sorted(installed)
        assert functions(connection) == installed
        connection.rollback()


def test_an_upgrade_replaces_the_functions_of_an_earlier_version(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        wanted = functions(connection)
        connection.execute(EARLIER)
    revisions.upgrade(database_url)
    with psycopg.connect(database_url) as connection:
        assert functions(connection) == wanted
