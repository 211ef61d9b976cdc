"""Connections to the two databases of a transfer, and the objects of the mover in them."""

from typing import Any

import psycopg
from administrator import pinned
from database_login import PROVEN
from place import below
from psycopg import conninfo, sql
from transfer import Transfer

Connection = psycopg.Connection[tuple[Any, ...]]
SECONDS_TO_CONNECT = 3
ALIVE: dict[str, Any] = {
    "connect_timeout": SECONDS_TO_CONNECT,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
OFFER = """
SET LOCAL password_encryption = 'scram-sha-256';
CREATE SCHEMA {schema};
CREATE TABLE {schema}.switches (
    id text NOT NULL, kind text NOT NULL, side text NOT NULL, turn bigint NOT NULL DEFAULT 0,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lsn pg_lsn NOT NULL DEFAULT pg_current_wal_lsn(), PRIMARY KEY (id, kind));
CREATE FUNCTION {schema}.let_in(allowed boolean) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    writer text;
BEGIN
    FOREACH writer IN ARRAY {writers}::text[] LOOP
        EXECUTE format('ALTER ROLE %I %s', writer, CASE WHEN allowed THEN 'LOGIN' ELSE 'NOLOGIN' END);
    END LOOP;
END $body$;
-- Ends the sessions of the writers and counts them. A session that is logging in has looked up its role but
-- is not in pg_stat_activity yet; it holds a virtual transaction already, so it is counted too.
CREATE FUNCTION {schema}.end_sessions() RETURNS bigint LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $body$
    SELECT (SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE usename = ANY ({writers}::text[]))
        + (SELECT count(*) FROM pg_locks l
            WHERE l.locktype = 'virtualxid' AND l.granted AND l.pid <> pg_backend_pid() AND NOT EXISTS (
                SELECT FROM pg_stat_activity a WHERE a.pid = l.pid
                    AND (a.usesysid IS NOT NULL OR a.backend_type IS DISTINCT FROM 'client backend')))
$body$;
REVOKE ALL ON FUNCTION {schema}.let_in(boolean), {schema}.end_sessions() FROM PUBLIC;
CREATE ROLE {role} LOGIN REPLICATION PASSWORD {password};
GRANT pg_read_all_data TO {role};
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT INSERT ON {schema}.switches TO {role};
GRANT EXECUTE ON FUNCTION {schema}.let_in(boolean), {schema}.end_sessions() TO {role};
CREATE PUBLICATION {schema} FOR ALL TABLES;
"""
END_SWITCH = """
SELECT pg_terminate_backend(pid) FROM pg_locks
WHERE locktype = 'advisory' AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32 | objid::bigint) = hashtextextended(%s, 0)
"""
OTHER_WRITERS = """
SELECT rolname FROM pg_roles r
WHERE rolcanlogin AND NOT rolname = ANY (%s) AND NOT rolsuper AND rolname !~ '^(pg|govcloud)_' AND EXISTS (
    SELECT FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.oid >= 16384
        AND has_table_privilege(r.oid, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')) ORDER BY 1
"""
SCHEMA_DIFFERENCES = """
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%%'
"""


def admin_conninfo(transfer: Transfer, database: str | None = None) -> str:
    """Return the connection string of the administrator; its database is the migrated one by default."""
    text = below(transfer.db.admin).read_text("utf-8").strip()
    return pinned(text, dbname=database or transfer.db.name, **ALIVE)


def peer_conninfo(transfer: Transfer) -> str:
    """Return the connection string to the database of the other side, with the role of the mover there."""
    return conninfo.make_conninfo(
        host=transfer.other_address,
        port=transfer.db.port,
        dbname=transfer.db.name,
        user=transfer.incoming,
        password=transfer.secrets()[f"{transfer.receives}_password"],
        application_name=transfer.incoming,
        **ALIVE,
        **PROVEN,
    )


def here(transfer: Transfer, database: str | None = None) -> Connection:
    """Return a connection of the administrator to this side. Raises psycopg.OperationalError."""
    return psycopg.connect(admin_conninfo(transfer, database), autocommit=True)


def there(transfer: Transfer) -> Connection:
    """Return a connection of the mover to the other side. Raises psycopg.OperationalError."""
    return psycopg.connect(pinned(peer_conninfo(transfer)), autocommit=True)


def offer(connection: Connection, transfer: Transfer, password: str) -> None:
    """Create the objects that the other side needs here, after removing those of an earlier attempt."""
    names = {
        "schema": sql.Identifier(transfer.schema),
        "role": sql.Identifier(transfer.outgoing),
        "database": sql.Identifier(transfer.db.name),
    }
    values = {"writers": sql.Literal(list(transfer.db.writers)), "password": sql.Literal(password)}
    withdraw(connection, transfer)
    with connection.transaction():
        connection.execute(sql.SQL(OFFER).format(**names, **values))


def withdraw(connection: Connection, transfer: Transfer) -> list[str]:
    """Remove the objects of `offer` and return them by kind and name. Raises psycopg.Error."""
    removed = []
    schema, role = sql.Identifier(transfer.schema), sql.Identifier(transfer.outgoing)
    if connection.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", [transfer.schema]).fetchone():
        connection.execute(sql.SQL("DROP PUBLICATION {}").format(schema))
        removed.append(f"publication {transfer.schema}")
    if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [transfer.schema]).fetchone():
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(schema))
        removed.append(f"schema {transfer.schema}")
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [transfer.outgoing]).fetchone():
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [transfer.outgoing]
        )
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))
        removed.append(f"role {transfer.outgoing}")
    return removed


def subscribe(connection: Connection, transfer: Transfer, *, follows: bool) -> None:
    """Subscribe to the other side: with a copy of all its data, or idle, with a slot only.

    With origin = none, changes that replication brought to the other side are never sent back.
    """
    options = "origin = none, streaming = parallel" + (
        "" if follows else ", copy_data = false, enabled = false"
    )
    statement = sql.SQL("CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH (" + options + ")")
    names = (
        sql.Identifier(transfer.incoming),
        sql.Literal(peer_conninfo(transfer)),
        sql.Identifier(transfer.schema),
    )
    connection.execute(statement.format(*names))


def schema_differences(one: Connection, other: Connection, own: str) -> list[dict[str, str]]:
    """Return the columns that only one of the two databases has; `side` is `here` or `there`."""
    query = SCHEMA_DIFFERENCES + "AND n.nspname <> %s"
    columns = [set(connection.execute(query, [own]).fetchall()) for connection in (one, other)]
    differences = [(row, "here") for row in columns[0] - columns[1]] + [
        (row, "there") for row in columns[1] - columns[0]
    ]
    return [
        {"table": f"{row[0]}.{row[1]}", "column": row[2], "type": row[3], "side": side}
        for row, side in sorted(differences)
    ]
