"""Schema revisions form one line, are reversible, give up locks soon, and equal the models."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from psycopg.errors import LockNotAvailable
from sqlalchemy import CheckConstraint

from orchestrator.schema import revisions
from orchestrator.schema.tables import metadata
from tests.loops import at_least_one
from tests.postgres import Server

ROOT = Path(__file__).resolve().parents[2]
QUOTED = re.compile(r"'([^']*)'")
CHECKS = """
SELECT t.relname, c.conname, pg_get_constraintdef(c.oid) FROM pg_constraint c
JOIN pg_class t ON t.oid = c.conrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE c.contype = 'c' AND n.nspname = 'public'
"""
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname IN ('public', 'queue')"


@pytest.fixture
def empty_url(server: Server) -> Iterator[str]:
    name = server.create_database()
    yield server.url(name)
    server.drop_database(name)


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {row[0] for row in connection.execute(TABLES)}


def test_an_upgraded_empty_database_equals_the_models(database_url: str) -> None:
    revisions.check(database_url)


def test_there_is_one_line_of_revisions_from_nothing_to_the_newest() -> None:
    scripts = ScriptDirectory.from_config(revisions.configuration("postgresql://"))
    assert len(scripts.get_heads()) == 1
    assert len(scripts.get_bases()) == 1
    assert all(not script.is_branch_point for script in scripts.walk_revisions())


def test_every_revision_can_be_taken_back_and_applied_again(database_url: str) -> None:
    whole = tables(database_url)
    command.downgrade(revisions.configuration(database_url), "base")
    assert tables(database_url) == {"alembic_version"}
    revisions.upgrade(database_url)
    assert tables(database_url) == whole
    revisions.check(database_url)


def test_a_revision_that_cannot_get_its_lock_gives_up_soon(database_url: str) -> None:
    with psycopg.connect(database_url) as somebody:
        somebody.execute(
            "SELECT * FROM audit_events, execution_plans, resources, usage_intervals, holds LIMIT 1"
        )
        with pytest.raises(LockNotAvailable, match="lock timeout"):
            command.downgrade(revisions.configuration(database_url), "base")
    revisions.upgrade(database_url)
    revisions.check(database_url)


def test_two_upgrades_at_once_wait_for_each_other(empty_url: str) -> None:
    code = "import sys; from orchestrator.schema.revisions import upgrade; upgrade(sys.argv[1])"
    both = [subprocess.Popen([sys.executable, "-B", "-c", code, empty_url], cwd=ROOT) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    revisions.check(empty_url)


def test_every_check_of_the_models_stands_in_the_database_and_allows_the_same_words(
    database_url: str,
) -> None:
    with psycopg.connect(database_url) as connection:
        present = {(table, name): text for table, name, text in connection.execute(CHECKS)}
    for table in metadata.sorted_tables:
        for check in table.constraints:
            if isinstance(check, CheckConstraint):
                found = present.pop((table.name, str(check.name)), None)
                assert found is not None, f"{table.name}: {check.name} is missing in the database"
                if str(check.name).endswith("_known"):
                    words = set(QUOTED.findall(str(check.sqltext)))
                    assert set(QUOTED.findall(found)) == words, f"{table.name}: {check.name}"
    assert not present, "checks of the database that no model knows"


@pytest.mark.invariant(38)
def test_every_table_with_a_status_names_the_known_ones() -> None:
    columns = [
        (table, column)
        for table in metadata.sorted_tables
        for column in {"status", "state"} & set(table.columns.keys())
    ]
    for table, column in at_least_one(columns):
        names = [str(check.name) for check in table.constraints]
        assert any(name.endswith(f"{column}_known") for name in names), f"{table.name}.{column}"


def test_the_queue_lives_in_a_schema_of_its_own(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT schemaname FROM pg_tables WHERE tablename LIKE 'procrastinate%'")
        assert {row[0] for row in rows} == {"queue"}


def test_every_foreign_key_and_check_has_a_name_that_says_what_it_is() -> None:
    checks = [
        (table, check)
        for table in metadata.sorted_tables
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    ]
    for table, check in at_least_one(checks):
        assert check.name, f"{table.name}: {check.sqltext}"
