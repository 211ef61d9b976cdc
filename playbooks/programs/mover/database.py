"""Connections to the databases of both sides, and the objects that the mover creates in them."""

from typing import Any

import psycopg
from administrator import pinned
from database_login import PROVEN
from host_files import host_path
from psycopg import conninfo, sql
from transfer import Transfer

Connection = psycopg.Connection[tuple[Any, ...]]
SECONDS_TO_CONNECT = 3
KEEPALIVE: dict[str, Any] = {
    "connect_timeout": SECONDS_TO_CONNECT,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
}
CREATE_PUBLISHER = """
SET LOCAL password_encryption = 'scram-sha-256';
CREATE SCHEMA {schema};
CREATE TABLE {schema}.switches (
    id text NOT NULL, kind text NOT NULL, side text NOT NULL, turn bigint NOT NULL DEFAULT 0,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lsn pg_lsn NOT NULL DEFAULT pg_current_wal_lsn(), PRIMARY KEY (id, kind));
CREATE FUNCTION {schema}.allow_writers(allowed boolean) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
    writer text;
BEGIN
    FOREACH writer IN ARRAY {writers}::text[] LOOP
        EXECUTE format('ALTER ROLE %I %s', writer, CASE WHEN allowed THEN 'LOGIN' ELSE 'NOLOGIN' END);
    END LOOP;
END $body$;
-- Terminates the writers' sessions and returns how many there were. A session that is still logging in may
-- have read its role before NOLOGIN and has no user name in pg_stat_activity yet, but it already holds a
-- virtual transaction, so it is counted by its lock.
CREATE FUNCTION {schema}.terminate_writers() RETURNS bigint LANGUAGE sql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS $body$
    SELECT (SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE usename = ANY ({writers}::text[]))
        + (SELECT count(*) FROM pg_locks l
            WHERE l.locktype = 'virtualxid' AND l.granted AND l.pid <> pg_backend_pid() AND NOT EXISTS (
                SELECT FROM pg_stat_activity a WHERE a.pid = l.pid
                    AND (a.usesysid IS NOT NULL OR a.backend_type IS DISTINCT FROM 'client backend')))
$body$;
REVOKE ALL ON FUNCTION {schema}.allow_writers(boolean), {schema}.terminate_writers() FROM PUBLIC;
CREATE ROLE {role} LOGIN REPLICATION PASSWORD {password};
GRANT pg_read_all_data TO {role};
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT USAGE ON SCHEMA {schema} TO {role};
GRANT INSERT ON {schema}.switches TO {role};
GRANT EXECUTE ON FUNCTION {schema}.allow_writers(boolean), {schema}.terminate_writers() TO {role};
CREATE PUBLICATION {schema} FOR ALL TABLES;
"""
ALLOW_WRITERS = "SELECT {schema}.allow_writers(true)"
DENY_WRITERS = "SELECT {schema}.allow_writers(false)"
TERMINATE_WRITERS = "SELECT {schema}.terminate_writers()"
# A running switch holds this advisory lock; see `try_lock`.
TERMINATE_LOCK_HOLDERS = """
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
COLUMNS = """
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
    AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_toast%%'
    AND n.nspname <> %s
"""


def admin_conninfo(transfer: Transfer, database: str | None = None) -> str:
    """Return the administrator's connection string, for the migrated database unless another is named."""
    text = host_path(transfer.db.admin).read_text("utf-8").strip()
    return pinned(text, dbname=database or transfer.db.name, **KEEPALIVE)


def peer_conninfo(transfer: Transfer) -> str:
    """Return the connection string for the peer's database, with the role that exists there for us."""
    return conninfo.make_conninfo(
        host=transfer.peer_address,
        port=transfer.db.port,
        dbname=transfer.db.name,
        user=transfer.subscription,
        password=transfer.secrets()[f"{transfer.incoming_direction}_password"],
        application_name=transfer.subscription,
        **KEEPALIVE,
        **PROVEN,
    )


def connect(transfer: Transfer, database: str | None = None) -> Connection:
    """Connect to this side as administrator. Raises psycopg.OperationalError."""
    return psycopg.connect(admin_conninfo(transfer, database), autocommit=True)


