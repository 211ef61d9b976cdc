"""The preflight names exactly the tables whose updates would fail once they are published."""

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tests.ports.movers.two_servers import Pair, installed_servers, run_script

AT_HAND = installed_servers()
pytestmark = pytest.mark.skipif(
    os.geteuid() == 0, reason="PostgreSQL does not run as root; `make test` gives the tests an account"
)
TABLES = """
SET ROLE app;
CREATE TABLE good_key (n int PRIMARY KEY);
CREATE TABLE good_full (n int);
ALTER TABLE good_full REPLICA IDENTITY FULL;
CREATE TABLE good_index (n int PRIMARY KEY DEFERRABLE, m int NOT NULL CONSTRAINT other UNIQUE);
ALTER TABLE good_index REPLICA IDENTITY USING INDEX other;
CREATE TABLE good_generated (n int PRIMARY KEY, m int GENERATED ALWAYS AS (n * 2) STORED);
CREATE TABLE good_parts (n int PRIMARY KEY) PARTITION BY LIST (n);
CREATE TABLE good_part PARTITION OF good_parts FOR VALUES IN (1);

CREATE TABLE bare (n int);
CREATE TABLE key_deferrable (n int PRIMARY KEY DEFERRABLE);
CREATE TABLE key_deferred (n int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE unique_partial (n int NOT NULL);
CREATE UNIQUE INDEX ON unique_partial (n) WHERE n > 0;
CREATE TABLE unique_nullable (n int UNIQUE);
CREATE TABLE index_dropped (n int NOT NULL, m int PRIMARY KEY);
CREATE UNIQUE INDEX dropped ON index_dropped (n);
ALTER TABLE index_dropped REPLICA IDENTITY USING INDEX dropped;
DROP INDEX dropped;
CREATE TABLE nothing (n int PRIMARY KEY);
ALTER TABLE nothing REPLICA IDENTITY NOTHING;
CREATE TABLE parts (n int) PARTITION BY LIST (n);
CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE key_generated (m int, n int GENERATED ALWAYS AS (m + 1) STORED PRIMARY KEY);
CREATE TABLE full_generated (m int, n int GENERATED ALWAYS AS (m + 1) STORED);
ALTER TABLE full_generated REPLICA IDENTITY FULL;
"""
EXPECTED = {
    "bare": "no_replica_identity",
    "full_generated": "replica_identity_generated",
    "index_dropped": "replica_identity_index",
    "key_deferrable": "replica_identity_deferrable",
    "key_deferred": "replica_identity_deferrable",
    "key_generated": "replica_identity_generated",
    "nothing": "replica_identity_nothing",
    "part": "no_replica_identity",
    "unique_nullable": "no_replica_identity",
    "unique_partial": "no_replica_identity",
}


@pytest.fixture(params=[16, 18])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    if request.param not in AT_HAND:
        pytest.skip(f"No server of version {request.param} is installed")
    made = Pair(AT_HAND[request.param], AT_HAND[request.param])
    yield made
    made.close()


def test_the_preflight_names_the_tables_whose_updates_fail_once_published_and_nothing_is_published(
    pair: Pair,
) -> None:
    with pair.source.admin() as source:
        run_script(source, TABLES)
    found = pair.check("source")
    assert {table.removeprefix("public."): code for code, table in found} == EXPECTED
    with pair.source.admin() as source:
        assert pair.run("source", "prepare", step="publish")["refused"]["code"] in EXPECTED.values()
        assert source.execute("SELECT count(*) FROM pg_publication").fetchone() == (0,)
        # Before 18 it is the apply worker of the other side that fails over these.
        elsewhere = {"full_generated", "key_generated"} if source.info.server_version < 180000 else set()
        assert broken_once_published(source) == set(EXPECTED) - elsewhere


def broken_once_published(source: psycopg.Connection[tuple[str]]) -> set[str]:
    """The server's own answer: every ordinary table that refuses a DELETE while it is published."""
    source.execute("CREATE PUBLICATION everything FOR ALL TABLES")
    query = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    broken = set()
    for (table,) in source.execute(query).fetchall():
        try:
            source.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        except (psycopg.errors.ObjectNotInPrerequisiteState, psycopg.errors.InvalidColumnReference):
            broken.add(table)
    return broken


def test_a_table_that_loses_its_identity_after_preparing_is_reported_at_the_next_look(pair: Pair) -> None:
    with pair.source.admin(user="app") as client:
        client.execute("CREATE TABLE report (n int PRIMARY KEY)")
        pair.prepare()
        assert pair.run("source", "read")["findings"] == []
        client.execute("ALTER TABLE report DROP CONSTRAINT report_pkey")
        trouble = pair.run("source", "read")["findings"]
    assert [(each["code"], each["facts"]["table"]) for each in trouble] == [
        ("no_replica_identity", "public.report")
    ]
