"""A database that preflight accepts can be migrated, there and back, on every PostgreSQL at hand."""

import os
from collections.abc import Iterator

import psycopg
import pytest

from tests.parts import skip_without
from tests.ports.movers.two_servers import Pair, Side, installed_servers, run_script

pytestmark = pytest.mark.skipif(
    os.geteuid() == 0, reason="PostgreSQL does not run as root; `make test` gives the tests an account"
)
OLDEST, AT_HAND = 16, installed_servers()
ACCEPTED = sorted(major for major in AT_HAND if major >= OLDEST)
PAIRS = sorted({(major, max(ACCEPTED)) for major in ACCEPTED} | {(OLDEST, OLDEST)})
NEEDED = {OLDEST, 18}
SCHEMA = """
SET ROLE app;
CREATE TYPE level AS ENUM ('low', 'high');
CREATE DOMAIN millimetres AS integer CHECK (VALUE >= 0);
CREATE TABLE report (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, river text NOT NULL, level level, rain millimetres,
    double_rain integer GENERATED ALWAYS AS (rain * 2) STORED, at timestamptz, data jsonb, file bytea);
CREATE TABLE "日报" (day date, n int, PRIMARY KEY (day, n)) PARTITION BY RANGE (day);
CREATE TABLE "日报 1" PARTITION OF "日报" FOR VALUES FROM ('2019-06-01') TO ('2019-07-01');
CREATE INDEX ON report (lower(river));
INSERT INTO report (river, level, rain, at, data, file)
    SELECT 'r' || n, 'high', n, '2019-06-19', '{"a": 1}', '\\x00ff' FROM generate_series(1, 500) n;
INSERT INTO "日报" SELECT '2019-06-19', n FROM generate_series(1, 50) n;
"""


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]}-to-{pair[1]}")
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    source, target = request.param
    made = Pair(AT_HAND[source], AT_HAND[target])
    yield made
    made.close()


def test_the_oldest_and_the_newest_accepted_versions_are_at_hand() -> None:
    if missing := NEEDED - set(AT_HAND):
        skip_without("postgres", f"No server of version {missing}")
    assert set(ACCEPTED) >= NEEDED


def test_what_a_preflight_accepts_is_moved_there_and_back_with_every_write(pair: Pair) -> None:
    with pair.source.admin() as source:
        run_script(source, SCHEMA)
        shape = database_shape(source)
    assert (pair.check("source"), pair.check("target")) == ([], [])
    pair.prepare()
    pair.wait_until_copied()
    with pair.target.admin() as target:
        assert database_shape(target) == shape
    switch(pair, "target")
    switch(pair, "source")
    with pair.source.admin() as source:
        rivers = source.execute("SELECT river FROM report WHERE river LIKE 'after%' ORDER BY 1").fetchall()
        assert rivers == [("after source",), ("after target",)]
    pair.clean_up()


def switch(pair: Pair, to: Side) -> None:
    """Let the other side serve: the same rows are there, and its clients can write."""
    done = pair.cut_over(to)
    assert done["outcome"] == "switched", done
    found = pair.prove(to)
    assert found["source"]["tables"] == found["target"]["tables"]
    assert found["source"]["tables"]["public.report"]["rows"] >= 500
    pair.follow(to)
    with pair.servers[to].admin(user="app") as client:
        client.execute("INSERT INTO report (river) VALUES (%s)", [f"after {to}"])
        client.execute("UPDATE report SET rain = 7 WHERE id = 1")
        client.execute("DELETE FROM report WHERE id = 2")


def database_shape(connection: psycopg.Connection[tuple[object, ...]]) -> object:
    """Encoding and locale of the connection's database; the provider must not become the target's own."""
    query = (
        "SELECT pg_encoding_to_char(encoding), datlocprovider, datcollate, datctype"
        " FROM pg_database WHERE datname = current_database()"
    )
    return connection.execute(query).fetchone()


@pytest.fixture(scope="module")
def older() -> Iterator[Pair]:
    """Two servers that are too old; those of the distribution know ICU."""
    majors = [major for major in AT_HAND if major < OLDEST]
    if not majors:
        skip_without("older postgres", "No server older than the oldest accepted one is installed")
    made = Pair(AT_HAND[max(majors)], AT_HAND[max(majors)])
    yield made
    made.close()


def test_a_server_that_is_too_old_is_a_finding_and_the_rest_of_the_preflight_goes_on(older: Pair) -> None:
    with older.source.admin() as source:
        source.execute("CREATE TABLE bare (n int)")
    assert older.check("source") == [("version_too_old", None), ("no_replica_identity", "public.bare")]
    assert ("version_too_old", None) in older.check("target")


def test_the_locale_of_icu_is_read_before_17_from_the_column_of_that_time(older: Pair) -> None:
    with older.source.admin("postgres") as admin:
        try:
            admin.execute("CREATE DATABASE icu TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'de'")
        except psycopg.errors.FeatureNotSupported:
            pytest.skip("The server was built without ICU")
    options = older.evaluate("source", "icu", "schema_copy.database_options")
    assert options == ["UTF8", "C", "C", "i", "de", "postgres"]
