"""Read the state of one side of a transfer: the roles that may write, the copies, the problems.

It changes one thing only: it advances the slot of an idle replication direction. The slot of a fenced side
would otherwise retain WAL that is never needed and fill the disk.
"""

import contextlib
from typing import Any

import copy_failures
import database
import psycopg
import replica_identity
import server_log
import services
import switch
import transfer as transfers
from database import Connection
from place import read_json
from psycopg import sql
from transfer import Transfer

MOST_DIFFERENCES = 20
# Views in a schema that the owner of the database has made would run with the rights of the administrator.
OWN_SCHEMA = (
    "SELECT 1 FROM pg_namespace n JOIN pg_roles r ON r.oid = n.nspowner WHERE n.nspname = %s AND r.rolsuper"
)
WRITERS = "SELECT rolname, rolcanlogin FROM pg_roles WHERE rolname = ANY (%s)"
FENCES = (
    "SELECT id, kind, side, turn FROM {schema}.switches"
    " WHERE kind IN ('fence', 'open') ORDER BY turn DESC LIMIT 12"
)
TABLES = """
SELECT n.nspname || '.' || c.relname, r.srsubstate, coalesce(p.bytes_processed, 0)
FROM pg_subscription_rel r JOIN pg_subscription s ON s.oid = r.srsubid
    JOIN pg_class c ON c.oid = r.srrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_stat_progress_copy p ON p.relid = r.srrelid
WHERE s.subname = %s ORDER BY 1
"""
SIZES = """
SELECT n.nspname || '.' || c.relname, pg_table_size(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname NOT LIKE 'pg_toast%'
"""
SUBSCRIPTION = """
SELECT s.subenabled, st.pid IS NOT NULL, coalesce(x.apply_error_count, 0), coalesce(x.sync_error_count, 0)
FROM pg_subscription s LEFT JOIN pg_stat_subscription_stats x ON x.subid = s.oid
    LEFT JOIN pg_stat_subscription st ON st.subid = s.oid AND st.relid IS NULL AND st.leader_pid IS NULL
WHERE s.subname = %s
"""
SUBSCRIPTION_FIELDS = ("enabled", "running", "errors", "copy_errors")
SLOTS = """
SELECT slot_name, active, wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint
FROM pg_replication_slots WHERE slot_name LIKE %s
"""
# Sessions of the administrator and of the mover always exist.
OTHER_SESSIONS = """
SELECT DISTINCT usename FROM pg_stat_activity
WHERE datname = %s AND backend_type = 'client backend' AND NOT usename = ANY (%s)
    AND usename <> current_user AND usename !~ '^govcloud_' ORDER BY 1
"""


def main(order: dict[str, Any], _secrets: dict[str, str]) -> dict[str, Any]:
    """order: {side, transfer}. `database` is None if it cannot be read; `trouble` are codes with facts."""
    transfer = transfers.read(order)
    prepared = (transfer.folder / "secrets.json").exists()
    trouble: list[dict[str, Any]] = []
    return {
        "side": transfer.side,
        "prepared": prepared,
        "database": read_database(transfer, prepared, trouble) if transfer.database else {},
        "folders": [
            {
                "path": folder.path,
                "open": transfer.live(folder).exists(),
                "closed": transfer.closed(folder).exists(),
            }
            for folder in transfer.folders
        ],
        "pull": read_json(transfer.folder / "pull-status.json"),
        "switch": read_json(transfer.folder / "switch.json"),
        "journal": switch.marks(transfer.folder / "switch.journal"),
        "services": {
            name: state
            for name, state in services.statuses().items()
            if name.startswith(f"transfer-{transfer.key}-")
        },
        "trouble": trouble,
    }


def read_database(transfer: Transfer, prepared: bool, trouble: list[dict[str, Any]]) -> dict[str, Any] | None:
    try:
        with database.here(transfer, "postgres") as admin:
            writers: dict[str, bool] = dict(admin.execute(WRITERS, [list(transfer.db.writers)]).fetchall())
        state: dict[str, Any] = {"writers": writers}
        with database.here(transfer) as connection:
            state |= read_replication(connection, transfer)
            if any(writers.values()):
                check_writing(connection, transfer, trouble)
            if prepared:
                compare_sides(connection, transfer, state, trouble)
                find_failures(connection, transfer, state, trouble)
    except psycopg.OperationalError as error:
        if "does not exist" in str(error):  # There is no such database yet; its writers were read before.
            return {"writers": writers, "fences": [], "slots": []}
        trouble.append(
            {"code": "database_away", "facts": {"side": transfer.side, "error": str(error).strip()[-300:]}}
        )
        return None
    return state


