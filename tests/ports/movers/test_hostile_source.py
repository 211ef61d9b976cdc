"""Nothing that the owner of a database has put first in the search path is called with the mover's rights."""

import os
from collections.abc import Iterator

import pytest

from tests.ports.movers.two_servers import Pair, Server, Side, installed_servers, run_script

pytestmark = pytest.mark.skipif(
    os.geteuid() == 0, reason="PostgreSQL does not run as root; `make test` gives the tests an account"
)
# A schema of the application's role with a namesake of every system view and table and of many functions and
# operators. Each fails as soon as it is called, and tells by whom.
TRAPS = """
SET ROLE app;
CREATE TABLE report (id int PRIMARY KEY, name text, n serial);
INSERT INTO report SELECT n, 'x' FROM generate_series(1, 20) n;
CREATE SCHEMA trap;
CREATE FUNCTION trap.spring() RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'hostile code runs as %', current_user; END $$;
CREATE FUNCTION trap.as_text(report) RETURNS text LANGUAGE sql AS 'SELECT trap.spring()::text';
CREATE CAST (report AS text) WITH FUNCTION trap.as_text(report);
DO $traps$
DECLARE made record;
BEGIN
    FOR made IN SELECT c.relname FROM pg_catalog.pg_class c
        WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v')
    LOOP
        EXECUTE format('CREATE VIEW trap.%I AS SELECT trap.spring()', made.relname);
    END LOOP;
    FOR made IN SELECT p.proname AS name, pg_get_function_identity_arguments(p.oid) AS arguments,
            p.prorettype::regtype AS type
        FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset
            AND p.provariadic = 0 AND p.proallargtypes IS NULL AND p.proname !~ '_(in|out|send|recv)$'
            AND p.proname ~ ('^(pg_|to_reg|quote_|hashtext|has_table|format_type|current_setting|set_config'
                || '|setval|now|clock)')
            AND NOT EXISTS (SELECT FROM pg_type t WHERE t.typtype = 'p' AND t.typname <> 'void'
                AND (t.oid = ANY (p.proargtypes) OR t.oid = p.prorettype))
    LOOP
        EXECUTE format('CREATE FUNCTION trap.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L',
            made.name, made.arguments, made.type, 'BEGIN PERFORM trap.spring(); END');
    END LOOP;
    FOR made IN SELECT o.oprname AS name, o.oprleft::regtype AS one, o.oprright::regtype AS other,
            row_number() OVER () AS n
        FROM pg_catalog.pg_operator o WHERE o.oprkind = 'b' AND o.oprresult = 'bool'::regtype
            AND o.oprname IN ('=', '<>', '<', '>', '<=', '>=', '~', '!~', '~~', '!~~')
            AND o.oprleft IN (SELECT oid FROM pg_type WHERE typname IN
                ('name', 'text', 'oid', 'int2', 'int4', 'int8', 'bool', 'char', 'pg_lsn', 'timestamptz'))
    LOOP
        EXECUTE format('CREATE FUNCTION trap.operator_%s(%s, %s) RETURNS boolean LANGUAGE sql AS %L',
            made.n, made.one, made.other, 'SELECT trap.spring()');
        EXECUTE format('CREATE OPERATOR trap.%s (FUNCTION = trap.operator_%s, LEFTARG = %s, RIGHTARG = %s)',
            made.name, made.n, made.one, made.other);
    END LOOP;
END $traps$;
"""
# A schema of the mover's name that the application has made before the mover comes.
PRETENDER = """
SET ROLE app;
CREATE SCHEMA govcloud_bare;
CREATE VIEW govcloud_bare.switches AS
    SELECT '1'::text AS id, 'fence'::text AS kind, 'source'::text AS side, 1 AS turn WHERE trap.spring();
"""
SET_PATHS = """
ALTER DATABASE app SET search_path = trap, pg_catalog, public;
ALTER ROLE postgres SET search_path = trap, pg_catalog, public;
ALTER ROLE ALL SET search_path = trap, pg_catalog, public;
ALTER ROLE postgres IN DATABASE app SET search_path = trap, pg_catalog, public;
"""


@pytest.fixture
def pair() -> Iterator[Pair]:
    newest = installed_servers()
    made = Pair(newest[max(newest)], newest[max(newest)])
    yield made
    made.close()


def set_paths(server: Server) -> None:
    """Set the path in which the traps come first, and show that it works."""
    with server.admin() as admin:
        run_script(admin, SET_PATHS)
    with server.admin_as_set_up() as admin, pytest.raises(Exception, match="hostile code runs as postgres"):
        admin.execute("SELECT count(*) FROM pg_class")


def test_a_migration_calls_nothing_of_the_database_owner_with_the_rights_of_an_administrator(
    pair: Pair,
) -> None:
    with pair.source.admin() as source:
        run_script(source, TRAPS + PRETENDER)
    set_paths(pair.source)
    assert pair.check("source") == []
    assert pair.run("source", "read")["findings"] == []
    with pair.target.admin("postgres") as target:
        run_script(target, "ALTER ROLE ALL SET search_path = trap, pg_catalog, public")
    pair.prepare()
    set_paths(pair.target)
    pair.wait_until_copied()
    switch(pair, "target")
    pair.wait_until_copied()
    switch(pair, "source")
    pair.clean_up()
    with pair.source.admin() as source:
        assert source.execute("SELECT count(*) FROM report").fetchone() == (20,)


def switch(pair: Pair, to: Side) -> None:
    done = pair.cut_over(to)
    assert done["outcome"] == "switched", done
    found = pair.prove(to)
    assert found["source"]["tables"] == found["target"]["tables"]
    assert found["source"]["tables"]["public.report"]["rows"] == 20
    pair.follow(to)