class DatabaseMissing(Exception):
    """The database does not exist on this side, because its copy has not begun."""


def connect_existing(transfer: Transfer) -> Connection:
    """As `connect`; raises DatabaseMissing instead if there is no such database."""
    try:
        return connect(transfer)
    except psycopg.OperationalError as error:
        if "does not exist" in str(error):
            raise DatabaseMissing from error
        raise


def connect_peer(transfer: Transfer) -> Connection:
    """Connect to the peer. Raises psycopg.OperationalError."""
    return psycopg.connect(pinned(peer_conninfo(transfer)), autocommit=True)


def in_schema(statement: str, transfer: Transfer) -> sql.Composed:
    """Return one of the statements above with the name of the mover's schema."""
    return sql.SQL(statement).format(schema=sql.Identifier(transfer.schema))


def try_lock(connection: Connection, transfer: Transfer) -> bool:
    """Take the lock of the transfer's switch until the connection ends; False if another session has it."""
    query = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
    return connection.execute(query, [transfer.schema]).fetchone() == (True,)


def publish(connection: Connection, transfer: Transfer, password: str) -> None:
    """Create schema, functions, role and publication for the peer; replace those of an earlier attempt."""
    names = {
        "schema": sql.Identifier(transfer.schema),
        "role": sql.Identifier(transfer.peer_role),
        "database": sql.Identifier(transfer.db.name),
    }
    values = {"writers": sql.Literal(list(transfer.db.writers)), "password": sql.Literal(password)}
    unpublish(connection, transfer)
    with connection.transaction():
        connection.execute(sql.SQL(CREATE_PUBLISHER).format(**names, **values))


def unpublish(connection: Connection, transfer: Transfer) -> list[str]:
    """Drop the objects of `publish`. Returns kind and name of each dropped object. Raises psycopg.Error."""
    dropped = []
    schema, role = sql.Identifier(transfer.schema), sql.Identifier(transfer.peer_role)
    if connection.execute("SELECT 1 FROM pg_publication WHERE pubname = %s", [transfer.schema]).fetchone():
        connection.execute(sql.SQL("DROP PUBLICATION {}").format(schema))
        dropped.append(f"publication {transfer.schema}")
    if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [transfer.schema]).fetchone():
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(schema))
        dropped.append(f"schema {transfer.schema}")
    if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [transfer.peer_role]).fetchone():
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [transfer.peer_role]
        )
        connection.execute(sql.SQL("DROP OWNED BY {}").format(role))
        connection.execute(sql.SQL("DROP ROLE {}").format(role))
        dropped.append(f"role {transfer.peer_role}")
    return dropped


def subscribe(connection: Connection, transfer: Transfer, *, copy_data: bool) -> None:
    """Subscribe to the peer: with the initial copy, or disabled, so that only the slot on the peer exists.

    Because of `origin = none`, the peer never sends back rows that it received by replication.
    """
    options = "origin = none, streaming = parallel" + (
        "" if copy_data else ", copy_data = false, enabled = false"
    )
    statement = sql.SQL("CREATE SUBSCRIPTION {} CONNECTION {} PUBLICATION {} WITH (" + options + ")")
    names = (
        sql.Identifier(transfer.subscription),
        sql.Literal(peer_conninfo(transfer)),
        sql.Identifier(transfer.schema),
    )
    connection.execute(statement.format(*names))


def schema_differences(local: Connection, peer: Connection, transfer: Transfer) -> list[dict[str, str]]:
    """Return the columns that only one `side` has."""
    local_columns, peer_columns = (
        set(connection.execute(COLUMNS, [transfer.schema]).fetchall()) for connection in (local, peer)
    )
    differences = [(column, transfer.side) for column in local_columns - peer_columns]
    differences += [(column, transfer.peer_side) for column in peer_columns - local_columns]
    return [
        {"table": f"{schema}.{table}", "column": column, "type": column_type, "side": side}
        for (schema, table, column, column_type), side in sorted(differences)
    ]