def read_replication(connection: Connection, transfer: Transfer) -> dict[str, Any]:
    schema = connection.execute(OWN_SCHEMA, [transfer.schema]).fetchone()
    fences = sql.SQL(FENCES).format(schema=sql.Identifier(transfer.schema))
    state = connection.execute(SUBSCRIPTION, [transfer.incoming]).fetchone()
    advance_idle_slot(connection, transfer)
    return {
        "fences": [list(row) for row in connection.execute(fences)] if schema else [],
        "subscription": dict(zip(SUBSCRIPTION_FIELDS, state, strict=True)) if state else None,
        "tables": [list(row) for row in connection.execute(TABLES, [transfer.incoming])],
        "slots": [
            dict(zip(("name", "active", "wal_status", "retained_bytes"), row, strict=True))
            for row in connection.execute(SLOTS, [f"govcloud\\_{transfer.key}\\_%"])
        ],
    }


def advance_idle_slot(connection: Connection, transfer: Transfer) -> None:
    """Advance the slot of a fenced side; the lock keeps a cutover from opening this side meanwhile."""
    with connection.transaction(), contextlib.suppress(psycopg.errors.ObjectInUse):
        lock = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
        if connection.execute(lock, [transfer.schema]).fetchone() != (True,):
            return
        if any(row[1] for row in connection.execute(WRITERS, [list(transfer.db.writers)])):
            return
        advance = (
            "SELECT pg_replication_slot_advance(slot_name, pg_current_wal_lsn()) FROM pg_replication_slots"
            " WHERE slot_name = %s AND NOT active AND wal_status <> 'lost'"
        )
        connection.execute(advance, [transfer.outgoing])


def check_writing(connection: Connection, transfer: Transfer, trouble: list[dict[str, Any]]) -> None:
    """On the serving side: find writers that the fence does not stop, and tables that cannot be published."""
    named = list(transfer.db.writers)
    for (role,) in connection.execute(database.OTHER_WRITERS, [named]).fetchall():
        trouble.append({"code": "other_writer", "facts": {"side": transfer.side, "role": role}})
    for (role,) in connection.execute(OTHER_SESSIONS, [transfer.db.name, named]).fetchall():
        trouble.append({"code": "other_session", "facts": {"side": transfer.side, "role": role}})
    for table, code in replica_identity.tables_without(connection):
        trouble.append({"code": code, "facts": {"side": transfer.side, "table": table}})


def compare_sides(
    connection: Connection, transfer: Transfer, state: dict[str, Any], trouble: list[dict[str, Any]]
) -> None:
    """Check that the other side can be reached and has the same columns, and read the sizes of its tables."""
    try:
        with database.there(transfer) as other:
            state["reaches_other"] = True
            state["sizes"] = dict(other.execute(SIZES).fetchall())
            differences = database.schema_differences(connection, other, transfer.schema)[:MOST_DIFFERENCES]
            trouble += [{"code": "schema_differs", "facts": difference} for difference in differences]
    except psycopg.Error as error:
        state["reaches_other"] = False
        facts = {"side": transfer.side, "error": str(error).strip()[-300:]}
        trouble.append({"code": "other_side_away", "facts": facts})


def find_failures(
    connection: Connection, transfer: Transfer, state: dict[str, Any], trouble: list[dict[str, Any]]
) -> None:
    """Find changes that cannot be applied here and failed initial copies, with the messages of the server."""
    subscription = state["subscription"]
    if not subscription or not subscription["enabled"]:
        return
    applies = subscription["running"]
    if applies and not subscription["copy_errors"]:
        return
    errors = server_log.errors(connection, transfer.incoming)
    if not applies:
        facts = {"side": transfer.side, "errors": subscription["errors"], "last": (errors or {}).get("", "-")}
        trouble.append({"code": "apply_fails", "facts": facts})
    if subscription["copy_errors"]:
        failed = copy_failures.failed_copies(connection, transfer.incoming, errors)
        trouble += [{"code": "copy_fails", "facts": {"side": transfer.side, **facts}} for facts in failed]
